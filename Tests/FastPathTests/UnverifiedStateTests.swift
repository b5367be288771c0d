import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// I3 for all that there is: packets of every kind, damaged in every way; every table of a router and of a target is the same
/// afterwards, byte for byte. What is left out of that by name is said at `stateDigests`.
@Suite struct UnverifiedStateTests {
    /// What keeps a packet from being verified.
    enum Damage: CaseIterable {
        /// All in order but the key: whatever is inside would be taken.
        case otherKey
        case bitFlip, cut, longer, noise, exchangedICV
        /// Authentic, and there before; or left of the window.
        case replayed
        case otherNumber
        case zero
    }

    /// Packets that were sealed, which a window may know.
    private struct Past {
        /// A target joins no pieces: what came in them it has not had.
        var outsides = UnverifiedKinds.Outside.allCases
        var sealed: [(UnverifiedKinds.Place, UInt64, Bytes)] = []
        var numbers: [UInt32: UInt64] = [:]
        var identification: UInt16 = 0

        /// One good packet.
        mutating func good(_ generator: inout SeededGenerator) -> [Bytes] {
            let place = UnverifiedKinds.places.randomElement(using: &generator)!
            let number = numbers[place.association.spi.rawValue, default: 0] + 1
            numbers[place.association.spi.rawValue] = number
            let inside = UnverifiedKinds.Inside.allCases.randomElement(using: &generator)!
            let (next, plaintext) = UnverifiedKinds.inside(inside, place, &generator)
            let packet = esp(place.association, number: number, nextHeader: next, plaintext)
            sealed.append((place, number, packet))
            return frames(place, packet, &generator)
        }

        mutating func frames(
            _ place: UnverifiedKinds.Place, _ packet: Bytes, _ generator: inout SeededGenerator
        ) -> [Bytes] {
            identification &+= 1
            let outside = outsides.randomElement(using: &generator)!
            return UnverifiedKinds.frames(outside, place, packet, identification: identification)
        }

        mutating func bad(_ damage: Damage, _ generator: inout SeededGenerator) -> [Bytes] {
            let (place, _, before) = sealed.randomElement(using: &generator)!
            let number = numbers[place.association.spi.rawValue]! + UInt64.random(in: 1...5, using: &generator)
            let inside = UnverifiedKinds.Inside.allCases.randomElement(using: &generator)!
            let (next, plaintext) = UnverifiedKinds.inside(inside, place, &generator)
            var packet = esp(
                place.association, number: number, nextHeader: next, plaintext,
                fault: ESPFault(otherKey: damage == .otherKey))
            let icv = place.association.transform.icvByteCount
            switch damage {
            case .otherKey: break
            case .bitFlip:
                let bit = Int.random(in: 0..<packet.count * 8, using: &generator)
                packet[bit / 8] ^= 1 << (bit % 8)
            case .cut: packet.removeLast(min(4 * Int.random(in: 1...8, using: &generator), packet.count - 8))
            case .longer: packet += generator.bytes(16 * Int.random(in: 1...4, using: &generator))
            case .noise: packet.replaceSubrange(8..., with: generator.bytes(packet.count - 8))
            case .exchangedICV: packet.replaceSubrange((packet.count - icv)..., with: generator.bytes(icv))
            case .replayed: packet = before
            case .otherNumber: packet.replaceSubrange(4..<8, with: bigEndian(UInt32(truncatingIfNeeded: number + 7)))
            case .zero: packet.replaceSubrange(4..<8, with: [0, 0, 0, 0])
            }
            return frames(place, packet, &generator)
        }
    }

    /// What is no ESP of any SA: IKE, keepalives, errors that nobody can verify, unknown SPIs, noise.
    private static func strangers(_ generator: inout SeededGenerator) -> [Bytes] {
        let hop = "198.51.100.77"
        let made = generator.bytes(28)
        let unknown = bigEndian(UInt32(0x7777_0001)) + bigEndian(UInt32(1)) + generator.bytes(60)
        return [
            ethernet(ipv4(from: hop, to: Example6.gateway4, protocol: 17, udp(4500, 4500, [0, 0, 0, 0] + made))),
            ethernet(ipv4(from: hop, to: Example6.gateway4, protocol: 17, udp(4500, 4500, [0xFF]))),
            ethernet(ipv4(from: hop, to: Example6.gateway4, protocol: 50, unknown)),
            Example6.framed(ipv6(from: Example6.client, to: Example6.gateway, next: 50, unknown)),
            Example6.framed(PathMTU6Tests.tooBig(Bytes(PathMTU6Tests.answer(100).prefix(60)), mtu: 1300)),
            ethernet(
                PathMTUTests.tooBig(
                    ipv4(from: Example6.gateway4, to: hop, protocol: 50, made), mtu: 900, from: hop,
                    to: Example6.gateway4)),
            ethernet(ipv4(from: hop, to: Example6.dvipa4, protocol: 6, tcp(1, 80, flags: TCPFlags.syn))),
            ethernet(generator.bytes(70)), ethernet(generator.bytes(70), type: 0x86DD),
        ]
    }

    private static func configuration() -> RouterConfiguration {
        var configuration = Example6.configuration(onIPv6: false)
        configuration.dvipas.append(address(Example.outerDVIPA))
        configuration.services = configuration.dvipas.flatMap { dvipa in
            [
                Service(
                    name: "web", dvipa: dvipa, ipProtocol: 6, ports: [80...80], targets: ["t1", "t2", "t3"],
                    steering: Steering(.activeConnections, affinitySeconds: 60)),
                Service(name: "dns", dvipa: dvipa, ipProtocol: 17, ports: [53...53], targets: ["t1", "t2", "t3"]),
            ]
        }
        configuration.filter = Filter([FilterRule(name: "some", action: .deny, destinationPorts: [81...90])])
        configuration.associationCapacity = 128
        return configuration
    }

    private static func router(_ provider: Provider) -> RouterBench {
        var bench = RouterBench(configuration(), provider)
        for place in UnverifiedKinds.places { try! bench.router.apply(.install(place.association)) }
        for (index, target) in Example6.targets(onIPv6: false).enumerated() {
            try! bench.router.apply(
                .neighbour(target: target.name, MACAddress(rawValue: 0x0200_0000_0010 + UInt64(index))))
        }
        return bench
    }

    @Test(arguments: Provider.available) func nothingUnverifiedChangesARouter(_ provider: Provider) {
        var generator = SeededGenerator(seed: 21)
        var bench = Self.router(provider)
        var past = Past()
        var verdicts: Set<Verdict> = []
        for round in 0..<24 {
            // Windows, connections, fragments, affinities that there is something to spoil of; more each round.
            for _ in 0..<80 {
                let frames = past.good(&generator)
                _ = bench.send(frames)
            }
            let before = bench.router.stateDigests()
            for damage in Damage.allCases {
                var frames = (0..<6).flatMap { _ in past.bad(damage, &generator) }
                if round % 4 == 0 { frames += Self.strangers(&generator) }
                for outcome in bench.send(frames) {
                    #expect(!outcome.verdict.steers && outcome.verdict != .pending, "\(damage)")
                    verdicts.insert(outcome.verdict)
                }
                let after = bench.router.stateDigests()
                #expect(after == before, "\(damage): \(after.keys.filter { after[$0] != before[$0] })")
            }
        }
        let all: Set<Verdict> = [
            .badICV, .replayed, .tooOld, .unknownSPI, .wrongLength, .sequenceNumberZero, .held, .passed, .keepalive,
            .tooBigHandedOn,
        ]
        #expect(verdicts.isSuperset(of: all), "\(all.subtracting(verdicts))")
    }

    @Test(arguments: Provider.available) func nothingUnverifiedChangesATarget(_ provider: Provider) throws {
        var generator = SeededGenerator(seed: 22)
        var configuration = HostConfiguration(
            ingress: .gre(routers: [address(Example.routerAddress)], epoch: Epoch(rawValue: 7)),
            addresses: [Example6.gateway, Example6.gateway4, Example6.outerDVIPA, Example.outerDVIPA].map(address),
            dvipas: [Example6.dvipa, Example6.dvipa4, Example6.outerDVIPA, Example.outerDVIPA].map(address))
        configuration.filter = Filter([FilterRule(name: "some", action: .deny, destinationPorts: [81...90])])
        var bench = HostBench(configuration, provider)
        for place in UnverifiedKinds.places { try bench.host.apply(.install(place.association)) }
        try bench.host.apply(.install(PathMTU6Tests.tunnel.outbound))
        try bench.host.apply(.lease(PathMTU6Tests.tunnel.outbound.spi, Example.lease(1, 100_000)))
        var past = Past()
        var verdicts: Set<Verdict> = []
        func wrapped(_ frames: [Bytes]) -> [Bytes] {
            // As a router sends them: whole, without tags.
            frames.map { frame in
                var frame = frame
                while [0x81, 0x88].contains(frame[12]) { frame.removeSubrange(12..<16) }
                return Example6.wrapped(frame, key: 9)
            }
        }
        for round in 0..<24 {
            past.outsides.removeAll { $0 == .inPieces }
            for _ in 0..<80 { _ = bench.open(wrapped(past.good(&generator))) }
            past.outsides.append(.inPieces)
            _ = bench.seal(PathMTU6Tests.answer(200))
            let before = bench.host.stateDigests()
            for damage in Damage.allCases {
                var frames = (0..<6).flatMap { _ in past.bad(damage, &generator) }
                if round % 4 == 0 { frames += Self.strangers(&generator).dropLast(2) }
                for result in bench.open(wrapped(frames)) {
                    #expect(!result.verdict.delivers && result.verdict != .pending, "\(damage)")
                    verdicts.insert(result.verdict)
                }
                var after = bench.host.stateDigests()
                // What came in clear is counted by the filter, which refuses it where a rule wants IPsec.
                if round % 4 == 0 { after["filter"] = before["filter"] }
                #expect(after == before, "\(damage): \(after.keys.filter { after[$0] != before[$0] })")
            }
        }
        let all: Set<Verdict> = [
            .badICV, .replayed, .tooOld, .unknownSPI, .wrongLength, .fragment, .tooBigIgnored, .passed,
        ]
        #expect(verdicts.isSuperset(of: all), "\(all.subtracting(verdicts))")
    }

    /// Where targets verify, the router believes nothing at all: the best of packets change nothing there.
    @Test(arguments: Provider.available) func aRouterThatOnlyPeeksRemembersNothing(_ provider: Provider) {
        var generator = SeededGenerator(seed: 23)
        var configuration = Self.configuration()
        configuration.verification = .target
        var bench = RouterBench(configuration, provider)
        for place in UnverifiedKinds.places { try! bench.router.apply(.install(place.association)) }
        for target in ["t1", "t2", "t3"] {
            try! bench.router.apply(.neighbour(target: target, MACAddress(rawValue: 0x0200_0000_0010)))
        }
        let before = bench.router.stateDigests()
        var past = Past()
        var steered = 0
        for _ in 0..<600 {
            for outcome in bench.send(past.good(&generator)) where outcome.verdict.steers { steered += 1 }
        }
        // The filter's counters follow what is steered.
        var after = bench.router.stateDigests()
        after["filter"] = before["filter"]
        #expect(steered > 200 && after == before, "\(after.keys.filter { after[$0] != before[$0] })")
    }
}
