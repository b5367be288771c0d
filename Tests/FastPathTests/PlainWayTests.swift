import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// A target does plain TCP in a way of its own, in both directions. Beside it another target does the same packets the whole way:
/// whatever comes, they must agree, in what they make of a packet and in what they know afterwards.
@Suite struct PlainWayTests {
    private struct Known: Equatable {
        var counters: [String: UInt64]
        var usage: [AssociationUsage]
        var events: [ConnectionEvent]
        var next: UInt64?
        var followed: Int
    }

    private func known(_ bench: inout HostBench) -> Known {
        Known(
            counters: bench.host.counters.snapshot(), usage: bench.host.usage,
            events: bench.host.takeConnectionEvents(), next: bench.host.nextNumber(of: Example.outTunnel.spi),
            followed: bench.host.connections.count)
    }

    /// A segment of one of a few connections, plain more often than not, and sometimes damaged.
    private func segment(_ generator: inout SeededGenerator, isAnswer: Bool) -> Bytes {
        let plain: [UInt8] = [TCPFlags.ack, TCPFlags.ack, TCPFlags.ack | 8]
        let edges: [UInt8] = [TCPFlags.syn, TCPFlags.syn | TCPFlags.ack, TCPFlags.fin | TCPFlags.ack, TCPFlags.rst, 0]
        let flags =
            generator.once(in: 3) ? edges.randomElement(using: &generator)! : plain.randomElement(using: &generator)!
        let client = "10.71.0.\(Int.random(in: 1...3, using: &generator))"
        let service = generator.once(in: 9) ? "10.72.0.99" : Example.dvipa
        let port = UInt16.random(in: 40_000...40_003, using: &generator)
        let options: Bytes = generator.once(in: 7) ? [1, 1, 1, 1] : []
        let body = Bytes(repeating: 0x5A, count: Int.random(in: 0...40, using: &generator))
        let ports: (UInt16, UInt16) = isAnswer ? (80, port) : (port, 80)
        var packet = ipv4(
            from: isAnswer ? service : client, to: isAnswer ? client : service,
            protocol: generator.once(in: 9) ? 17 : 6,
            tcp(ports.0, ports.1, flags: flags, body), options: options)
        if generator.once(in: 6) { packet[1] = UInt8.random(in: 0...255, using: &generator) }
        if generator.once(in: 6) { packet[6] ^= 0x40 }
        if generator.once(in: 4) {
            let bytes = min(packet.count, 44)
            packet[Int.random(in: 0..<bytes, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
        }
        if generator.once(in: 12) { packet = Bytes(packet.prefix(Int.random(in: 1...packet.count, using: &generator))) }
        return packet
    }

    @Test(arguments: Provider.available) func whatIsSealedIsTheSame(_ provider: Provider) {
        var generator = SeededGenerator(seed: 11)
        var quick = Example.target(provider)
        var whole = Example.target(provider)
        whole.host.usesPlainWay = false
        var sealed = 0
        for step in 0..<300 {
            let now = UInt64(step) * 1_000_000
            if generator.once(in: 5) {
                // Some are too short, some void already.
                let first = UInt64(step * 100 + 1)
                let lease = Example.lease(
                    first, first + UInt64.random(in: 1...60, using: &generator),
                    validUntil: now + UInt64.random(in: 0...4_000_000, using: &generator))
                for spi in [Example.outTunnel.spi, Example.outTransport.spi] {
                    try! quick.host.apply(.lease(spi, lease))
                    try! whole.host.apply(.lease(spi, lease))
                }
            }
            if generator.once(in: 40) {
                let grant = LifecountGrant(
                    spi: Example.outTunnel.spi, direction: .outbound,
                    bytes: .max, packets: quick.host.usage.reduce(0) { $0 + $1.packets } + 30)
                try! quick.host.apply(.allow(grant))
                try! whole.host.apply(.allow(grant))
            }
            let packets = (0..<Int.random(in: 1...12, using: &generator)).map { _ in
                segment(&generator, isAnswer: !generator.once(in: 10))
            }
            let results = (quick.seal(packets, now: now), whole.seal(packets, now: now))
            #expect(results.0 == results.1, "step \(step)")
            let after = (known(&quick), known(&whole))
            #expect(after.0 == after.1, "step \(step)")
            sealed += results.0.count { $0.verdict == .sealed }
        }
        #expect(sealed > 150, "\(sealed)")
    }

    @Test(arguments: Provider.available) func whatIsOpenedIsTheSame(_ provider: Provider) {
        var generator = SeededGenerator(seed: 12)
        var quick = Example.target(provider)
        var whole = Example.target(provider)
        whole.host.usesPlainWay = false
        var delivered = 0
        for step in 0..<200 {
            let packets = (0..<Int.random(in: 1...12, using: &generator)).map { index in
                let number = UInt64(step * 8 + index + 1)
                var packet = Example.wrapped(
                    Example.tunnelFrame(number: number, segment(&generator, isAnswer: generator.once(in: 10))),
                    from: generator.once(in: 9) ? "192.0.2.66" : Example.routerAddress,
                    key: generator.once(in: 9) ? 6 : 7)
                if generator.once(in: 5) {
                    packet[Int.random(in: 0..<packet.count, using: &generator)] ^=
                        1 << UInt8.random(in: 0...7, using: &generator)
                }
                if generator.once(in: 12) {
                    packet = Bytes(packet.prefix(Int.random(in: 1...packet.count, using: &generator)))
                }
                return packet
            }
            let now = UInt64(step) * 1_000_000_000
            let results = (quick.open(packets, now: now), whole.open(packets, now: now))
            #expect(results.0 == results.1, "step \(step)")
            let after = (known(&quick), known(&whole))
            #expect(after.0 == after.1, "step \(step)")
            delivered += results.0.count { $0.verdict == .delivered }
        }
        #expect(delivered > 250, "\(delivered)")
    }
}
