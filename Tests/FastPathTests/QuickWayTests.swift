import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// Plain TCP and UDP in a tunnel are read in ways of their own: they say what the whole reading says, or leave the packet to it.
@Suite struct QuickWayTests {
    private func both(_ head: Bytes, payload: Int) -> (quick: IPv4Flow?, whole: (verdict: Verdict?, flow: Flow)) {
        head.withUnsafeBytes { bytes in
            let span = RawSpan(_unsafeBytes: bytes)
            let quick =
                InnerPacket.readPlainTCP(span, payloadByteCount: payload)
                ?? InnerPacket.readPlainUDP(span, payloadByteCount: payload)
            // The whole reading sees what there is of the payload; behind it a head holds what was there before.
            let there = RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: bytes.prefix(max(payload, 0))))
            var flow = Flow.none
            var hasOptions = false
            let verdict = InnerPacket.read(
                there, payloadByteCount: payload, nextHeader: IPProtocol.ipv4, isTunnel: true,
                outer: (address("198.51.100.10"), address("203.0.113.1")), into: &flow, hasOptions: &hasOptions)
            if hasOptions { #expect(quick == nil, "options are the whole reading's business") }
            return (quick, (verdict, flow))
        }
    }

    /// Right packets, packets with a few bytes otherwise, and payload lengths that fit or do not.
    @Test func itSaysWhatTheWholeReadingSays() {
        var generator = SeededGenerator(seed: 1)
        var taken = 0
        for step in 0..<12_000 {
            let data = Int.random(in: 0...60, using: &generator)
            var packet = Example.innerTCP(
                port: UInt16.random(in: 1...65535, using: &generator),
                flags: UInt8.random(in: 0...255, using: &generator), payload: data,
                options: Bytes(repeating: 1, count: generator.once(in: 6) ? 4 : 0))
            if generator.once(in: 3) { packet[9] = IPProtocol.udp }
            for _ in 0..<Int.random(in: 0...2, using: &generator) {
                // The bytes that decide are the first forty.
                packet[Int.random(in: 0..<40, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            var payload = packet.count
            if generator.once(in: 3) { payload += Int.random(in: -45...20, using: &generator) }
            let head = Bytes((packet + generator.bytes(PeekedHeads.shortByteCount)).prefix(PeekedHeads.shortByteCount))
            let (quick, whole) = both(head, payload: min(payload, 1400))
            guard let quick else { continue }
            taken += 1
            #expect(whole.verdict == .pending, "step \(step): \(packet) \(payload)")
            #expect(
                whole.flow
                    == Flow(
                        remote: IPAddress(v4: quick.remote), local: IPAddress(v4: quick.local),
                        remotePort: quick.remotePort, localPort: quick.localPort, ipProtocol: quick.ipProtocol,
                        tcpFlags: quick.tcpFlags), "step \(step)")
        }
        #expect(taken > 3000, "what is plain goes the quick way: \(taken)")
    }

    /// The selectors' quick question about IPv4 has the whole one's answer.
    @Test func selectorsAnswerBothQuestionsAlike() {
        var generator = SeededGenerator(seed: 2)
        var table = SelectorTable(capacity: 400)
        func range() -> AddressRange {
            if generator.once(in: 8) { return AddressRange("2001:db8::/64")! }
            if generator.once(in: 8) { return AddressRange("0.0.0.0/0")! }
            let ends = (0..<2).map { _ in IPAddress(v4: UInt32.random(in: 0...40, using: &generator) &- 20) }.sorted()
            return AddressRange(first: ends[0], last: ends[1])
        }
        func ports() -> [ClosedRange<UInt16>] {
            if generator.once(in: 2) { return [] }
            let ends = (0..<2).map { _ in UInt16.random(in: 0...40, using: &generator) &- 20 }.sorted()
            return [ends[0]...ends[1]]
        }
        var allowed = 0
        for _ in 0..<300 {
            let head = table.install(
                .init(
                    remote: [range()], local: [range()], ipProtocol: generator.once(in: 2) ? 6 : nil,
                    remotePorts: ports(), localPorts: ports()))!
            for _ in 0..<60 {
                let quick = IPv4Flow(
                    remote: UInt32.random(in: 0...40, using: &generator) &- 20,
                    local: UInt32.random(in: 0...40, using: &generator) &- 20,
                    remotePort: UInt16.random(in: 0...40, using: &generator) &- 20,
                    localPort: UInt16.random(in: 0...40, using: &generator) &- 20,
                    ipProtocol: generator.once(in: 4) ? 17 : 6, tcpFlags: 0)
                let flow = Flow(
                    remote: IPAddress(v4: quick.remote), local: IPAddress(v4: quick.local),
                    remotePort: quick.remotePort, localPort: quick.localPort, ipProtocol: quick.ipProtocol)
                let answer = table.allow(flow, head: head)
                #expect(table.reader.allowIPv4(quick, head: head) == answer)
                if answer { allowed += 1 }
            }
            table.remove(head)
        }
        #expect(allowed > 500, "both answers are tried: \(allowed)")
    }
}
