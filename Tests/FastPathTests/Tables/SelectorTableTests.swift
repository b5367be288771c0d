import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

@Suite struct SelectorTableTests {
    private func selectors(
        _ remote: [String], _ local: [String], ipProtocol: UInt8? = nil, remotePorts: [ClosedRange<UInt16>] = [],
        localPorts: [ClosedRange<UInt16>] = []
    ) -> TrafficSelectors {
        TrafficSelectors(
            remote: remote.map { AddressRange($0)! }, local: local.map { AddressRange($0)! }, ipProtocol: ipProtocol,
            remotePorts: remotePorts, localPorts: localPorts)
    }

    private func flow(
        _ remote: String, _ local: String, _ remotePort: UInt16, _ localPort: UInt16, _ ipProtocol: UInt8 = 6
    )
        -> Flow
    {
        Flow(
            remote: address(remote), local: address(local), remotePort: remotePort, localPort: localPort,
            ipProtocol: ipProtocol)
    }

    @Test func aChainAllowsWhatOneOfItsRangesAllows() {
        var table = SelectorTable(capacity: 16)
        let head = table.install(
            selectors(
                ["10.71.0.0/24", "10.71.9.1-10.71.9.3"], ["10.72.0.10"], ipProtocol: 6, remotePorts: [1024...65535],
                localPorts: [80...80, 443...445]))!
        let inside = flow("10.71.0.7", "10.72.0.10", 1024, 80)
        #expect(table.allow(inside, head: head) == true)
        #expect(table.allow(flow("10.71.9.3", "10.72.0.10", 65535, 445), head: head) == true)
        for outside in [
            flow("10.71.1.0", "10.72.0.10", 1024, 80), flow("10.71.9.4", "10.72.0.10", 1024, 80),
            flow("10.71.9.0", "10.72.0.10", 1024, 80), flow("10.71.0.7", "10.72.0.11", 1024, 80),
            flow("10.71.0.7", "10.72.0.10", 1023, 80), flow("10.71.0.7", "10.72.0.10", 1024, 81),
            flow("10.71.0.7", "10.72.0.10", 1024, 446), flow("10.71.0.7", "10.72.0.10", 1024, 80, 17),
        ] { #expect(table.allow(outside, head: head) == false, "\(outside)") }
        #expect(table.allow(inside, head: -1) == false, "an SA without selectors carries nothing")
    }

    @Test func whatDoesNotFitIsRefusedWholeAndGivenBackRoomIsUsed() {
        var table = SelectorTable(capacity: 6)
        let four = selectors(["10.0.0.0/8", "11.0.0.0/8"], ["10.72.0.10", "10.72.0.11"])
        let three = selectors(["12.0.0.0/8"], ["10.72.0.10"], ipProtocol: 6, localPorts: [1...1, 2...2, 3...3])
        let head = table.install(four)!
        #expect(table.install(three) == nil)
        #expect(table.install(selectors([], ["10.72.0.10"])) == nil, "nothing is not everything")
        let one = selectors(["13.0.0.0/8"], ["10.72.0.10"])
        let last = [table.install(one), table.install(one)]
        #expect(last.allSatisfy { $0 != nil } && table.install(one) == nil)
        table.remove(head)
        let again = table.install(three)!
        #expect(table.allow(flow("12.1.1.1", "10.72.0.10", 1, 3), head: again) == true)
        #expect(table.allow(flow("13.1.1.1", "10.72.0.10", 1, 3), head: last[1]!) == true)
        #expect(table.allow(flow("10.1.1.1", "10.72.0.10", 1, 3), head: again) == false)
        #expect(table.install(one) != nil && table.install(one) == nil)
    }

    /// Chains come and go beside a plain reading of their selectors.
    @Test func itIsALookupOfPlainRanges() {
        var generator = SeededGenerator(seed: 1)
        var table = SelectorTable(capacity: 60)
        var model: [(head: Int32, selectors: TrafficSelectors)] = []
        var used = 0
        func size(_ selectors: TrafficSelectors) -> Int {
            selectors.remote.count * selectors.local.count * max(selectors.remotePorts.count, 1)
                * max(selectors.localPorts.count, 1)
        }
        func ports() -> [ClosedRange<UInt16>] {
            (0..<Int.random(in: 0...2, using: &generator)).map { _ in
                let first = UInt16.random(in: 1...10, using: &generator)
                return first...(first + UInt16.random(in: 0...5, using: &generator))
            }
        }
        func ranges() -> [AddressRange] {
            (0...Int.random(in: 0...1, using: &generator)).map { _ in
                let first = UInt32.random(in: 0...12, using: &generator)
                return AddressRange(
                    first: IPAddress(v4: first),
                    last: IPAddress(v4: first + UInt32.random(in: 0...5, using: &generator)))
            }
        }
        for _ in 0..<3000 {
            if generator.once(in: 3), let index = model.indices.randomElement(using: &generator) {
                table.remove(model[index].head)
                used -= size(model[index].selectors)
                model.remove(at: index)
            } else {
                let wanted = TrafficSelectors(
                    remote: ranges(), local: ranges(), ipProtocol: generator.once(in: 2) ? 6 : nil,
                    remotePorts: ports(), localPorts: ports())
                let head = table.install(wanted)
                #expect((head != nil) == (used + size(wanted) <= 60))
                if let head {
                    model.append((head, wanted))
                    used += size(wanted)
                }
            }
            guard let (head, wanted) = model.randomElement(using: &generator) else { continue }
            let flow = Flow(
                remote: IPAddress(v4: UInt32.random(in: 0...18, using: &generator)),
                local: IPAddress(v4: UInt32.random(in: 0...18, using: &generator)),
                remotePort: UInt16.random(in: 0...17, using: &generator),
                localPort: UInt16.random(in: 0...17, using: &generator), ipProtocol: generator.once(in: 4) ? 17 : 6)
            func holds(_ ports: [ClosedRange<UInt16>], _ port: UInt16) -> Bool {
                ports.isEmpty || ports.contains { $0.contains(port) }
            }
            let expected =
                wanted.remote.contains { $0.contains(flow.remote) } && wanted.local.contains { $0.contains(flow.local) }
                && (wanted.ipProtocol == nil || wanted.ipProtocol == flow.ipProtocol)
                && holds(wanted.remotePorts, flow.remotePort) && holds(wanted.localPorts, flow.localPort)
            #expect(table.allow(flow, head: head) == expected)
        }
    }
}
