public import Wire

/// Which inbound packets may go on: rules in order, of which the first that matches decides, and what holds where none
/// does.
public struct Filter: Sendable, Hashable {
    public enum Action: String, Sendable, Hashable, CaseIterable, BitwiseCopyable {
        case allow
        case deny
        /// Allows what came under IPsec and denies what came in clear.
        case requireIPsec = "require-ipsec"
    }

    public var rules: [FilterRule]
    /// For what no rule matches.
    public var otherwise: Action

    /// Rules of a filter.
    public static let ruleLimit = 1024
    /// Conditions of a filter, of all its rules together.
    public static let conditionLimit = 4096

    public init(_ rules: [FilterRule], otherwise: Action = .allow) {
        self.rules = rules
        self.otherwise = otherwise
    }
}

/// One rule. It matches a packet when everything that it names does; an empty list matches any.
public struct FilterRule: Sendable, Hashable {
    public var name: String
    public var action: Filter.Action
    /// Of the packet's source: the inner one, in tunnel mode.
    public var sources: [AddressRange]
    /// Of its destination, likewise.
    public var destinations: [AddressRange]
    /// IANA protocol number; nil for any.
    public var ipProtocol: UInt8?
    /// Of protocols with ports only.
    public var sourcePorts: [ClosedRange<UInt16>]
    public var destinationPorts: [ClosedRange<UInt16>]

    public init(
        name: String, action: Filter.Action, sources: [AddressRange] = [], destinations: [AddressRange] = [],
        ipProtocol: UInt8? = nil, sourcePorts: [ClosedRange<UInt16>] = [], destinationPorts: [ClosedRange<UInt16>] = []
    ) {
        self.name = name
        self.action = action
        self.sources = sources
        self.destinations = destinations
        self.ipProtocol = ipProtocol
        self.sourcePorts = sourcePorts
        self.destinationPorts = destinationPorts
    }

    /// One for each combination of what its lists name: what a packet is compared with.
    public var conditionCount: Int {
        max(sources.count, 1) * max(destinations.count, 1) * max(sourcePorts.count, 1) * max(destinationPorts.count, 1)
    }
}
