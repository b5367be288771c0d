import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// RFC 6040: what routers on the way mark on a tunnel's outer header is heard by the ends of what is inside.
@Suite struct CongestionMarksTests {
    enum Mark: UInt8, CaseIterable { case incapable, capable1, capable0, experienced }

    /// The table of RFC 6040 §4.2: inner, outer, what is delivered; nil for what is dropped.
    static let table: [(Mark, Mark, Mark?)] = [
        (.incapable, .incapable, .incapable), (.incapable, .capable0, .incapable), (.incapable, .capable1, .incapable),
        (.incapable, .experienced, nil),
        (.capable0, .incapable, .capable0), (.capable0, .capable0, .capable0), (.capable0, .capable1, .capable1),
        (.capable0, .experienced, .experienced),
        (.capable1, .incapable, .capable1), (.capable1, .capable0, .capable1), (.capable1, .capable1, .capable1),
        (.capable1, .experienced, .experienced),
        (.experienced, .incapable, .experienced), (.experienced, .capable0, .experienced),
        (.experienced, .capable1, .experienced), (.experienced, .experienced, .experienced),
    ]

    /// DSCP of the inner and of the outer header: 46, expedited forwarding, and 10, which says nothing inside.
    static let innerClass: UInt8 = 46 << 2
    static let outerClass: UInt8 = 10 << 2

    static func inner(_ tunnel: Example6.Tunnel, _ mark: Mark, checksumIsWrong: Bool = false) -> Bytes {
        let segment = tcp(40000, 80, Bytes(repeating: 5, count: 31))
        let trafficClass = innerClass | mark.rawValue
        return tunnel.isIPv6Inside
            ? ipv6(from: tunnel.inner, to: tunnel.dvipa, next: 6, segment, trafficClass: trafficClass)
            : ipv4(
                from: tunnel.inner, to: tunnel.dvipa, protocol: 6, segment, trafficClass: trafficClass,
                fault: IPv4Fault(checksumIsWrong: checksumIsWrong))
    }

    static func outer(_ tunnel: Example6.Tunnel, _ mark: Mark, number: UInt64, _ inner: Bytes) -> Bytes {
        let sealed = esp(tunnel.inbound, number: number, nextHeader: tunnel.nextHeader, inner)
        let trafficClass = outerClass | mark.rawValue
        return tunnel.isIPv6Outside
            ? ipv6(from: tunnel.client, to: tunnel.gateway, next: 50, sealed, trafficClass: trafficClass)
            : ipv4(from: tunnel.client, to: tunnel.gateway, protocol: 50, sealed, trafficClass: trafficClass)
    }

    @Test(arguments: Example6.tunnels) func theWholeTable(_ tunnel: Example6.Tunnel) {
        var bench = Example6.target()
        #expect(Self.table.count == 16)
        for (number, (inner, outer, delivered)) in zip(UInt64(1)..., Self.table) {
            let sent = Self.outer(tunnel, outer, number: number, Self.inner(tunnel, inner))
            let result = bench.open(Example6.wrapped(Example6.framed(sent)))
            guard let delivered else {
                #expect(result.verdict == .congestionDropped)
                continue
            }
            // DSCP, and all else, are the inner packet's, and its checksum is right.
            #expect(
                result == HostBench.Result(verdict: .delivered, bytes: Self.inner(tunnel, delivered)),
                "\(outer) around \(inner)")
        }
    }

    /// Whoever drops it has dropped it: no connection is opened or followed for it, and the number is used.
    @Test func whatIsDroppedIsNotFollowed() {
        var bench = Example6.target()
        let tunnel = Example6.sixInFour
        let sent = Self.outer(tunnel, .experienced, number: 1, Self.inner(tunnel, .incapable))
        let before = bench.host.stateDigests()["connections"]
        #expect(bench.open(Example6.wrapped(Example6.framed(sent))).verdict == .congestionDropped)
        #expect(bench.host.stateDigests()["connections"] == before)
        #expect(bench.open(Example6.wrapped(Example6.framed(sent))).verdict == .replayed)
    }

    /// The host's stack finds an inner checksum wrong that came wrong.
    @Test func aWrongChecksumStaysWrong() {
        var bench = Example6.target()
        let tunnel = Example6.fourInSix
        let wrong = Self.inner(tunnel, .capable0, checksumIsWrong: true)
        let result = bench.open(
            Example6.wrapped(Example6.framed(Self.outer(tunnel, .experienced, number: 1, wrong))))
        #expect(result.verdict == .delivered)
        #expect(internetChecksum(Bytes(result.bytes.prefix(20))) != 0)
    }

    /// In transport mode there is one header, which arrives as the way has marked it.
    @Test func transportModeHasOneHeader() {
        var bench = Example6.target()
        let payload = tcp(40000, 80)
        for (number, mark) in zip(UInt64(1)..., Mark.allCases) {
            let sealed = esp(Example6.transport, number: number, nextHeader: 6, payload)
            func packet(_ next: UInt8, _ payload: Bytes) -> Bytes {
                ipv6(
                    from: Example6.client, to: Example6.outerDVIPA, next: next, payload, trafficClass: mark.rawValue)
            }
            let result = bench.open(Example6.wrapped(Example6.framed(packet(50, sealed))))
            #expect(result == HostBench.Result(verdict: .delivered, bytes: packet(6, payload)))
        }
    }

    /// RFC 6040 §4.1, normal mode, and RFC 4301 §5.1.2: the outer header has the inner one's marks and DSCP.
    @Test(arguments: Example6.tunnels) func atTheBeginningAllIsCopied(_ tunnel: Example6.Tunnel) throws {
        var bench = Example6.target()
        // Others carry the same.
        for other in Example6.tunnels where other.outbound.spi != tunnel.outbound.spi {
            try bench.host.apply(.remove(other.outbound.spi, .outbound))
        }
        try bench.host.apply(.lease(tunnel.outbound.spi, Example.lease(1, 1000)))
        for mark in Mark.allCases {
            let trafficClass = Self.innerClass | mark.rawValue
            let segment = tcp(80, 40000)
            let inner =
                tunnel.isIPv6Inside
                ? ipv6(from: tunnel.dvipa, to: tunnel.inner, next: 6, segment, trafficClass: trafficClass)
                : ipv4(from: tunnel.dvipa, to: tunnel.inner, protocol: 6, segment, trafficClass: trafficClass)
            let sealed = bench.seal(inner)
            #expect(sealed.verdict == .sealed)
            let first = sealed.bytes
            #expect((first[0] >> 4 == 6 ? first[0] << 4 | first[1] >> 4 : first[1]) == trafficClass)
        }
    }
}
