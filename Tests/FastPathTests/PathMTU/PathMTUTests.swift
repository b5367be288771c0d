import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// What does not fit the way to a peer: who is told, and whom a host believes about it.
@Suite struct PathMTUTests {
    static func target(pathMTU: Int = 1500) throws -> HostBench {
        var configuration = Example.targetConfiguration()
        configuration.pathMTU = pathMTU
        var bench = Example.target(configuration)
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(1, 100_000)))
        return bench
    }

    /// An answer of the host's; `byteCount` is the whole packet's.
    static func answer(_ byteCount: Int, fragment: UInt16 = 0x4000) -> Bytes {
        ipv4(
            from: Example.dvipa, to: Example.inner, protocol: 6,
            tcp(80, 40000, Bytes(repeating: 7, count: byteCount - 40)),
            fragment: fragment)
    }

    /// ICMP "fragmentation needed" about a packet.
    static func tooBig(_ quoted: Bytes, mtu: UInt16, from source: String, to destination: String) -> Bytes {
        var icmp: Bytes = [3, 4, 0, 0, 0, 0] + bigEndian(mtu) + quoted
        icmp.replaceSubrange(2..<4, with: bigEndian(internetChecksum(icmp)))
        return ipv4(from: source, to: destination, protocol: 1, icmp)
    }

    /// As a router sends it to a target: from a hop on the way, about the beginning of an ESP packet.
    static func report(
        about sealed: Bytes, mtu: UInt16, to destination: String = Example.gateway, quoting count: Int = 28
    ) -> Bytes {
        let error = tooBig(Bytes(sealed.prefix(count)), mtu: mtu, from: "198.51.100.77", to: destination)
        return Example.wrapped(ethernet(error))
    }

    // MARK: Told

    @Test func theSenderIsToldWhatFits() throws {
        var bench = try Self.target()
        // 1500 less 20, 16 and 16 is 1448: 1446 and the trailer.
        #expect(bench.seal(Self.answer(1446)).verdict == .sealed)
        let large = Self.answer(1447)
        let told = bench.seal(large)
        #expect(told.verdict == .tooBig)
        #expect(
            told.bytes == Self.tooBig(Bytes(large.prefix(548)), mtu: 1446, from: Example.inner, to: Example.dvipa))
        #expect(bench.host.nextNumber(of: Example.outTunnel.spi) == 2, "no number is used for it")
        #expect(bench.seal(Self.answer(1447, fragment: 0)).verdict == .sealed, "it may be cut on the way")
    }

    @Test func noErrorIsAnsweredByAnError() throws {
        var bench = try Self.target()
        let error = Self.tooBig(Self.answer(1460), mtu: 1400, from: Example.dvipa, to: Example.inner)
        #expect(bench.seal(error).verdict == .oversized)
        let echo = ipv4(
            from: Example.dvipa, to: Example.inner, protocol: 1, [0, 0, 0, 0] + Bytes(repeating: 1, count: 1440))
        #expect(bench.seal(echo).verdict == .tooBig)
    }

    // MARK: Heeded

    @Test(arguments: [28, 60, 500]) func aHopOnTheWayIsBelievedAboutWhatWasSent(_ quoting: Int) throws {
        var bench = try Self.target()
        let sealed = bench.seal(Self.answer(1400))
        #expect(bench.open(Self.report(about: sealed.bytes, mtu: 1300, quoting: quoting)).verdict == .tooBigHeeded)
        // 1300 less 52 is 1248: 1246 and the trailer.
        #expect(bench.seal(Self.answer(1246)).verdict == .sealed)
        let large = Self.answer(1400)
        let told = bench.seal(large)
        #expect(
            told.bytes == Self.tooBig(Bytes(large.prefix(548)), mtu: 1246, from: Example.inner, to: Example.dvipa))
        // After ten minutes more is tried again.
        #expect(bench.seal([Self.answer(1400)], now: 600_000_000_000)[0].verdict == .tooBig)
        #expect(bench.seal([Self.answer(1400)], now: 601_000_000_000)[0].verdict == .sealed)
    }

    @Test func nobodyIsBelievedAboutAnythingElse() throws {
        var bench = try Self.target()
        let sealed = bench.seal(Self.answer(1400)).bytes
        func verdict(_ packet: Bytes, now: UInt64 = 0) -> Verdict { bench.open([packet], now: now)[0].verdict }
        var other = sealed
        other[27] ^= 1
        #expect(verdict(Self.report(about: other, mtu: 1300)) == .tooBigIgnored, "a number that was not sent")
        other = sealed
        other[23] ^= 1
        #expect(verdict(Self.report(about: other, mtu: 1300)) == .tooBigIgnored, "an SPI that is none")
        other = sealed
        other[19] ^= 1
        #expect(verdict(Self.report(about: other, mtu: 1300)) == .tooBigIgnored, "another destination")
        other = sealed
        other[15] ^= 1
        #expect(verdict(Self.report(about: other, mtu: 1300)) == .tooBigIgnored, "another source")
        #expect(verdict(Self.report(about: sealed, mtu: 1500)) == .tooBigIgnored, "no less than is sent")
        #expect(verdict(Self.report(about: sealed, mtu: 0)) == .tooBigIgnored, "none at all")
        #expect(verdict(Self.report(about: sealed, mtu: 1300), now: 11_000_000_000) == .tooBigIgnored, "too long ago")
        // What is no such error goes the way of everything in clear.
        #expect(verdict(Self.report(about: sealed, mtu: 1300, to: "203.0.113.77")) == .passed)
        #expect(verdict(Self.report(about: sealed, mtu: 1300, quoting: 27)) == .passed)
        var spoiled = Self.report(about: sealed, mtu: 1300)
        spoiled[spoiled.count - 1] ^= 1
        #expect(verdict(spoiled) == .passed)
        #expect(bench.seal(Self.answer(1400)).verdict == .sealed)
    }

    /// Who sees our packets makes us believe in 576 bytes, and no less.
    @Test func thereIsALeast() throws {
        var bench = try Self.target()
        let sealed = bench.seal(Self.answer(1400)).bytes
        #expect(bench.open(Self.report(about: sealed, mtu: 68)).verdict == .tooBigHeeded)
        #expect(bench.seal(Self.answer(522)).verdict == .sealed)
        #expect(bench.seal(Self.answer(523)).verdict == .tooBig)
        // A larger one does not undo it.
        #expect(bench.open(Self.report(about: sealed, mtu: 1300)).verdict == .tooBigIgnored)
    }

    /// A peer that moves is reached by another way, of which nothing is known.
    @Test func anotherWayBeginsAnew() throws {
        var bench = try Self.target()
        let sealed = bench.seal(Self.answer(1400)).bytes
        #expect(bench.open(Self.report(about: sealed, mtu: 1300)).verdict == .tooBigHeeded)
        try bench.host.apply(
            .relocate(
                Relocation(
                    spi: Example.outTunnel.spi, source: Example.outTunnel.source, destination: address("203.0.113.50"),
                    udpEncapsulation: UDPEncapsulation(remotePort: 17_146))))
        let moved = bench.seal(Self.answer(1400))
        #expect(moved.verdict == .sealed)
        // In UDP the quoted packet must reach as far as the number.
        #expect(bench.open(Self.report(about: moved.bytes, mtu: 1300)).verdict == .passed)
        #expect(bench.open(Self.report(about: moved.bytes, mtu: 1300, quoting: 36)).verdict == .tooBigHeeded)
        #expect(bench.seal(Self.answer(1400)).verdict == .tooBig)
    }

    // MARK: Handed on

    /// From the client's link to the target that sent the packet: every target gets the error, one heeds it.
    @Test func theRouterHandsItToTheTargets() throws {
        var router = Example.bench()
        var sender = try Self.target()
        var other = try Self.target()
        let sealed = sender.seal(Self.answer(1400)).bytes
        let error = Self.tooBig(Bytes(sealed.prefix(28)), mtu: 1300, from: "198.51.100.77", to: Example.gateway)
        #expect(router.send(ethernet(error)).verdict == .tooBigHandedOn)
        #expect(router.router.tooBigCount == 1)
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
            #expect(frame == Example.encapsulated(ethernet(error), target: target))
            if target == 0 {
                let inGRE = Bytes(frame.dropFirst(14))
                #expect(other.open(inGRE).verdict == .tooBigIgnored)
                #expect(sender.open(inGRE).verdict == .tooBigHeeded)
            }
        }
        try router.router.apply(.neighbour(target: "t2", nil))
        router.router.writeCopy(
            of: Packet(start: 256, byteCount: 14 + error.count), to: 1, in: &copies, at: 1, memory: router.memory)
        #expect(copies[1].verdict == .noNeighbour)
        // Other ICMP is the kernel's, and so is an error to somebody else.
        let echo = ipv4(from: Example.client, to: Example.gateway, protocol: 1, [8, 0, 0xF7, 0xFF, 0, 0, 0, 0])
        #expect(router.send(ethernet(echo)).verdict == .passed)
        let elsewhere = Self.tooBig(Bytes(sealed.prefix(28)), mtu: 1300, from: "198.51.100.77", to: "203.0.113.77")
        #expect(router.send(ethernet(elsewhere)).verdict == .passed)
        #expect(router.router.tooBigCount == 0)
    }
}
