import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// The filter beside a plain list of its rules, asked one after the other.
@Suite struct FilterModelTests {
    private struct Model {
        let filter: Filter
        var counts: [UInt64]

        init(_ filter: Filter) {
            self.filter = filter
            counts = Array(repeating: 0, count: filter.rules.count + 1)
        }

        mutating func admits(_ flow: Flow, isUnderIPsec: Bool) -> Bool {
            let first = filter.rules.firstIndex { Self.matches($0, flow) }
            counts[first ?? filter.rules.count] += 1
            let action = first.map { filter.rules[$0].action } ?? filter.otherwise
            return action == .allow || action == .requireIPsec && isUnderIPsec
        }

        private static func matches(_ rule: FilterRule, _ flow: Flow) -> Bool {
            if let wanted = rule.ipProtocol, wanted != flow.ipProtocol { return false }
            if !rule.sources.isEmpty, !rule.sources.contains(where: { $0.contains(flow.remote) }) { return false }
            if !rule.destinations.isEmpty, !rule.destinations.contains(where: { $0.contains(flow.local) }) {
                return false
            }
            if !rule.sourcePorts.isEmpty, !rule.sourcePorts.contains(where: { $0.contains(flow.remotePort) }) {
                return false
            }
            return rule.destinationPorts.isEmpty
                || rule.destinationPorts.contains { $0.contains(flow.localPort) }
        }
    }

    private static let ports: [UInt16] = [0, 1, 22, 79, 80, 81, 443, 1023, 1024, 8000, 65534, 65535]
    /// Of the tunnel's selectors, the last byte; rules end and begin there.
    private static let hosts: [UInt32] = [0, 1, 63, 64, 127, 128, 254, 255]

    private static func rule(_ index: Int, using generator: inout SeededGenerator) -> FilterRule {
        func some<Element>(_ make: (inout SeededGenerator) -> Element) -> [Element] {
            generator.once(in: 2) ? [] : (0..<Int.random(in: 1...3, using: &generator)).map { _ in make(&generator) }
        }
        func ports(_ generator: inout SeededGenerator) -> ClosedRange<UInt16> {
            let ends = [Self.ports.randomElement(using: &generator)!, Self.ports.randomElement(using: &generator)!]
            return ends.min()!...ends.max()!
        }
        func range(_ network: String) -> (inout SeededGenerator) -> AddressRange {
            { generator in
                let ends = (0..<2).map { _ in address(network).v4 | hosts.randomElement(using: &generator)! }
                return AddressRange(first: IPAddress(v4: ends.min()!), last: IPAddress(v4: ends.max()!))
            }
        }
        return FilterRule(
            name: "rule \(index)", action: Filter.Action.allCases.randomElement(using: &generator)!,
            sources: some(range("10.71.0.0")), destinations: some(range("10.72.0.0")),
            ipProtocol: [nil, 6, 6, 17, 1].randomElement(using: &generator)!, sourcePorts: some(ports),
            destinationPorts: some(ports))
    }

    private static func filter(using generator: inout SeededGenerator) -> Filter {
        let count = Int.random(in: 0...12, using: &generator)
        return Filter(
            (0..<count).map { rule($0, using: &generator) },
            otherwise: Filter.Action.allCases.randomElement(using: &generator)!)
    }

    private static func flow(using generator: inout SeededGenerator) -> Flow {
        let ipProtocol: UInt8 = [6, 6, 6, 17, 1].randomElement(using: &generator)!
        func port() -> UInt16 { ipProtocol == 1 ? 0 : ports.randomElement(using: &generator)! }
        return Flow(
            remote: IPAddress(v4: address("10.71.0.0").v4 | hosts.randomElement(using: &generator)!),
            local: address(Example.dvipa), remotePort: port(), localPort: port(), ipProtocol: ipProtocol)
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>) func theTableDecidesAsTheListDoes(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<20 {
            let filter = Self.filter(using: &generator)
            let table = FilterTable(filter)
            var model = Model(filter)
            for _ in 0..<200 {
                var flow = Self.flow(using: &generator)
                flow.local = IPAddress(v4: address("10.72.0.0").v4 | Self.hosts.randomElement(using: &generator)!)
                let isUnderIPsec = !generator.once(in: 3)
                let expected = model.admits(flow, isUnderIPsec: isUnderIPsec)
                #expect(table.reader.admits(flow, isUnderIPsec: isUnderIPsec) == expected, "seed \(seed): \(flow)")
            }
            #expect(table.tallies?.map(\.packets) == model.counts, "seed \(seed)")
        }
    }

    private static func packet(_ flow: Flow) -> Bytes {
        let payload: Bytes =
            switch flow.ipProtocol {
            case 6: tcp(flow.remotePort, flow.localPort)
            case 17: udp(flow.remotePort, flow.localPort)
            default: [8, 0, 0, 0, 0, 0, 0, 0]
            }
        return ipv4(
            from: flow.remote.description, to: flow.local.description, protocol: flow.ipProtocol, payload)
    }

    /// Whole packets, through the router's way and the target's: each stops what the list stops, and counts as it does.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func bothRolesStopWhatTheListStops(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let filter = Self.filter(using: &generator)
        var model = Model(filter)
        var atRouter = Example.configuration()
        atRouter.filter = filter
        var router = Example.bench(.openSSL, atRouter)
        var atTarget = Example.targetConfiguration()
        atTarget.filter = filter
        var target = Example.target(atTarget)
        for first in stride(from: UInt64(1), to: 257, by: 32) {
            let flows = (0..<32).map { _ in Self.flow(using: &generator) }
            let frames = flows.enumerated().map {
                Example.tunnelFrame(number: first + UInt64($0.offset), Self.packet($0.element))
            }
            let admitted = flows.map { model.admits($0, isUnderIPsec: true) }
            #expect(router.send(frames).map { $0.verdict != .filtered } == admitted, "seed \(seed)")
            let opened = target.open(frames.map { Example.wrapped($0) }).map(\.verdict)
            #expect(opened == admitted.map { $0 ? .delivered : .filtered }, "seed \(seed)")
        }
        #expect(router.router.filterTallies?.map(\.packets) == model.counts, "seed \(seed)")
        #expect(target.host.filterTallies?.map(\.packets) == model.counts, "seed \(seed)")
    }

    /// The most that there may be: the last rule decides, and is found.
    @Test func aFilterAsLongAsItMayBe() {
        let perRule = Filter.conditionLimit / Filter.ruleLimit
        let rules: [FilterRule] = (0..<Filter.ruleLimit).map { index in
            let first = 1000 + index * perRule
            let ports: [ClosedRange<UInt16>] = (first..<first + perRule).map { UInt16($0)...UInt16($0) }
            return FilterRule(name: "r\(index)", action: .allow, ipProtocol: 6, destinationPorts: ports)
        }
        let filter = Filter(rules, otherwise: .deny)
        #expect(rules.reduce(0) { $0 + $1.conditionCount } == Filter.conditionLimit)
        let table = FilterTable(filter)
        let reader = table.reader
        func admits(_ port: UInt16) -> Bool {
            let flow = Flow(
                remote: address(Example.inner), local: address(Example.dvipa), remotePort: 1, localPort: port,
                ipProtocol: 6)
            return reader.admits(flow, isUnderIPsec: true)
        }
        let last = UInt16(1000 + Filter.conditionLimit - 1)
        #expect(admits(1000) && admits(last))
        #expect(!admits(999) && !admits(last + 1))
        let counts = (table.tallies ?? []).map(\.packets)
        #expect(counts.first == 1)
        #expect(Array(counts.suffix(2)) == [1, 2])
    }
}
