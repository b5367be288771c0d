import ControlPlane
import Testing

@Suite struct MachineRoomTests {
    @Test(
        arguments: [
            (8, 0, 800), (8, 8, 400), (8, 24, 200), (2, 0, 200), (1, 1e9, 1), (64, 0, 1000), (0, 0, 100),
            (4, -.infinity, 400),
            (4, .nan, 400),
        ] as [(Int, Double, UInt16)])
    func theRoomIsWhatOthersLeave(processors: Int, load: Double, weight: UInt16) {
        #expect(MachineRoom.weight(processors: processors, load: load) == weight)
    }

    @Test func theLoadIsTheFirstWordOfItsLine() {
        #expect(MachineRoom.load("0.20 0.18 0.12 1/80 11206\n") == 0.2)
        for line in ["", "x 1 2", "1.0", "-1 0 0", "nan 0 0"] { #expect(MachineRoom.load(line) == nil) }
    }
}
