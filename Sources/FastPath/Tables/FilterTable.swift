public import Associations
internal import Wire

/// One combination of what a rule names: ranges, each of which a packet is in or not.
struct FilterCondition: BitwiseCopyable {
    private var source: AddressRange
    private var destination: AddressRange
    /// As first value and distance to the last: one subtraction and one comparison answer.
    private var sourcePortFirst: UInt16
    private var sourcePortSpan: UInt16
    private var destinationPortFirst: UInt16
    private var destinationPortSpan: UInt16
    /// 0...255, or -1 for any.
    private var ipProtocol: Int16
    /// It names IPv6 addresses, of which ranges may go around IPv4's.
    private var isIPv6: Bool
    /// The rule's place.
    var rule: Int32

    /// Matches nothing that it is asked for: the table's empty places.
    static let none = FilterCondition(
        source: Self.anywhere, destination: Self.anywhere, sourcePorts: 0...0, destinationPorts: 0...0, ipProtocol: nil,
        isIPv6: false, rule: -1)

    /// IPv4 addresses lie in it, too, as `IPAddress` keeps them.
    static let anywhere = AddressRange(
        first: IPAddress(high: 0, low: 0), last: IPAddress(high: .max, low: .max))

    init(
        source: AddressRange, destination: AddressRange, sourcePorts: ClosedRange<UInt16>,
        destinationPorts: ClosedRange<UInt16>, ipProtocol: UInt8?, isIPv6: Bool, rule: Int32
    ) {
        self.isIPv6 = isIPv6
        self.source = source
        self.destination = destination
        sourcePortFirst = sourcePorts.lowerBound
        sourcePortSpan = sourcePorts.upperBound - sourcePorts.lowerBound
        destinationPortFirst = destinationPorts.lowerBound
        destinationPortSpan = destinationPorts.upperBound - destinationPorts.lowerBound
        self.ipProtocol = ipProtocol.map(Int16.init) ?? -1
        self.rule = rule
    }

    /// Of a packet that came in: `flow.remote` is its source.
    @inline(__always)
    func matches(_ flow: Flow) -> Bool {
        (ipProtocol < 0 || ipProtocol == Int16(flow.ipProtocol))
            && flow.localPort &- destinationPortFirst <= destinationPortSpan
            && flow.remotePort &- sourcePortFirst <= sourcePortSpan
            && !(isIPv6 && flow.local.isV4) && source.contains(flow.remote) && destination.contains(flow.local)
    }
}

/// A filter's rules in order, and how many packets each of them decided on.
///
/// Conditions lie one behind the other and are asked from the first on. Without a filter only `isActive` is asked.
struct FilterTable: ~Copyable {
    let isActive: Bool
    private let filter: Filter
    private var conditions: Slab<FilterCondition>
    private let conditionCount: Int
    /// By rule; the last is for what no rule matches.
    private var actions: Slab<Filter.Action>
    private var counts: Slab<UInt64>

    /// nil admits everything and counts nothing. Traps when the filter is beyond its limits.
    init(_ filter: Filter?) {
        isActive = filter != nil
        let filter = filter ?? Filter([])
        var written: [FilterCondition] = []
        for (index, rule) in filter.rules.enumerated() { written += Self.conditions(of: rule, at: Int32(index)) }
        precondition(filter.rules.count <= Filter.ruleLimit && written.count <= Filter.conditionLimit)
        self.filter = filter
        conditions = Slab(repeating: .none, count: max(written.count, 1))
        conditionCount = written.count
        actions = Slab(repeating: filter.otherwise, count: filter.rules.count + 1)
        counts = Slab(repeating: 0, count: filter.rules.count + 1)
        for (index, condition) in written.enumerated() { conditions[index] = condition }
        for (index, rule) in filter.rules.enumerated() { actions[index] = rule.action }
    }

    private static func conditions(of rule: FilterRule, at index: Int32) -> [FilterCondition] {
        let anyPort: [ClosedRange<UInt16>] = [0...UInt16.max]
        let sources = rule.sources.isEmpty ? [FilterCondition.anywhere] : rule.sources
        let destinations = rule.destinations.isEmpty ? [FilterCondition.anywhere] : rule.destinations
        // A rule that names ::/0 is about IPv6; one that names nothing about both.
        let (namesSource, namesDestination) = (!rule.sources.isEmpty, !rule.destinations.isEmpty)
        let sourcePorts = rule.sourcePorts.isEmpty ? anyPort : rule.sourcePorts
        let destinationPorts = rule.destinationPorts.isEmpty ? anyPort : rule.destinationPorts
        return sources.flatMap { source in
            destinations.flatMap { destination in
                sourcePorts.flatMap { sourcePorts in
                    destinationPorts.map {
                        FilterCondition(
                            source: source, destination: destination, sourcePorts: sourcePorts, destinationPorts: $0,
                            ipProtocol: rule.ipProtocol,
                            isIPv6: namesSource && !source.first.isV4 || namesDestination && !destination.first.isV4,
                            rule: index)
                    }
                }
            }
        }
    }

    /// The table for the length of one loop.
    struct Reader: BitwiseCopyable {
        fileprivate let conditions: SlabView<FilterCondition>
        fileprivate let conditionCount: Int
        fileprivate let actions: SlabView<Filter.Action>
        fileprivate let counts: SlabView<UInt64>

        /// Whether a packet that came under IPsec, or in clear, may go on; counts it at the rule that decides.
        @inline(never)
        func admits(_ flow: Flow, isUnderIPsec: Bool) -> Bool {
            var rule = counts.count &- 1
            for at in 0..<conditionCount where conditions[at].matches(flow) {
                rule = Int(conditions[at].rule)
                break
            }
            counts[rule] &+= 1
            switch actions[rule] {
            case .allow: return true
            case .deny: return false
            case .requireIPsec: return isUnderIPsec
            }
        }
    }

    @inline(__always)
    var reader: Reader {
        Reader(
            conditions: conditions.view, conditionCount: conditionCount, actions: actions.view,
            counts: counts.view)
    }

    /// In the order of the rules, what no rule matched at the end; nil without a filter.
    var tallies: [FilterTally]? {
        guard isActive else { return nil }
        let ends = filter.rules.map { ($0.name, $0.action) } + [(FilterTally.otherwise, filter.otherwise)]
        return ends.enumerated().map {
            FilterTally(rule: $0.element.0, action: $0.element.1, packets: counts[$0.offset])
        }
    }
}

/// How many packets one rule decided on.
public struct FilterTally: Sendable, Hashable {
    /// The rule's name, or `FilterTally.otherwise`.
    public var rule: String
    public var action: Filter.Action
    public var packets: UInt64

    /// What stands for no rule; no rule has this name.
    public static let otherwise = "default"

    public init(rule: String, action: Filter.Action, packets: UInt64) {
        self.rule = rule
        self.action = action
        self.packets = packets
    }
}
