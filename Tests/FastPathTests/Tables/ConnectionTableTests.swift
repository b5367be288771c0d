import TestSupport
import Testing
import Wire

@testable import FastPath

@Suite struct ConnectionTableTests {
    private func key(_ number: Int, dvipa: Int32 = 0) -> ConnectionKey { ConnectionKey(flow(number), dvipa: dvipa) }

    private func find(_ number: Int, in table: borrowing ConnectionTable) -> Int? {
        let key = key(number)
        let at = table.find(key, home: table.home(of: key))
        return at < 0 ? nil : table.target(at: at)
    }

    /// Random connections come, are seen again, close and are forgotten, beside a dictionary with the same rules.
    @Test(arguments: [16, 200, 1000]) func itIsADictionaryThatForgets(_ capacity: Int) {
        struct Known {
            var target: Int
            var lastSeen: UInt32
            var isClosing: Bool
        }
        let proof = proofForTests()
        var generator = SeededGenerator(seed: UInt64(capacity))
        var table = ConnectionTable(capacity: capacity, targetCount: 4)
        table.idleSeconds = 50
        table.closingSeconds = 10
        var model: [Int: Known] = [:]
        var now: UInt32 = 1000
        for step in 0..<6000 {
            let number = Int.random(in: 0..<capacity * 2, using: &generator)
            let key = key(number)
            let home = table.home(of: key)
            let at = table.find(key, home: home)
            #expect((at < 0 ? nil : table.target(at: at)) == model[number]?.target, "step \(step)")
            if at >= 0 {
                let flags = [TCPHeader.Flag.fin, TCPHeader.Flag.rst, TCPHeader.Flag.syn, 0, 0, 0, 0]
                    .randomElement(using: &generator)!
                table.reader.refresh(at: at, now: now, tcpFlags: flags, proof)
                model[number]!.lastSeen = now
                if flags != 0 { model[number]!.isClosing = flags != TCPHeader.Flag.syn }
            } else {
                let target = Int.random(in: 0..<4, using: &generator)
                let isClosing = generator.once(in: 5)
                let inserted = table.insert(key, home: home, target: target, now: now, closing: isClosing, proof)
                if inserted { model[number] = Known(target: target, lastSeen: now, isClosing: isClosing) }
                // Short of room `insert` looks for the idle itself; the model learns of it here.
                if table.count != model.count {
                    model = model.filter { find($0.key, in: table) != nil }
                }
            }
            if generator.once(in: 40) { now += UInt32.random(in: 1...30, using: &generator) }
            if generator.once(in: 20) {
                // What moves into a gap is looked at in the next walk over all: half of a run of idle entries goes in each.
                for _ in 0..<12 { table.age(capacity * 4, now: now) }
                model = model.filter { now - $0.value.lastSeen <= ($0.value.isClosing ? 10 : 50) }
            }
            #expect(table.count == model.count, "step \(step)")
        }
        for (number, known) in model { #expect(find(number, in: table) == known.target) }
        for target in 0..<4 { #expect(table.count(of: target) == model.values.count { $0.target == target }) }
    }

    @Test func whenItIsFullTheNewAreRefusedAndTheOldStay() {
        let proof = proofForTests()
        var table = ConnectionTable(capacity: 100, targetCount: 1)
        var inside: [Int] = []
        for number in 0..<400 {
            let key = key(number)
            if table.insert(key, home: table.home(of: key), target: 0, now: 5, closing: false, proof) {
                inside.append(number)
            }
        }
        #expect(inside.count == 100 && table.count == 100 && table.count(of: 0) == 100)
        for number in inside { #expect(find(number, in: table) == 0) }
        // Once all are idle one new connection makes room.
        let late = key(1000)
        #expect(table.insert(late, home: table.home(of: late), target: 0, now: 5 + 7201, closing: false, proof) == true)
        #expect(table.count == 1, "\(table.count) of \(inside.count) are left")
        #expect(find(1000, in: table) == 0)
    }

    /// A flood of new connections may make the table search once a second, not for every packet.
    /// Chance makes neighbourhoods crowded long before a table is full: that must keep nobody out.
    @Test(arguments: [100, 43_000, 174_000]) func itHoldsAsManyAsItSays(_ capacity: Int) {
        let proof = proofForTests()
        var table = ConnectionTable(capacity: capacity, targetCount: 1)
        var refused = 0
        for number in 0..<capacity {
            let key = key(number)
            if !table.insert(key, home: table.home(of: key), target: 0, now: 5, closing: false, proof) { refused += 1 }
        }
        #expect(refused == 0)
        #expect(table.count == capacity)
        let one = key(capacity)
        let isIn = table.insert(one, home: table.home(of: one), target: 0, now: 5, closing: false, proof)
        #expect(!isIn)
    }

    @Test func aFullTableSearchesOnceASecond() {
        let proof = proofForTests()
        var table = ConnectionTable(capacity: 16, targetCount: 1)
        func insert(_ number: Int, now: UInt32) -> Bool {
            let key = key(number)
            return table.insert(key, home: table.home(of: key), target: 0, now: now, closing: true, proof)
        }
        for number in 0..<16 { #expect(insert(number, now: 0)) }
        #expect(!insert(100, now: 121 - 1), "the search of this second finds nobody idle for more than 120 s")
        table.closingSeconds = 60
        #expect(!insert(100, now: 120), "it is not searched again in the same second")
        #expect(insert(100, now: 121))
    }

    @Test func closingConnectionsGoSooner() {
        let proof = proofForTests()
        var table = ConnectionTable(capacity: 16, targetCount: 1)
        for (number, flags) in [UInt8(0), TCPHeader.Flag.fin, TCPHeader.Flag.rst, TCPHeader.Flag.syn].enumerated() {
            let key = key(number)
            #expect(table.insert(key, home: table.home(of: key), target: 0, now: 0, closing: false, proof) == true)
            table.reader.refresh(at: table.find(key, home: table.home(of: key)), now: 0, tcpFlags: flags, proof)
        }
        table.age(64, now: 120)
        #expect(table.count == 4, "idle for the limit is not past it")
        table.age(64, now: 121)
        #expect([0, 1, 2, 3].map { find($0, in: table) } == [0, nil, nil, 0])
        table.age(64, now: 7200)
        #expect(table.count == 2)
        table.age(64, now: 7201)
        #expect(table.count == 0)
    }

    /// Four numbers, the protocol and the DVIPA: each makes another connection.
    @Test func everyPartOfTheKeyCounts() {
        let proof = proofForTests()
        var table = ConnectionTable(capacity: 64, targetCount: 16)
        let base = flow(7)
        var flows = [base, base, base, base, base, base]
        flows[1].remote = address("10.71.0.99")
        flows[2].remotePort += 1
        flows[3].localPort += 1
        flows[4].ipProtocol = 17
        flows[5].remote = address("2001:db8::a47:0")
        let keys = flows.map { ConnectionKey($0, dvipa: 0) } + [ConnectionKey(base, dvipa: 1)]
        for (target, key) in keys.enumerated() {
            #expect(table.find(key, home: table.home(of: key)) == -1)
            #expect(table.insert(key, home: table.home(of: key), target: target, now: 0, closing: false, proof) == true)
        }
        for (target, key) in keys.enumerated() {
            #expect(table.target(at: table.find(key, home: table.home(of: key))) == target)
        }
    }

    /// What is left of a lost target is as good as absent at once, and gone after a bounded sweep; nobody else's is touched.
    @Test func losingATargetForgetsItsOwnAlone() {
        let proof = proofForTests()
        for seed in 0..<8 {
            var generator = SeededGenerator(seed: UInt64(seed))
            var table = ConnectionTable(capacity: 3000, targetCount: 4)
            var model: [Int: Int] = [:]
            func insert(_ number: Int, _ target: Int) {
                let key = key(number)
                if table.insert(key, home: table.home(of: key), target: target, now: 5, closing: false, proof) {
                    model[number] = target
                }
            }
            for number in 0..<2500 { insert(number, Int.random(in: 0..<4, using: &generator)) }
            // So often that generations come round, with sweeps in between that do not end.
            for round in 0..<300 {
                let lost = Int.random(in: 0..<4, using: &generator)
                table.lose(lost)
                model = model.filter { $0.value != lost }
                #expect(table.count(of: lost) == 0)
                if generator.once(in: 4) { table.age(ConnectionTable.sweepCount, now: 5) }
                for number in (0..<20).map({ 10_000 + round * 20 + $0 }) { insert(number, lost) }
                for target in 0..<4 {
                    #expect(table.count(of: target) == model.values.count { $0 == target })
                }
            }
            for (number, target) in model {
                let key = key(number)
                let at = table.find(key, home: table.home(of: key))
                #expect(at >= 0 && table.target(at: at) == target && !table.isFormer(at: at))
            }
            for _ in 0..<40 { table.age(ConnectionTable.sweepCount, now: 5) }
            #expect(table.formerCount == 0 && table.count == model.count)
            #expect((0..<4).allSatisfy { !table.hasFormer(of: $0) })
        }
    }
}
