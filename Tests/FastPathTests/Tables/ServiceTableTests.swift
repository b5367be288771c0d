import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

@Suite struct ServiceTableTests {
    private let dvipas = ["10.72.0.10", "10.72.0.11"].map(address)

    private func table(_ targets: borrowing TargetTable, _ services: [Service]) -> ServiceTable {
        ServiceTable(services, dvipas: dvipas, targets: targets.targets)
    }

    private func service(_ dvipa: Int, _ ports: [ClosedRange<UInt16>], _ targets: [String], ipProtocol: UInt8 = 6)
        -> Service
    {
        Service(name: "s", dvipa: dvipas[dvipa], ipProtocol: ipProtocol, ports: ports, targets: targets)
    }

    @Test func aServiceIsADVIPAAProtocolAndAPort() {
        let targets = targetTable(2)
        let table = table(
            targets,
            [
                service(0, [80...80, 8000...8999], ["t0"]), service(1, [80...80], ["t1"]),
                service(0, [80...80], ["t1"], ipProtocol: 17),
            ])
        #expect(table.find(dvipa: 0, ipProtocol: 6, port: 80) == 0)
        #expect(table.find(dvipa: 0, ipProtocol: 6, port: 8999) == 0)
        #expect(table.find(dvipa: 1, ipProtocol: 6, port: 80) == 1)
        #expect(table.find(dvipa: 0, ipProtocol: 17, port: 80) == 2)
        for (dvipa, ipProtocol, port) in [(Int32(0), UInt8(6), UInt16(81)), (1, 6, 8000), (1, 17, 80), (0, 6, 9000)] {
            #expect(table.find(dvipa: dvipa, ipProtocol: ipProtocol, port: port) == -1)
        }
    }

    @Test func turnsGoRoundAndLeaveOutWhoCannot() {
        let targets = targetTable(4)
        var table = table(targets, [service(0, [80...80], ["t2", "t0", "t3"]), service(1, [80...80], ["t1", "t0"])])
        #expect((0..<6).map { _ in table.takeTurn(0, usable: targets) } == [2, 0, 3, 2, 0, 3])
        #expect((0..<3).map { _ in table.takeTurn(1, usable: targets) } == [1, 0, 1], "each service has its own turns")
        let fewer = targetTable(4, without: [0])
        #expect((0..<4).map { _ in table.takeTurn(0, usable: fewer) } == [2, 3, 2, 3])
        let none = targetTable(4, without: [0, 2, 3])
        #expect(table.takeTurn(0, usable: none) == -1)
        #expect(table.takeTurn(0, usable: targets) != -1)
    }

    /// Rendezvous: losing a target moves its own connections only, and those spread over the others.
    @Test func aLostTargetMovesOnlyItsOwn() {
        let names = (0..<5).map { "t\($0)" }
        let all = targetTable(5)
        let one = table(all, [service(0, [80...80], names)])
        let other = table(all, [service(0, [80...80], names.reversed())])
        let keys = (0..<5000).map { ConnectionKey(flow($0 * 13), dvipa: 0) }
        let before = keys.map { one.agreeOn($0, 0, usable: all) }
        #expect(before == keys.map { other.agreeOn($0, 0, usable: all) }, "whatever order the file has them in")
        for target in 0..<5 { #expect((700...1300).contains(before.count { $0 == target })) }
        for lost in 0..<5 {
            let left = targetTable(5, without: [lost])
            let after = keys.map { one.agreeOn($0, 0, usable: left) }
            var moved: [Int: Int] = [:]
            for (was, now) in zip(before, after) {
                #expect(was == lost ? now != lost && now >= 0 : now == was)
                if was == lost { moved[now, default: 0] += 1 }
            }
            #expect(moved.count == 4 && moved.values.allSatisfy { $0 > 100 })
        }
        #expect(one.agreeOn(keys[0], 0, usable: targetTable(5, without: [0, 1, 2, 3, 4])) == -1)
    }

    // MARK: Weights

    private func shares(_ turns: Int, _ table: inout ServiceTable, _ targets: borrowing TargetTable) -> [Int] {
        var shares = Array(repeating: 0, count: targets.targets.count)
        for _ in 0..<turns { shares[table.takeTurn(0, usable: targets)] += 1 }
        return shares
    }

    @Test func turnsGoByWeightAndNobodyGoesForLong() {
        let targets = targetTable(3, weights: [3, 1, 0])
        var table = table(targets, [service(0, [80...80], ["t0", "t1", "t2"])])
        #expect((0..<8).map { _ in table.takeTurn(0, usable: targets) } == [0, 0, 1, 0, 0, 0, 1, 0])
        #expect(shares(4000, &table, targets) == [3000, 1000, 0])
        let idle = targetTable(3, weights: [0, 0, 0])
        #expect(shares(300, &table, idle) == [100, 100, 100], "nobody has more than 0")
        #expect(shares(3, &table, targetTable(3, without: [0, 1], weights: [3, 1, 0])) == [0, 0, 3])
    }

    /// Whatever weights there were before, those of now hold within 2 % from the first hundreds of turns on.
    @Test func weightsHoldWhateverWasBefore() {
        for seed in 0..<50 {
            var generator = SeededGenerator(seed: UInt64(seed))
            let names = (0..<5).map { "t\($0)" }
            var table = table(targetTable(5), [service(0, [80...80], names)])
            for _ in 0..<20 {
                let weights = names.map { _ in UInt16.random(in: 0...1000, using: &generator) }
                let missing = Set((0..<5).filter { _ in generator.once(in: 4) })
                let targets = targetTable(5, without: missing, weights: weights)
                let usable = (0..<5).filter { !missing.contains($0) }
                let sum = usable.reduce(0) { $0 + Int(weights[$1]) }
                guard sum > 0 else { continue }
                let turns = 2000
                let shares = shares(turns, &table, targets)
                for index in 0..<5 {
                    let fair = usable.contains(index) ? Double(turns) * Double(weights[index]) / Double(sum) : 0
                    #expect(abs(Double(shares[index]) - fair) <= 0.02 * Double(turns) / 2, "seed \(seed) \(weights)")
                }
            }
        }
    }

    @Test func onlyServingTargetsAreAgreedOn() {
        let names = (0..<4).map { "t\($0)" }
        var targets = targetTable(4)
        let table = table(targets, [service(0, [80...80], names)])
        let keys = (0..<400).map { ConnectionKey(flow($0), dvipa: 0) }
        let before = keys.map { table.agreeOn($0, 0, usable: targets) }
        for (index, state) in [TargetStanding.State.draining, .quiesced, .lost].enumerated() {
            targets.setStanding(index, TargetStanding(state: state))
        }
        #expect(Set(before).count == 4)
        #expect(keys.allSatisfy { table.agreeOn($0, 0, usable: targets) == 3 })
    }
}
