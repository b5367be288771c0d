import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// I6, on the packet path: what an owner of before still sends is refused.
@Suite struct EpochTests {
    private func epoch(_ value: UInt32) -> Publication { .epoch(Epoch(rawValue: value)) }

    @Test func aRouterWritesItsEpochIntoEveryTemplate() throws {
        var bench = Example.bench()
        try bench.router.apply(epoch(9))
        // With an address that is learnt later, too; and an older epoch is nothing to go back to.
        try bench.router.apply(.neighbour(target: "t2", MACAddress(rawValue: 0x0200_0000_0011)))
        try bench.router.apply(epoch(8))
        for target in 0..<3 {
            let frame = Example.tunnelFrame(
                number: UInt64(target + 1), Example.innerTCP(port: 41000 + UInt16(target)))
            #expect(bench.send(frame).bytes == Example.encapsulated(frame, target: target, epoch: 9))
        }
    }

    @Test func aTargetRefusesOlderOnesFromThePublicationOn() throws {
        var bench = Example.target()
        func verdict(_ number: UInt64, key: UInt32) -> Verdict {
            bench.open(Example.wrapped(Example.tunnelFrame(number: number), key: key)).verdict
        }
        #expect(verdict(1, key: 7) == .delivered)
        #expect(verdict(2, key: 9) == .delivered, "of an owner that it has not heard of yet")
        #expect(verdict(3, key: 7) == .delivered, "a key is not authentic: it raises nothing")
        try bench.host.apply(epoch(9))
        #expect(verdict(4, key: 7) == .staleEpoch)
        #expect(verdict(4, key: 8) == .staleEpoch)
        #expect(verdict(4, key: 9) == .delivered)
        try bench.host.apply(epoch(8))
        #expect(verdict(5, key: 8) == .staleEpoch, "a publication that comes late lowers nothing")
        #expect(bench.host.epoch == Epoch(rawValue: 9))
    }
}
