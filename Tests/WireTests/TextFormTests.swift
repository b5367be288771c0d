import TestSupport
import Testing
import Wire

@Suite struct MACAddressTests {
    @Test func textIsReadAndWritten() {
        #expect(MACAddress("02:00:00:00:00:01")?.rawValue == 0x0200_0000_0001)
        #expect(MACAddress("FF:ee:Dd:00:0a:A0")?.description == "ff:ee:dd:00:0a:a0")
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<1000 {
            let address = MACAddress(rawValue: generator.next() >> 16)
            #expect(MACAddress(address.description) == address)
        }
    }

    @Test(arguments: [
        "", ":::::", "02:00:00:00:00", "02:00:00:00:00:01:02", "2:0:0:0:0:1", "02-00-00-00-00-01", "02:00:00:00:00:0g",
        "02:00:00:00:00:+1", "02:00:00:00:00:-1", "02:00:00:00:00:001", " 2:00:00:00:00:01", "020000000001",
        "02:00:00:00:00:0١",
    ]) func whatIsNoneIsRefused(_ text: String) { #expect(MACAddress(text) == nil) }
}

@Suite struct HexadecimalTests {
    @Test func bytesAreReadAndWritten() {
        #expect(Hexadecimal.bytes("00ff7A") == [0, 255, 0x7A])
        #expect(Hexadecimal.bytes("0x00ff") == [0, 255])
        #expect(Hexadecimal.bytes("") == [])
        #expect(Hexadecimal.text([0, 255, 0x7A]) == "00ff7a")
        var generator = SeededGenerator(seed: 1)
        for count in 0..<200 {
            let bytes = generator.bytes(count)
            #expect(Hexadecimal.bytes(Hexadecimal.text(bytes)) == bytes)
        }
    }

    @Test(arguments: ["0", "0x0", "0xx0", "0g", " 00", "00 ", "00:11", "+1", "-1", "0X00", "１２", "x0"])
    func whatIsNoneIsRefused(_ text: String) { #expect(Hexadecimal.bytes(text) == nil) }
}
