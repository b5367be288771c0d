import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// What fits around IPv6 in IPv6, and who is told: as `PathMTUTests` and `SegmentSizeTests` ask of IPv4.
@Suite struct IPv6RoomTests {
    private let six = Example6.sixInSix

    /// 0 where the checksum of what an IPv6 packet carries is right (RFC 8200 §8.1).
    private func checksum(_ packet: Bytes, of next: UInt8) -> UInt16 {
        let length = packet.count - 40
        return internetChecksum(
            Bytes(packet[8..<40]) + [0, 0, UInt8(length >> 8), UInt8(length & 255), 0, 0, 0, next] + packet[40...])
    }

    private func target() -> HostBench {
        var bench = Example6.target(pathMTU: 1500)
        try! bench.host.apply(.lease(six.outbound.spi, Example.lease(1, 1000)))
        return bench
    }

    @Test func theSenderIsToldWhatFits() {
        var bench = target()
        // 1500 less 40, 16 and 16 is 1428: 1426 and the trailer.
        #expect(bench.seal(six.answer(payload: 1366)).verdict == .sealed)
        let large = six.answer(payload: 1367)
        let told = bench.seal(large)
        #expect(told.verdict == .tooBig)
        #expect(told.bytes.count == 1280 && told.bytes[0] >> 4 == 6 && told.bytes[6] == 58)
        #expect(Bytes(told.bytes[4..<6]) == bigEndian(UInt16(1240)))
        #expect(told.bytes[8..<24] == large[24..<40] && told.bytes[24..<40] == large[8..<24])
        #expect(Bytes(told.bytes[40..<42]) == [2, 0] && Bytes(told.bytes[44..<48]) == bigEndian(UInt32(1426)))
        #expect(Bytes(told.bytes[48...]) == Bytes(large.prefix(1232)))
        #expect(checksum(told.bytes, of: 58) == 0)
    }

    @Test func noErrorIsAnsweredByAnError() {
        var bench = target()
        func answer(_ type: UInt8) -> Verdict {
            let body: Bytes = [type, 0, 0, 0] + Bytes(repeating: 1, count: 1400)
            return bench.seal(ipv6(from: Example6.dvipa, to: Example6.inner, next: 58, body)).verdict
        }
        #expect(answer(1) == .oversized)
        #expect(answer(129) == .tooBig)
    }

    /// Of a SYN: its segment size fits ESP, and GRE on the way here.
    @Test(arguments: [UInt16(1440), 1338, 1337]) func segmentsAreMadeToFit(_ offered: UInt16) {
        var bench = target()
        var segment = tcp(40000, 80, flags: TCPFlags.syn)
        segment[12] = 6 << 4
        segment += [2, 4] + bigEndian(offered)
        segment.replaceSubrange(16..<18, with: [0, 0])
        var packet = ipv6(from: Example6.inner, to: Example6.dvipa, next: 6, segment)
        packet.replaceSubrange(56..<58, with: bigEndian(checksum(packet, of: 6)))
        let opened = bench.open(Example6.wrapped(six.frame(number: 1, packet)))
        #expect(opened.verdict == .delivered)
        // 1472 less 40, 16 and 16 is 1400: 1398 and the trailer, of which 60 are headers.
        #expect(Bytes(opened.bytes[62..<64]) == bigEndian(min(offered, 1338)))
        #expect(checksum(opened.bytes, of: 6) == 0)
    }
}
