internal import Associations
internal import Wire

/// The rules read so far: no name twice, and no more than a packet may be compared with.
struct FilterReading {
    private let dvipas: [IPAddress]
    private var rules: [FilterRule] = []
    private var names: Set<String> = []
    private var conditionCount = 0
    /// Of rules that can never decide on anything.
    private(set) var warnings: [String] = []

    /// Stands in the status file for no rule.
    private static let reservedName = "default"

    init(dvipas: [IPAddress]) { self.dvipas = dvipas }

    mutating func settings(_ entry: Entry) throws(ConfigurationFailure) -> FilterSettings {
        let section = try Section(entry, form: .filters, title: "filters")
        let station: FilterSettings.Station = try section.required("at").word(["router": .router, "target": .target])
        let otherwise: Filter.Action = try section["default"]?.action() ?? .allow
        for entry in try section.required("rules").list() { try read(entry) }
        return FilterSettings(at: station, filter: Filter(rules, otherwise: otherwise))
    }

    private mutating func read(_ entry: Entry) throws(ConfigurationFailure) {
        guard rules.count < Filter.ruleLimit else {
            throw entry.failure(
                "filters has more than \(Filter.ruleLimit) rules",
                remedy: "Put addresses and ports into one rule's lists.")
        }
        let section = try Section(entry, form: .filterRule, title: "rule \(rules.count + 1)")
        let name = try section["name"]?.text(limit: 64) ?? "rule-\(rules.count + 1)"
        let named = section["name"] ?? entry
        if name == Self.reservedName {
            throw named.failure(
                "a rule's name is \"default\", which stands for no rule", remedy: "Give it another name.")
        }
        guard names.insert(name).inserted else {
            throw named.failure(
                "filters has a rule \(quoted(name)) already", remedy: "Give each rule a name of its own.")
        }
        let rule = FilterRule(
            name: name, action: try section.required("action").action(),
            sources: try section["from"]?.addressRanges() ?? [], destinations: try destinations(section["to"]),
            ipProtocol: try section["protocol"].map { entry throws(ConfigurationFailure) in try entry.ipProtocol() },
            sourcePorts: try Self.ports(section, "sourcePorts"), destinationPorts: try Self.ports(section, "ports"))
        conditionCount += rule.conditionCount
        if conditionCount > Filter.conditionLimit {
            throw entry.failure(
                "with rule \(quoted(name)) the lists of all rules make \(conditionCount) combinations; "
                    + "\(Filter.conditionLimit) are allowed",
                remedy: "Write ranges and networks in place of lists, or fewer rules.")
        }
        if let earlier = rules.first(where: { $0.covers(rule) }) {
            warnings.append(
                "\(entry.document.file):\(entry.place.line): rule \(quoted(name)) never decides: "
                    + "\(quoted(earlier.name)) before it matches all that it does")
        }
        rules.append(rule)
    }

    /// What is for no DVIPA never comes as far as a filter.
    private func destinations(_ entry: Entry?) throws(ConfigurationFailure) -> [AddressRange] {
        guard let entry else { return [] }
        let ranges = try entry.addressRanges()
        for range in ranges where !dvipas.contains(where: range.holds) {
            throw entry.failure(
                "to names \(range), in which there is no DVIPA: the rule would match nothing",
                remedy: "Write to: \(dvipas[0]), or remove to.")
        }
        return ranges
    }

    private static func ports(
        _ section: Section, _ key: String
    ) throws(ConfigurationFailure) -> [ClosedRange<UInt16>] {
        guard let entry = section[key] else { return [] }
        let ipProtocol = try section["protocol"].map { entry throws(ConfigurationFailure) in try entry.ipProtocol() }
        guard let ipProtocol, TransportProtocol.hasPorts(ipProtocol) else {
            throw entry.document.failure(
                at: entry.keyPlace, "\(key) is there, but no protocol that has ports",
                "Write protocol: tcp, or remove \(key).")
        }
        return entry.isList ? try entry.ports(in: 0...65535) : [try entry.portRange(in: 0...65535)]
    }
}

extension Entry {
    fileprivate func action() throws(ConfigurationFailure) -> Filter.Action {
        try word(["allow": .allow, "deny": .deny, "require-ipsec": .requireIPsec])
    }

    /// One, or a list of them.
    fileprivate func addressRanges() throws(ConfigurationFailure) -> [AddressRange] {
        guard isList else { return [try addressRange()] }
        return try distinctList { entry throws(ConfigurationFailure) in try entry.addressRange() }
    }
}

extension FilterRule {
    /// Whether it certainly matches whatever `other` matches: each range of the other lies in one of its own.
    fileprivate func covers(_ other: FilterRule) -> Bool {
        func cover<Bound>(_ ranges: [ClosedRange<Bound>], _ others: [ClosedRange<Bound>]) -> Bool {
            ranges.isEmpty
                || !others.isEmpty
                    && others.allSatisfy { other in
                        ranges.contains { $0.lowerBound <= other.lowerBound && other.upperBound <= $0.upperBound }
                    }
        }
        func cover(_ ranges: [AddressRange], _ others: [AddressRange]) -> Bool {
            ranges.isEmpty
                || !others.isEmpty
                    && others.allSatisfy { other in ranges.contains { $0.holds(other.first) && $0.holds(other.last) } }
        }
        return (ipProtocol == nil || ipProtocol == other.ipProtocol)
            && cover(destinationPorts, other.destinationPorts) && cover(sourcePorts, other.sourcePorts)
            && cover(sources, other.sources) && cover(destinations, other.destinations)
    }
}
