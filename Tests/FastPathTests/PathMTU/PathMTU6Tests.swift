import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// `PathMTUTests` of the other family: "packet too big" about ESP over IPv6 goes to the target that sent the packet.
@Suite struct PathMTU6Tests {
    static let tunnel = Example6.sixInSix

    static func target(onIPv6 trusted: Bool = false) throws -> HostBench {
        var bench = Example6.target(onIPv6: trusted, pathMTU: 1500)
        for association in [tunnel.outbound, Example6.fourInSix.outbound] {
            try bench.host.apply(.lease(association.spi, Example.lease(1, 100_000)))
        }
        return bench
    }

    /// An answer of the host's, of so many bytes.
    static func answer(_ byteCount: Int) -> Bytes {
        ipv6(
            from: Example6.dvipa, to: Example6.inner, next: 6,
            tcp(80, 40000, Bytes(repeating: 7, count: byteCount - 60)))
    }

    static func tooBig(
        _ quoted: Bytes, mtu: UInt32, type: UInt8 = 2, to destination: String = Example6.gateway
    ) -> Bytes {
        let hop = "2001:db8:f::77"
        return ipv6(
            from: hop, to: destination, next: 58,
            InnerICMPv6Tests.message(type, rest: mtu, quoted, from: hop, to: destination))
    }

    @Test(arguments: [48, 100, 1000]) func aHopOnTheWayIsBelievedAboutWhatWasSent(_ quoting: Int) throws {
        var bench = try Self.target()
        let sealed = bench.seal(Self.answer(1400))
        #expect(sealed.verdict == .sealed)
        let error = Self.tooBig(Bytes(sealed.bytes.prefix(quoting)), mtu: 1400)
        #expect(bench.open(Example6.wrapped(ethernet(error))).verdict == .tooBigHeeded)
        #expect(bench.seal(Self.answer(1400)).verdict == .tooBig)
        // 1400 less 40, 16 and 16 is 1328: 1326 and the trailer.
        #expect(bench.seal(Self.answer(1326)).verdict == .sealed)
        #expect(bench.seal(Self.answer(1327)).verdict == .tooBig)
        #expect(bench.seal([Self.answer(1400)], now: 601_000_000_000)[0].verdict == .sealed)
    }

    @Test func nobodyIsBelievedAboutAnythingElse() throws {
        var bench = try Self.target()
        let sealed = bench.seal(Self.answer(1400)).bytes
        func verdict(_ packet: Bytes, now: UInt64 = 0) -> Verdict {
            bench.open([Example6.wrapped(ethernet(packet))], now: now)[0].verdict
        }
        // Addresses, SPI, number.
        for at in [20, 38, 43, 47] {
            var other = sealed
            other[at] ^= 1
            #expect(verdict(Self.tooBig(Bytes(other.prefix(48)), mtu: 1400)) == .tooBigIgnored, "byte \(at)")
        }
        let quoted = Bytes(sealed.prefix(48))
        #expect(verdict(Self.tooBig(quoted, mtu: 1500)) == .tooBigIgnored, "no less than is sent")
        #expect(verdict(Self.tooBig(quoted, mtu: 0)) == .tooBigIgnored)
        #expect(verdict(Self.tooBig(quoted, mtu: 1 << 16 + 1400)) == .tooBigIgnored, "32 bits of it count")
        #expect(verdict(Self.tooBig(quoted, mtu: 1400), now: 11_000_000_000) == .tooBigIgnored, "too long ago")
        #expect(verdict(Self.tooBig(quoted, mtu: 1400, to: "2001:db8:a::77")) == .passed)
        #expect(verdict(Self.tooBig(quoted, mtu: 1400, type: 1)) == .passed)
        #expect(verdict(Self.tooBig(Bytes(sealed.prefix(47)), mtu: 1400)) == .passed)
        var spoiled = Self.tooBig(quoted, mtu: 1400)
        spoiled[spoiled.count - 1] ^= 1
        #expect(verdict(spoiled) == .passed)
        #expect(bench.seal(Self.answer(1400)).verdict == .sealed)
        // No link of IPv6 has less than 1280 bytes.
        #expect(verdict(Self.tooBig(quoted, mtu: 600)) == .tooBigHeeded)
        #expect(bench.seal(Self.answer(1206)).verdict == .sealed)
        #expect(bench.seal(Self.answer(1207)).verdict == .tooBig)
    }

    /// In UDP the quoted packet must reach as far as the number.
    @Test func aboutESPInUDP() throws {
        var bench = try Self.target()
        try bench.host.apply(
            .relocate(
                Relocation(
                    spi: Self.tunnel.outbound.spi, source: Self.tunnel.outbound.source,
                    destination: address("2001:db8:c::11"), udpEncapsulation: UDPEncapsulation(remotePort: 17_146))))
        let sealed = bench.seal(Self.answer(1300)).bytes
        let short = Self.tooBig(Bytes(sealed.prefix(55)), mtu: 1300)
        #expect(bench.open(Example6.wrapped(ethernet(short))).verdict == .passed)
        let long = Self.tooBig(Bytes(sealed.prefix(56)), mtu: 1300)
        #expect(bench.open(Example6.wrapped(ethernet(long))).verdict == .tooBigHeeded)
    }

    /// From the client's link to the targets, over a trusted link of either family.
    @Test(arguments: [false, true]) func theRouterHandsItToTheTargets(_ trusted: Bool) throws {
        var router = Example6.bench(onIPv6: trusted)
        var sender = try Self.target(onIPv6: trusted)
        var other = try Self.target(onIPv6: trusted)
        let sealed = sender.seal(Self.answer(1400)).bytes
        let error = Self.tooBig(Bytes(sealed.prefix(48)), mtu: 1300)
        for tags in [[], [(UInt16(0x8100), UInt16(5))]] {
            #expect(router.send(ethernet(error, type: 0x86DD, tags: tags)).verdict == .tooBigHandedOn)
            #expect(router.router.tooBigCount == 1)
        }
        _ = router.send(ethernet(error, type: 0x86DD))
        var copies = PacketBatch(capacity: 3)
        for target in 0..<3 {
            copies.append(Packet(start: (target + 1) * 4096 + 256, byteCount: 0))
            router.router.writeCopy(
                of: Packet(start: 256, byteCount: 14 + error.count), to: target, in: &copies, at: target,
                memory: router.memory)
            let packet = copies[target]
            let bytes = router.memory.bytes(at: packet.start, count: packet.byteCount)
            let frame = (0..<packet.byteCount).map { bytes.byte(at: $0) }
            #expect(packet.verdict == .steered)
            #expect(
                frame == Example6.encapsulated(ethernet(error, type: 0x86DD), target: target, onIPv6: trusted))
            if target == 0 {
                let inGRE = Bytes(frame.dropFirst(14))
                #expect(other.open(inGRE).verdict == .tooBigIgnored)
                #expect(sender.open(inGRE).verdict == .tooBigHeeded)
            }
        }
        // Other ICMPv6 is the kernel's, and so is an error to somebody else, or about something else.
        let elsewhere = Self.tooBig(Bytes(sealed.prefix(48)), mtu: 1300, to: "2001:db8:f::1")
        let aboutOther = Self.tooBig(Bytes(Self.answer(100).prefix(48)), mtu: 1300)
        for packet in [elsewhere, aboutOther, Self.tooBig(Bytes(sealed.prefix(48)), mtu: 1300, type: 1)] {
            #expect(router.send(ethernet(packet, type: 0x86DD)).verdict == .passed)
        }
        #expect(router.router.tooBigCount == 0)
    }
}
