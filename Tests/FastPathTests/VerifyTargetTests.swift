import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// `verify: target`: the router reads, and what it knows it was told by the targets (docs/verification.md).
@Suite struct VerifyTargetTests {
    private static func bench(
        _ verification: Verification = .target, _ provider: Provider = .openSSL,
        change: (inout RouterConfiguration) -> Void = { _ in }
    ) -> RouterBench {
        var configuration = Example.configuration()
        configuration.verification = verification
        configuration.services = configuration.services.map {
            var service = $0
            service.steering = Steering(.consistentHash)
            return service
        }
        change(&configuration)
        return Example.bench(provider, configuration)
    }

    private static func frame(
        _ number: UInt64, port: UInt16 = 40000, _ flags: UInt8 = TCPFlags.ack, forged: Bool = false,
        under association: SecurityAssociation = Example.tunnel
    ) -> Bytes {
        Example.tunnelFrame(
            number: number, Example.innerTCP(port: port, flags: flags), under: association,
            espFault: ESPFault(otherKey: forged))
    }

    private static func name(_ port: UInt16) -> ConnectionName {
        ConnectionName(
            remote: address(Example.inner), local: address(Example.dvipa), remotePort: port, localPort: 80,
            ipProtocol: 6)
    }

    private static func numbers(_ all: [UInt64], _ association: SecurityAssociation = Example.tunnel) -> VerifiedNumbers
    {
        let highest = all.max()!
        var words: [UInt64] = []
        for number in all {
            let step = Int(highest / 64 - number / 64)
            while words.count <= step { words.append(0) }
            words[step] |= 1 << (number % 64)
        }
        return VerifiedNumbers(spi: association.spi, highest: highest, words: words)
    }

    // MARK: Every verdict that differs

    /// What is done before the packet, and what it is.
    enum Case: String, CaseIterable, CustomTestStringConvertible {
        case forged, replayed, tooOld, beyondTheLifecount, oneSYNTooMany, oneConnectionTooMany
        case errorAboutNoConnection

        var testDescription: String { rawValue }

        var verdict: Verdict {
            switch self {
            case .forged: .badICV
            case .replayed: .replayed
            case .tooOld: .tooOld
            case .beyondTheLifecount: .lifetimeExhausted
            case .oneSYNTooMany: .tooManyHalfOpen
            case .oneConnectionTooMany: .connectionTableFull
            case .errorAboutNoConnection: .noConnection
            }
        }

        func play(_ bench: inout RouterBench) -> Outcome {
            switch self {
            case .forged:
                var frame = frame(1)
                frame[frame.count - 1] ^= 1
                return bench.send(frame)
            case .replayed:
                _ = bench.send(frame(7))
                return bench.send(frame(7))
            case .tooOld:
                _ = bench.send(frame(500))
                return bench.send(frame(500 - 64))
            case .beyondTheLifecount:
                try! bench.router.apply(
                    .allow(LifecountGrant(spi: Example.tunnel.spi, direction: .inbound, packets: 1)))
                _ = bench.send(frame(1))
                return bench.send(frame(2))
            case .oneSYNTooMany:
                for port in UInt16(1)...8 { _ = bench.send(frame(UInt64(port), port: port, TCPFlags.syn)) }
                return bench.send(frame(9, port: 9, TCPFlags.syn))
            case .oneConnectionTooMany:
                for port in UInt16(1)...16 { _ = bench.send(frame(UInt64(port), port: port)) }
                return bench.send(frame(17, port: 17))
            case .errorAboutNoConnection:
                let quoted = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000))
                let inner = ipv4(
                    from: Example.inner, to: Example.dvipa, protocol: 1, icmp(3, 1, Bytes(quoted.prefix(28))))
                return bench.send(Example.tunnelFrame(number: 1, inner))
            }
        }
    }

    @Test(arguments: Provider.available, Case.allCases)
    func whatOneRefusesTheOtherSteersAsItCame(_ provider: Provider, _ packet: Case) {
        func small(_ configuration: inout RouterConfiguration) {
            configuration.connectionCapacity = 16
            configuration.halfOpenCapacity = 8
            configuration.halfOpenLimit = 8
        }
        var verifying = Self.bench(.router, provider, change: small)
        #expect(packet.play(&verifying).verdict == packet.verdict)
        var reading = Self.bench(.target, provider, change: small)
        let before = reading.router.stateSnapshot()
        let outcome = packet.play(&reading)
        #expect(outcome.verdict == .steered)
        #expect(outcome.target != nil)
        #expect(reading.router.stateSnapshot() == before)
    }

    // MARK: Nothing but reports

    /// Valid, damaged and repeated frames of every kind: nothing of the router's changes but its counters.
    @Test(arguments: Provider.available) func noPacketChangesAnything(_ provider: Provider) {
        var generator = SeededGenerator(seed: 11)
        var bench = Self.bench(.target, provider)
        // Something there is to spoil.
        try! bench.router.apply(.verified([Self.numbers(Array(280...300))]))
        for port in UInt16(40000)...40003 {
            try! bench.router.apply(.alive(Self.name(port), target: "t\(Int(port) % 3 + 1)"))
        }
        let before = bench.router.stateSnapshot()
        #expect(before.connections == 4)
        let valid = UnverifiedChangesNothingTests.traffic.frames
        var verdicts: Set<Verdict> = []
        for _ in 0..<60 {
            bench.now += UInt32.random(in: 0...1, using: &generator)
            let frames = (0..<Int.random(in: 1...64, using: &generator)).map { _ in
                let frame = valid.randomElement(using: &generator)!
                guard generator.once(in: 2) else { return frame }
                return UnverifiedChangesNothingTests.Damage.allCases.randomElement(using: &generator)!
                    .apply(to: frame, valid.randomElement(using: &generator)!, &generator)
            }
            for outcome in bench.send(frames) { verdicts.insert(outcome.verdict) }
            #expect(bench.router.stateSnapshot() == before)
        }
        #expect(verdicts.isSuperset(of: [.steered, .replayed, .tooOld]))
        #expect(verdicts.isDisjoint(with: [.badICV, .connectionTableFull, .tooManyHalfOpen]))
    }

    @Test func reportsFeedTheWindow() {
        var bench = Self.bench()
        #expect(bench.send([Self.frame(100), Self.frame(100)]).map(\.verdict) == [.steered, .steered])
        try! bench.router.apply(.verified([Self.numbers([100, 99, 70])]))
        let replays: [UInt64] = [100, 99, 70]
        for number in replays { #expect(bench.send(Self.frame(number)).verdict == .replayed) }
        #expect(bench.send(Self.frame(36)).verdict == .tooOld)
        for number: UInt64 in [37, 98, 101] { #expect(bench.send(Self.frame(number)).verdict == .steered) }
        // The same again, and an older one: nothing changes.
        let before = bench.router.stateSnapshot()
        try! bench.router.apply(.verified([Self.numbers([100, 99, 70]), Self.numbers([70])]))
        #expect(bench.router.stateSnapshot() == before)
    }

    @Test func whatNoSAHasIsPassedOver() {
        var bench = Self.bench()
        let before = bench.router.stateSnapshot()
        var foreign = Self.numbers([5])
        foreign.spi = SPI(rawValue: 0xDEAD_BEEF)
        let beyond = VerifiedNumbers(spi: Example.tunnel.spi, highest: 1 << 32, words: [1])
        let none = VerifiedNumbers(spi: Example.tunnel.spi, highest: 0, words: [1])
        try! bench.router.apply(.verified([foreign, beyond, none]))
        #expect(bench.router.stateSnapshot() == before)
        // A router that verifies takes nobody's word.
        var verifying = Self.bench(.router)
        try! verifying.router.apply(.verified([Self.numbers([100])]))
        #expect(verifying.send(Self.frame(1)).verdict == .steered)
    }

    /// Three targets share an SA's packets and report now and then, in any order: when all have, the router's window is that
    /// of somebody who saw every packet.
    @Test(arguments: [32, 64, 100, 1024, 4096]) func theUnionOfAllReportsIsTheWindow(_ window: Int) {
        var generator = SeededGenerator(seed: UInt64(window))
        var all = ReplayWindows(count: 5, maximumWindow: 4096)
        let rings = (0..<5).map { _ in all.take(window: window) }
        var tops = [UInt64](repeating: 0, count: 5)
        let width = UInt64(window)
        var next: UInt64 = 1
        for _ in 0..<300 {
            for _ in 0..<Int.random(in: 1...40, using: &generator) {
                next += UInt64.random(in: 0...(generator.once(in: 30) ? width * 2 : 3), using: &generator)
                let number = max(next - min(next - 1, UInt64.random(in: 0...width, using: &generator)), 1)
                // The one who sees all is the last; a target takes what its own window admits, which is more.
                guard all.reader.judge(number, top: tops[4], window: width, in: rings[4]) == .pending else { continue }
                let target = Int.random(in: 0..<3, using: &generator)
                for place in [target, 4] {
                    tops[place] = all.reader.record(number, top: tops[place], in: rings[place], .ofOwnStack)
                }
            }
            for target in (0..<3).shuffled(using: &generator) where tops[target] > 0 {
                let words = all.reader.words(top: tops[target], window: width, in: rings[target])
                #expect(words.count <= VerifiedNumbers.wordLimit)
                tops[3] = all.reader.merge(words, highest: tops[target], top: tops[3], in: rings[3], .ofReport)
            }
            #expect(tops[3] == tops[4])
            var differing: [UInt64] = []
            for number in (tops[4] - min(tops[4], width + 130))...(tops[4] + 2) {
                let fed = all.reader.judge(number, top: tops[3], window: width, in: rings[3])
                let exact = all.reader.judge(number, top: tops[4], window: width, in: rings[4])
                if fed != exact { differing.append(number) }
            }
            #expect(differing.isEmpty)
        }
    }

    /// The upper half is guessed from what was reported.
    @Test(arguments: Provider.available) func numbersWithESNAreGuessedFromReports(_ provider: Provider) {
        let long = association(
            spi: 0xC000_0009, from: Example.client, to: Example.gateway, remote: "10.71.0.0/24", local: "10.72.0.0/24",
            hasESN: true)
        var bench = Self.bench(.target, provider)
        try! bench.router.apply(.install(long))
        let far: UInt64 = 5 << 32 + 1000
        try! bench.router.apply(.verified([Self.numbers([far], long)]))
        #expect(bench.send(Self.frame(far, under: long)).verdict == .replayed)
        #expect(bench.send(Self.frame(far - 1, under: long)).verdict == .steered)
        #expect(bench.send(Self.frame(far + 1, under: long)).verdict == .steered)
        #expect(
            bench.send([Self.frame(far + 9, under: long), Self.frame(far + 3 << 30, under: long)]).map(\.verdict)
                == [.steered, .steered])
        // For the floors that targets are told.
        var place = 0
        let usage = bench.router.usage(from: &place, count: 100)
        #expect(
            usage == [
                AssociationUsage(spi: long.spi, direction: .inbound, packets: 0, bytes: 0, highest: far)
            ])
    }

    // MARK: Connections

    @Test func aConnectionIsWhereItsTargetSaysAndElseWhereItsHashSays() {
        var bench = Self.bench()
        let hashed = bench.send(Self.frame(1)).target!
        let other = (hashed + 1) % 3
        try! bench.router.apply(.alive(Self.name(40000), target: Example.targets[other].name))
        #expect(bench.send(Self.frame(2)).target == other)
        #expect(bench.send(Self.frame(3, TCPFlags.fin | TCPFlags.ack)).target == other)
        // Its end is reported as well, and until its last segments are through it is there.
        try! bench.router.apply(.closed(Self.name(40000), target: Example.targets[other].name))
        #expect(bench.send(Self.frame(4)).target == other)
        bench.now += 200
        for _ in 0..<100 { _ = bench.send(Self.frame(5, port: 1)) }
        #expect(bench.router.stateSnapshot().connections == 0)
        #expect(bench.send(Self.frame(6)).target == hashed)
    }

    /// Packets do not keep an entry: targets do.
    @Test func anEntryLivesAsLongAsItsTargetSaysSo() {
        var bench = Self.bench()
        try! bench.router.apply(.alive(Self.name(40000), target: "t1"))
        for _ in 0..<3 {
            bench.now += 5000
            _ = bench.send(Self.frame(1))
            try! bench.router.apply(.alive(Self.name(40000), target: "t1"))
        }
        #expect(bench.router.stateSnapshot().connections == 1)
        for _ in 0..<300 {
            bench.now += 100
            _ = bench.send(Self.frame(2))
        }
        #expect(bench.router.stateSnapshot().connections == 0)
    }

    @Test func aLostTargetsConnectionsGoOnByTheirHash() {
        var bench = Self.bench()
        try! bench.router.apply(.alive(Self.name(40000), target: "t2"))
        #expect(bench.send(Self.frame(1)).target == 1)
        try! bench.router.apply(.standing(target: "t2", TargetStanding(state: .lost)))
        let now = bench.send(Self.frame(2)).target
        #expect(now != nil && now != 1)
        #expect(bench.send(Self.frame(3)).target == now)
        // Its new target answers it, and says so.
        try! bench.router.apply(.alive(Self.name(40000), target: Example.targets[now!].name))
        try! bench.router.apply(.standing(target: "t2", TargetStanding(state: .serving)))
        #expect(bench.send(Self.frame(4)).target == now)
    }

    @Test func aFullTableSteersByHash() {
        var bench = Self.bench { $0.connectionCapacity = 4 }
        for port in UInt16(1)...40 { try! bench.router.apply(.alive(Self.name(port), target: "t1")) }
        #expect(bench.router.stateSnapshot().connections <= 4)
        for port in UInt16(1)...40 { #expect(bench.send(Self.frame(UInt64(port), port: port)).verdict == .steered) }
    }
}

extension VerifyTargetTests.Case {
    private func frame(_ number: UInt64, port: UInt16 = 40000, _ flags: UInt8 = TCPFlags.ack, forged: Bool = false)
        -> Bytes
    {
        Example.tunnelFrame(
            number: number, Example.innerTCP(port: port, flags: flags), espFault: ESPFault(otherKey: forged))
    }
}
