import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// Each method by which a service's connections are shared: how even it is, and what a target's loss and return move.
@Suite struct SteeringMethodTests {
    private static let dvipa = address("10.72.0.10")

    /// One service, its targets, and the connections that were made.
    private struct Desk: ~Copyable {
        var services: ServiceTable
        var targets: TargetTable
        var connections: ConnectionTable
        var now: UInt32 = 100
        let proof = proofForTests()

        init(_ count: Int, _ steering: Steering, order: [Int]? = nil) {
            targets = targetTable(count)
            let service = Service(
                name: "s", dvipa: SteeringMethodTests.dvipa, ipProtocol: 6, ports: [80...80],
                targets: (order ?? Array(0..<count)).map { "t\($0)" }, steering: steering)
            services = ServiceTable([service], dvipas: [SteeringMethodTests.dvipa], targets: targets.targets)
            connections = ConnectionTable(capacity: 1 << 14, targetCount: count)
        }

        mutating func stand(_ target: Int, _ state: TargetStanding.State, weight: UInt16 = 1) {
            targets.setStanding(target, TargetStanding(state: state, weight: weight))
            if state == .lost { connections.lose(target) }
        }

        /// Where a connection that begins goes, entered as a router enters it.
        mutating func begin(_ number: Int) -> Int { begin(ConnectionKey(flow(number), dvipa: 0)) }

        mutating func begin(_ key: ConnectionKey) -> Int {
            let target = services.begin(key, 0, usable: targets, connections: connections, now: now, proof)
            guard target >= 0 else { return target }
            let home = connections.home(of: key)
            if connections.find(key, home: home) < 0 {
                #expect(connections.insert(key, home: home, target: target, now: now, closing: false, proof) == true)
            }
            return target
        }

        mutating func shares(_ numbers: Range<Int>) -> [Int] {
            var shares = Array(repeating: 0, count: targets.targets.count)
            for number in numbers { shares[begin(number)] += 1 }
            return shares
        }

        func agreed(_ number: Int) -> Int {
            services.agreeOn(ConnectionKey(flow(number), dvipa: 0), 0, usable: targets)
        }

        func agreed(_ numbers: Range<Int>) -> [Int] { numbers.map { agreed($0) } }
    }

    // MARK: Round robin

    @Test func roundRobinAsksForNoWeight() {
        var desk = Desk(3, Steering(.roundRobin))
        desk.stand(0, .serving, weight: 500)
        #expect((0..<6).map { desk.begin($0) } == [0, 1, 2, 0, 1, 2])
        desk.stand(1, .serving, weight: 0)
        #expect(desk.shares(10..<14) == [2, 0, 2], "whose queue is full")
        desk.stand(1, .lost)
        #expect(desk.shares(20..<24) == [2, 0, 2])
        desk.stand(1, .serving)
        #expect(desk.shares(30..<330) == [100, 100, 100])
    }

    // MARK: Active connections

    @Test func activeConnectionsFillsUpWhoHasFewest() {
        var desk = Desk(3, Steering(.activeConnections))
        #expect(desk.shares(0..<300) == [100, 100, 100])
        desk.stand(1, .lost)
        #expect(desk.shares(300..<400) == [50, 0, 50])
        desk.stand(1, .serving)
        #expect(desk.shares(400..<550) == [0, 150, 0], "who returns is empty, and is filled up")
        let more = desk.shares(550..<580)
        #expect(more == [10, 10, 10])
    }

    @Test func activeConnectionsGoByWeight() {
        var desk = Desk(3, Steering(.activeConnections))
        desk.stand(0, .serving, weight: 3)
        desk.stand(2, .serving, weight: 0)
        #expect(desk.shares(0..<400) == [300, 100, 0])
        desk.stand(0, .serving, weight: 0)
        desk.stand(1, .serving, weight: 0)
        #expect(desk.shares(400..<500) == [0, 0, 100], "nobody has a weight: the emptiest")
    }

    // MARK: Hot standby

    @Test func hotStandbyTakesTheFirstThatIsThere() {
        var desk = Desk(3, Steering(.hotStandby), order: [2, 0, 1])
        #expect(desk.shares(0..<50) == [0, 0, 50])
        desk.stand(2, .lost)
        #expect(desk.shares(50..<100) == [50, 0, 0])
        #expect(desk.agreed(1000) == 0, "and every router does")
        desk.stand(0, .draining)
        #expect(desk.begin(200) == 1)
        desk.stand(2, .serving)
        #expect(desk.shares(300..<350) == [0, 0, 50])
        #expect(desk.connections.count(of: 0) == 50 && desk.connections.count(of: 1) == 1, "those that live stay")
        for target in 0..<3 { desk.stand(target, .lost) }
        #expect(desk.begin(400) == -1)
    }

    // MARK: Consistent hash

    /// A hundred places for each target make shares even within 2 % of the mean; what random keys add is more.
    @Test(arguments: [1, 2, 3, 8, 40, 160]) func maglevSharesAreEven(_ count: Int) {
        let identities = (0..<count).map { targetTable(count).identity($0) }
        let table = MaglevTable.fill(identities)
        var places = Array(repeating: 0, count: count)
        for target in table { places[Int(target)] += 1 }
        #expect(places.max()! - places.min()! <= 1)
        #expect(table.count >= 100 * count)
    }

    @Test func maglevDoesNotDependOnTheOrderOfTheFile() {
        let one = Desk(7, Steering(.consistentHash))
        let other = Desk(7, Steering(.consistentHash), order: [3, 6, 0, 2, 5, 1, 4])
        #expect(one.agreed(0..<2000) == other.agreed(0..<2000))
    }

    @Test func consistentHashIsEvenAndTheSameForEveryRouter() {
        var desk = Desk(8, Steering(.consistentHash))
        let agreed = desk.agreed(0..<8000)
        #expect((0..<8000).map { desk.begin($0) } == agreed, "new or not")
        for target in 0..<8 { #expect((850...1150).contains(agreed.count { $0 == target })) }
    }

    /// Whoever goes and returns, in whatever order: of the connections that had a target that is there none moves.
    @Test(arguments: [Steering(.consistentHash), Steering(.weighted)]) func lossesMoveOnlyWhatTheyMust(
        _ steering: Steering
    ) {
        for seed in 0..<6 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let count = Int.random(in: 2...24, using: &generator)
            var desk = Desk(count, steering)
            let all = desk.agreed(0..<1500)
            var usable = Set(0..<count)
            var before = all
            for _ in 0..<30 {
                let target = Int.random(in: 0..<count, using: &generator)
                let returns = !usable.contains(target)
                if returns { usable.insert(target) } else { usable.remove(target) }
                desk.stand(target, returns ? .serving : .lost)
                let after = desk.agreed(0..<1500)
                for number in 0..<1500 {
                    if usable.isEmpty {
                        #expect(after[number] == -1)
                    } else {
                        #expect(usable.contains(after[number]))
                        // A loss moves the lost one's; a return takes to the one that returned, and nowhere else.
                        if after[number] != before[number] {
                            #expect(
                                returns ? after[number] == target || before[number] == -1 : before[number] == target)
                        }
                        if usable.contains(all[number]) { #expect(after[number] == all[number]) }
                    }
                }
                before = after
            }
        }
    }

    /// What a lost target leaves is shared by all the others.
    @Test func whatALostTargetLeavesIsSharedByAll() {
        var desk = Desk(6, Steering(.consistentHash))
        let before = desk.agreed(0..<6000)
        desk.stand(2, .lost)
        let after = desk.agreed(0..<6000)
        var heirs = Array(repeating: 0, count: 6)
        for number in 0..<6000 where before[number] == 2 { heirs[after[number]] += 1 }
        #expect(heirs[2] == 0)
        for target in [0, 1, 3, 4, 5] { #expect((130...270).contains(heirs[target])) }
    }

    @Test func withOneTargetLeftOfManyAllGoThere() {
        var desk = Desk(40, Steering(.consistentHash))
        for target in 0..<40 where target != 17 { desk.stand(target, .lost) }
        #expect(Set(desk.agreed(0..<500)) == [17])
    }

    // MARK: Affinity

    private func client(_ number: Int, port: UInt16) -> ConnectionKey {
        var flow = flow(0)
        flow.remote = IPAddress(v4: 0x0A47_0000 + UInt32(number))
        flow.remotePort = port
        return ConnectionKey(flow, dvipa: 0)
    }

    @Test(arguments: Steering.Method.allCases) func aClientStaysForAWhile(_ method: Steering.Method) {
        var desk = Desk(4, Steering(method, affinitySeconds: 30))
        var first: [Int] = []
        for number in 0..<40 { first.append(desk.begin(client(number, port: 1))) }
        if method != .hotStandby { #expect(Set(first) == [0, 1, 2, 3]) }
        for port in UInt16(2)..<6 {
            desk.now += 30  // Each new connection makes it last again.
            for number in 0..<40 { #expect(desk.begin(client(number, port: port)) == first[number]) }
        }
        for number in 0..<40 {
            #expect(
                desk.services.agreeOn(client(number, port: 9), 0, usable: desk.targets)
                    == desk.services.agreeOn(client(number, port: 10), 0, usable: desk.targets))
        }
    }

    @Test func affinityIsOverInTime() {
        var desk = Desk(2, Steering(.roundRobin, affinitySeconds: 30))
        #expect([1, 2, 3].map { desk.begin(client(1, port: $0)) } == [0, 0, 0])
        desk.now += 31
        #expect([4, 5].map { desk.begin(client(1, port: $0)) } == [1, 1])
    }

    @Test func affinityEndsWithItsTarget() {
        var desk = Desk(3, Steering(.roundRobin, affinitySeconds: 300))
        #expect((0..<6).map { desk.begin(client($0, port: 1)) } == [0, 1, 2, 0, 1, 2])
        desk.stand(1, .draining)
        #expect([0, 2, 3, 5].map { desk.begin(client($0, port: 2)) } == [0, 2, 0, 2])
        let moved = [1, 4].map { desk.begin(client($0, port: 2)) }
        #expect(!moved.contains(1))
        desk.stand(1, .serving)
        #expect([1, 4].map { desk.begin(client($0, port: 3)) } == moved, "it does not go back")
    }

    @Test func whoFindsNoPlaceIsNotRemembered() {
        let proof = proofForTests()
        var table = AffinityTable(seconds: [30], capacity: 16)
        for number in 0..<200 { table.note(client(number, port: 1), service: 0, target: 3, now: 10, proof) }
        let known = (0..<200).filter { table.find(client($0, port: 1), service: 0, now: 10) == 3 }
        #expect(known.count >= 16 && known.count <= 32 && table.omitted == UInt64(200 - known.count))
        for number in 0..<200 { table.note(client(number, port: 1), service: 0, target: 1, now: 20, proof) }
        #expect(known.allSatisfy { table.find(client($0, port: 1), service: 0, now: 20) == 1 }, "who is there stays")
        // Once all are over their places are others'.
        for number in 1000..<1010 { table.note(client(number, port: 1), service: 0, target: 2, now: 51, proof) }
        #expect((1000..<1010).allSatisfy { table.find(client($0, port: 1), service: 0, now: 51) == 2 })
    }
}
