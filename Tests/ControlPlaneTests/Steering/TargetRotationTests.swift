import Associations
import Testing
import Wire

@testable import ControlPlane

private func ms(_ milliseconds: UInt64) -> UInt64 { milliseconds * 1_000_000 }
private typealias Rotation = TargetRotation

/// A rotation and its targets, of which those that are `alive` answer each probe with a report.
private struct Bench {
    var rotation: TargetRotation
    var random = SeededGenerator(seed: 1)
    var now: UInt64 = ms(1000)
    var alive: Set<String> = []
    /// Those whose probes go astray though they report.
    var astray: Set<String> = []
    var services: [String: [MemberMessage.ServiceReport]] = [:]
    var weights: [String: UInt16] = [:]
    var lines: [String] = []
    var standings: [String: TargetStanding] = [:]
    var published = 0
    private var last: [String: UInt64] = [:]

    init(
        _ names: [String] = ["t1", "t2"], weighing: TargetRotation.Weighing = .fixed(1),
        whenLost: TargetRotation.WhenLost = .move
    ) {
        let services = ["web", "db"].enumerated().map { index, name in
            Service(
                name: name, dvipa: IPAddress("10.72.0.10")!, ipProtocol: 6,
                ports: [UInt16(80 + index)...UInt16(80 + index)], targets: names)
        }
        rotation = TargetRotation(
            targets: names.map { ($0, weighing) }, services: services, whenLost: whenLost, at: now)
        perform(rotation.start(at: now))
    }

    mutating func perform(_ actions: [TargetRotation.Action]) {
        for action in actions {
            switch action {
            case .standing(let target, let standing):
                standings[target] = standing
                published += 1
            case .probe(let target, let number): if !astray.contains(target) { last[target] = number }
            case .log(let line): lines.append(line)
            }
        }
    }

    mutating func receive(_ event: TargetRotation.Event, from target: String) {
        perform(rotation.receive(event, from: target, at: now))
    }

    /// In steps of 20 ms; reports come every 100 ms.
    mutating func pass(_ milliseconds: UInt64) {
        for _ in 0..<(milliseconds / 20) {
            now += ms(20)
            if now % ms(100) == 0 { for target in alive.sorted() { report(target) } }
            perform(rotation.tick(at: now, using: &random))
        }
    }

    mutating func report(_ target: String) {
        var report = MemberMessage.Report()
        report.probe = last[target] ?? 0
        report.services = services[target] ?? []
        report.weight = weights[target]
        receive(.report(report), from: target)
    }

    mutating func join(_ targets: String...) {
        for target in targets {
            receive(.joined, from: target)
            alive.insert(target)
        }
    }

    func state(_ target: String) -> TargetStanding.State? { standings[target]?.state }
    func reasons(_ target: String) -> [String] {
        rotation.status(at: now).first { $0.target == target }!.reasons
    }
}

@Suite struct TargetRotationTests {
    @Test func aTargetIsInAfterTwoGoodRounds() {
        var bench = Bench()
        #expect(bench.state("t1") == .lost)
        #expect(bench.reasons("t1") == ["not joined yet"])
        #expect(bench.lines == [])
        bench.join("t1")
        bench.pass(200)
        #expect(bench.state("t1") == .lost)
        #expect(bench.reasons("t1") == ["on its way in, 1 of 2 probes good"])
        bench.pass(400)
        #expect(bench.standings["t1"] == TargetStanding(state: .serving, weight: 2))
        #expect(bench.state("t2") == .lost)
        #expect(bench.lines == ["target t1: serving"])
        #expect(bench.reasons("t1") == [])
    }

    @Test func whoFallsSilentIsLostInLessThanASecondAndComesBackAfterTwoRounds() {
        var bench = Bench()
        bench.join("t1", "t2")
        bench.pass(3000)
        let published = bench.published
        bench.alive.remove("t1")
        bench.pass(400)
        #expect(bench.state("t1") == .serving)
        #expect(bench.published == published)
        bench.pass(480)
        #expect(bench.state("t1") == .lost)
        #expect(bench.state("t2") == .serving)
        #expect(bench.reasons("t1") == ["no probe came back for 800 ms"])
        #expect(bench.lines.last == "target t1: out of service (no probe came back for 800 ms)")
        bench.alive.insert("t1")
        bench.pass(120)
        #expect(bench.state("t1") == .lost)
        bench.pass(400)
        #expect(bench.state("t1") == .serving)
    }

    /// It reports, and nothing of what the router sends through GRE arrives.
    @Test func whoseTrustedLinkIsBrokenIsLostThoughItReports() {
        var bench = Bench()
        bench.join("t1", "t2")
        bench.pass(2000)
        bench.astray = ["t2"]
        bench.pass(900)
        #expect(bench.state("t2") == .lost)
        #expect(bench.reasons("t2") == ["no probe came back for 800 ms"])
        bench.pass(5000)
        #expect(bench.state("t2") == .lost)
        // The same number again and again proves nothing.
        #expect(bench.published == 5)
        bench.astray = []
        bench.pass(600)
        #expect(bench.state("t2") == .serving)
    }

    @Test func aBrokenLinkStopsNewConnectionsAtOnceAndTheRestWhenItStaysAway() {
        var bench = Bench()
        bench.join("t1", "t2")
        bench.pass(2000)
        bench.receive(.left, from: "t1")
        bench.alive.remove("t1")
        #expect(bench.state("t1") == .draining)
        #expect(bench.reasons("t1") == ["its link broke"])
        bench.pass(300)
        bench.join("t1")
        #expect(bench.state("t1") == .serving)
        bench.pass(2000)
        #expect(bench.state("t1") == .serving)
        bench.receive(.left, from: "t1")
        bench.alive.remove("t1")
        bench.pass(860)
        #expect(bench.state("t1") == .lost)
        #expect(bench.reasons("t1") == ["its link did not come back for 800 ms"])
    }

    @Test func whereConnectionsAreHeldALostTargetIsQuiesced() {
        var bench = Bench(whenLost: .hold)
        #expect(bench.state("t1") == .quiesced)
        bench.join("t1")
        bench.pass(1000)
        #expect(bench.state("t1") == .serving)
        bench.alive = []
        bench.pass(1000)
        #expect(bench.state("t1") == .quiesced)
    }

    @Test func whoSaysThatItLeavesGetsNothingNewAndIsNotWaitedFor() {
        var bench = Bench()
        bench.join("t1")
        bench.pass(1000)
        bench.receive(.leaving("its packet loop has not moved for 2000 ms"), from: "t1")
        #expect(bench.state("t1") == .draining)
        #expect(
            bench.lines.last
                == "target t1: draining, no new connections (it leaves: its packet loop has not moved for 2000 ms)")
        bench.receive(.left, from: "t1")
        #expect(bench.state("t1") == .lost)
        // Its next process has not said so.
        bench.join("t1")
        bench.pass(1000)
        #expect(bench.state("t1") == .serving)
    }

    @Test func commandsHoldThroughEverythingElse() {
        var bench = Bench()
        bench.join("t1")
        bench.pass(1000)
        bench.receive(.command(.drain), from: "t1")
        #expect(bench.state("t1") == .draining)
        bench.receive(.command(.quiesce), from: "t1")
        #expect(bench.state("t1") == .quiesced)
        bench.alive = []
        bench.pass(1000)
        #expect(bench.state("t1") == .lost)
        #expect(bench.reasons("t1") == ["no probe came back for 800 ms", "quiesced by command"])
        bench.alive = ["t1"]
        bench.pass(1000)
        #expect(bench.state("t1") == .quiesced)
        bench.receive(.command(.resume), from: "t1")
        #expect(bench.state("t1") == .serving)
    }

    @Test func aServiceThatNobodyListensForTakesItsTargetOutOfNewConnections() {
        var bench = Bench()
        bench.join("t1")
        bench.pass(1000)
        bench.services["t1"] = [.init(service: "web", isListening: true), .init(service: "db", isListening: false)]
        bench.report("t1")
        #expect(bench.state("t1") == .draining)
        #expect(bench.lines.last == "target t1: draining, no new connections (nobody listens for db)")
        // What is not a service of the cluster does not count.
        bench.services["t1"] = [.init(service: "db", isListening: true), .init(service: "x", isListening: false)]
        bench.report("t1")
        #expect(bench.state("t1") == .serving)
    }

    @Test func connectionsThatWaitLowerTheWeightAndAFullQueueTakesItAway() {
        var bench = Bench(weighing: .fixed(3))
        bench.join("t1")
        bench.pass(1000)
        for (queued, weight) in [(95, 6), (96, 3), (127, 3), (128, 0), (129, 0), (10, 6)] as [(UInt32, UInt16)] {
            bench.services["t1"] = [.init(service: "web", isListening: true, queued: queued, backlog: 128)]
            bench.report("t1")
            #expect(bench.standings["t1"] == TargetStanding(state: .serving, weight: weight), "\(queued)")
        }
        #expect(
            bench.lines.suffix(2) == [
                "target t1: serving, new connections only while nobody else can "
                    + "(web has 128 of 128 connections waiting)",
                "target t1: serving",
            ])
    }

    @Test func whereTargetsLeadTheirReportsGiveTheWeight() {
        var bench = Bench(weighing: .led)
        bench.join("t1")
        bench.pass(1000)
        #expect(bench.standings["t1"]?.weight == 2)
        for (asked, weight) in [(7, 14), (0, 0), (60_000, 2000)] as [(UInt16, UInt16)] {
            bench.weights["t1"] = asked
            bench.report("t1")
            #expect(bench.standings["t1"]?.weight == weight)
        }
        // What was asked for stays until something else is.
        bench.weights["t1"] = nil
        bench.report("t1")
        #expect(bench.standings["t1"]?.weight == 2000)
        var fixed = Bench(weighing: .fixed(5))
        fixed.join("t1")
        fixed.weights["t1"] = 900
        fixed.pass(1000)
        #expect(fixed.standings["t1"]?.weight == 10)
    }

    /// A pause of the router's process, of any length: nobody is lost for it, whatever comes first behind it.
    @Test(arguments: [500, 900, 5000, 3_600_000] as [UInt64], [true, false])
    func aRouterThatStoodStillBlamesNobody(_ pause: UInt64, _ reportsFirst: Bool) {
        var bench = Bench(["t1", "t2", "t3"])
        bench.join("t1", "t2", "t3")
        bench.pass(2000)
        let published = bench.published
        bench.now += ms(pause)
        if reportsFirst { bench.receive(.heard, from: "t1") }
        bench.pass(3000)
        #expect(bench.published == published)
        // And whoever is silent from then on is lost in its time.
        bench.alive.remove("t2")
        bench.pass(900)
        #expect(bench.state("t2") == .lost)
        #expect(bench.state("t1") == .serving)
    }

    @Test func aRouterThatIsOnlyALittleLateDoesNotForgive() {
        var bench = Bench()
        bench.join("t1")
        bench.pass(2000)
        bench.alive = []
        // Late by less than half the silence, each time.
        for _ in 0..<3 {
            bench.now += ms(390)
            bench.perform(bench.rotation.tick(at: bench.now, using: &bench.random))
        }
        #expect(bench.state("t1") == .lost)
    }

    @Test func allMayBeLostWhenTheRouterIsWellAndTheirNetworkIsNot() {
        var bench = Bench()
        bench.join("t1", "t2")
        bench.pass(2000)
        bench.alive = []
        bench.pass(1000)
        #expect(bench.state("t1") == .lost && bench.state("t2") == .lost)
    }

    @Test func strangersAndForeignNumbersChangeNothing() {
        var bench = Bench()
        bench.receive(.joined, from: "t9")
        bench.receive(.joined, from: "t1")
        for number in 0..<50 as Range<UInt64> {
            var report = MemberMessage.Report()
            report.probe = number
            bench.receive(.report(report), from: "t1")
            // Of a target that did not join.
            bench.receive(.report(report), from: "t2")
            bench.pass(40)
        }
        #expect(bench.state("t1") == .lost && bench.state("t2") == .lost)
        #expect(bench.published == 2)
    }

    @Test func statusSaysWhenSomethingWasHeard() {
        var bench = Bench()
        bench.join("t1")
        bench.pass(1000)
        let status = bench.rotation.status(at: bench.now + ms(30))
        #expect(status[0].heardMillisecondsAgo == 30)
        #expect(status[0].standing == TargetStanding(state: .serving, weight: 2))
        #expect(status[1].heardMillisecondsAgo == nil)
    }

    /// Whatever comes in whatever order: nobody serves who has not proved itself, what is published is what status says, and
    /// whoever is well for a second is in.
    @Test(arguments: 0..<200) func anyOrderOfEvents(_ seed: Int) {
        var bench = Bench(["t1", "t2", "t3"], whenLost: seed % 2 == 0 ? .move : .hold)
        var chance = SeededGenerator(seed: UInt64(seed))
        let names = ["t1", "t2", "t3"]
        var linked: Set<String> = []
        for _ in 0..<150 {
            let name = names[chance.below(3)]
            switch chance.below(10) {
            case 0, 1:
                bench.receive(.joined, from: name)
                linked.insert(name)
                bench.alive.insert(name)
            case 2:
                bench.receive(.left, from: name)
                linked.remove(name)
                bench.alive.remove(name)
            case 3: bench.alive.remove(name)
            case 4: if linked.contains(name) { bench.alive.insert(name) }
            case 5: bench.receive(.command([.drain, .quiesce, .resume][chance.below(3)]), from: name)
            case 6:
                bench.services[name] = [
                    .init(
                        service: "web", isListening: chance.chance(800), queued: UInt32(chance.below(9)), backlog: 8)
                ]
            case 7: bench.receive(.leaving("ill"), from: name)
            case 8: bench.now += ms(20 * UInt64(chance.below(100)))
            default: break
            }
            bench.pass(UInt64(20 * chance.below(30)))
            for status in bench.rotation.status(at: bench.now) {
                #expect(bench.standings[status.target] == status.standing, "seed \(seed)")
                let isFull = status.standing == TargetStanding(state: .serving, weight: 2)
                #expect(isFull == status.reasons.isEmpty, "seed \(seed): \(status)")
                if !linked.contains(status.target) { #expect(status.standing.state != .serving, "seed \(seed)") }
            }
        }
        for name in names {
            bench.services[name] = [.init(service: "web", isListening: true)]
            bench.receive(.command(.resume), from: name)
            bench.receive(.joined, from: name)
            bench.alive.insert(name)
        }
        bench.pass(1000)
        for name in names { #expect(bench.standings[name] == TargetStanding(state: .serving, weight: 2)) }
    }
}
