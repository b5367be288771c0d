import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// The router's question through GRE, and what a target makes of it.
@Suite struct ProbeTests {
    private func probe(_ number: UInt64, to target: String, _ bench: inout RouterBench) -> (Verdict, Bytes) {
        var batch = PacketBatch(capacity: 1)
        batch.append(Packet(start: 256, byteCount: 0))
        bench.router.writeProbe(number, to: target, in: &batch, at: 0, memory: bench.memory)
        let packet = batch[0]
        let bytes = bench.memory.bytes(at: packet.start, count: packet.byteCount)
        return (packet.verdict, (0..<packet.byteCount).map { bytes.byte(at: $0) })
    }

    private static func inner(_ number: UInt64, to destination: String = Example.dvipa, protocol: UInt8 = 59) -> Bytes {
        ipv4(from: Example.routerAddress, to: destination, protocol: `protocol`, bigEndian(number))
    }

    @Test func itIsTheFrameThatTheDrawingShows() throws {
        var bench = Example.bench()
        let (verdict, frame) = probe(0x0123_4567_89AB_CDEF, to: "t2", &bench)
        #expect(verdict == .probed)
        #expect(
            frame == Example.encapsulated(ethernet(Self.inner(0x0123_4567_89AB_CDEF)), target: 1))
        // Whatever the target's standing is: how else would it come back.
        try bench.router.apply(.standing(target: "t2", TargetStanding(state: .lost)))
        try bench.router.apply(.epoch(Epoch(rawValue: 9)))
        #expect(probe(1, to: "t2", &bench).1 == Example.encapsulated(ethernet(Self.inner(1)), target: 1, epoch: 9))
        try bench.router.apply(.neighbour(target: "t2", nil))
        #expect(probe(1, to: "t2", &bench).0 == .noNeighbour)
        #expect(probe(1, to: "nobody", &bench).0 == .noTarget)
    }

    @Test func aTargetKeepsTheNumberAndDeliversNothing() {
        var router = Example.bench()
        var bench = Example.target()
        let (_, frame) = probe(77, to: "t1", &router)
        #expect(bench.host.lastProbe == 0)
        #expect(bench.open(Bytes(frame.dropFirst(14))).verdict == .probed)
        #expect(bench.host.lastProbe == 77)
        #expect(bench.host.counters.snapshot() == ["probed": 1])
    }

    @Test func whatIsNoProbeChangesNothing() {
        var bench = Example.target()
        func verdict(_ inner: Bytes, from router: String = Example.routerAddress, key: UInt32 = 7) -> Verdict {
            let verdict = bench.open(Example.wrapped(ethernet(inner), from: router, key: key)).verdict
            #expect(bench.host.lastProbe == 0)
            return verdict
        }
        var damaged = Self.inner(1)
        damaged[10] ^= 1
        #expect(verdict(damaged) == .passed)
        #expect(verdict(Self.inner(1), from: "192.0.2.66") == .notFromRouter)
        #expect(verdict(Self.inner(1), key: 6) == .staleEpoch)
        #expect(verdict(Self.inner(1, to: "10.72.0.11")) == .passed, "to nobody's address")
        #expect(verdict(Self.inner(1, protocol: 6)) == .passed)
        #expect(verdict(Self.inner(1) + [0]) == .passed)
        #expect(verdict(Bytes(Self.inner(1).dropLast())) == .passed)
        var endpoint = Example.endpoint()
        #expect(endpoint.open(Self.inner(1)).verdict == .passed, "an endpoint has no router")
        #expect(endpoint.host.lastProbe == 0)
    }
}
