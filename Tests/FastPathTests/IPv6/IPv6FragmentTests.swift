import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// Fragments of IPv6, outside of ESP and inside the tunnel.
@Suite struct IPv6FragmentTests {
    private let six = Example6.sixInSix

    /// The pieces of a sealed packet, cut at multiples of eight bytes.
    private func pieces(of packet: Bytes, more extensions: [Extension] = []) -> [Bytes] {
        let cuts = [48, 160]
        let ends = cuts + [packet.count]
        return zip([0] + cuts, ends).map { start, end in
            let fragment = Extension.fragment(offset: UInt16(start / 8), more: end < packet.count)
            return Example6.framed(six.outer(Bytes(packet[start..<end]), extensions: extensions + [fragment]))
        }
    }

    private func sealed(_ number: UInt64) -> Bytes {
        esp(six.inbound, number: number, nextHeader: 41, six.innerTCP(payload: 200))
    }

    /// Whole again it is what it had been without fragments, in whatever order the pieces came.
    @Test(arguments: [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]]) func outsideTheyBecomeWhole(_ order: [Int]) {
        for extensions in [[], [Extension.options(0)]] {
            var bench = Example6.bench()
            let packet = sealed(1)
            let parts = pieces(of: packet, more: extensions)
            #expect(bench.send(parts[order[0]]).verdict == .held)
            #expect(bench.send(parts[order[1]]).verdict == .held)
            let outcome = bench.send(parts[order[2]])
            #expect(outcome.verdict == (extensions.isEmpty ? .steered : .steeredWithOptions))
            let whole = Example6.framed(six.outer(packet, extensions: extensions))
            #expect(outcome.bytes == Example6.encapsulated(whole, target: 0))
        }
    }

    @Test func outsideTheyAreJudged() {
        var bench = Example6.bench()
        let parts = pieces(of: sealed(1))
        #expect(bench.send(parts[0]).verdict == .held)
        #expect(bench.send(parts[0]).verdict == .fragmentDuplicate)
        var other = parts[0]
        other[other.count - 1] ^= 1
        #expect(bench.send(other).verdict == .fragmentOverlap)
        #expect(bench.send(parts[1]).verdict == .fragmentOverlap, "all of the datagram is refused (RFC 5722)")
        let odd = Extension.fragment(more: true)
        bench = Example6.bench()
        #expect(
            bench.send(Example6.framed(six.outer(Bytes(sealed(2)[..<47]), extensions: [odd]))).verdict
                == .malformedHeader)
        let far = Extension.fragment(offset: 8191)
        #expect(
            bench.send(Example6.framed(six.outer(Bytes(sealed(2)[..<40]), extensions: [far]))).verdict
                == .malformedHeader)
        let inUDP = Example6.framed(six.outer(next: 17, udp(4500, 4500, sealed(3)), extensions: [odd]))
        #expect(bench.send(inUDP).verdict == .fragment, "of ESP in UDP the others have no ports")
        let ike = Example6.framed(
            six.outer(next: 17, udp(4500, 4500, Bytes(repeating: 0, count: 48)), extensions: [odd]))
        #expect(bench.send(ike).verdict == .passed)
    }

    private func inside(_ number: UInt64, _ segment: Bytes, _ extensions: [Extension], next: UInt8 = 6) -> Bytes {
        six.frame(
            number: number,
            ipv6(from: Example6.inner, to: Example6.dvipa, next: next, segment, extensions: extensions))
    }

    @Test func insideTheyFollowTheFirst() {
        var bench = Example6.bench()
        let segment = tcp(40000, 80, flags: TCPFlags.syn, Bytes(repeating: 1, count: 100))
        let later = inside(2, Bytes(segment[64...]), [.fragment(offset: 8)])
        #expect(bench.send(inside(1, Bytes(segment[64...]), [.fragment(offset: 8)])).verdict == .innerFragment)
        let first = bench.send(inside(3, Bytes(segment[..<64]), [.fragment(more: true)]))
        #expect(first.verdict == .steeredWithOptions)
        #expect(bench.send(later).verdict == .steeredWithOptions)
        // What a later piece calls the next header means nothing (RFC 8200 §4.5).
        #expect(
            bench.send(inside(4, Bytes(segment[64...]), [.fragment(offset: 8)], next: 17)).verdict
                == .steeredWithOptions)
        #expect(bench.router.connectionsByTarget().reduce(0, +) == 1)
    }

    @Test func aFirstFragmentHasAllHeaders() {
        var bench = Example6.bench()
        let segment = tcp(40000, 80, flags: TCPFlags.syn)
        #expect(bench.send(inside(1, Bytes(segment[..<16]), [.fragment(more: true)])).verdict == .malformedInner)
        #expect(
            bench.send(inside(2, segment, [.fragment(more: true), .fragment(more: true)])).verdict == .malformedInner)
        #expect(bench.send(inside(3, segment, [.fragment(more: true), .options()])).verdict == .steeredWithOptions)
    }

    /// A target's stack gets its pieces, too.
    @Test func targetsDeliverThem() {
        var bench = Example6.target()
        let segment = tcp(40000, 80, flags: TCPFlags.syn, Bytes(repeating: 1, count: 100))
        func open(_ frame: Bytes) -> Verdict { bench.open(Example6.wrapped(frame)).verdict }
        let before = open(inside(1, Bytes(segment[64...]), [.fragment(offset: 8)]))
        let first = open(inside(2, Bytes(segment[..<64]), [.fragment(more: true)]))
        let behind = open(inside(3, Bytes(segment[64...]), [.fragment(offset: 8)]))
        #expect(before == .innerFragment && first == .delivered && behind == .delivered)
    }
}
