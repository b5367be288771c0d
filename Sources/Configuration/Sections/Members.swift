/// The nodes as other sections refer to them: by name, in a role.
struct Members {
    private let roles: [String: String]
    /// In the order of the file.
    let targets: [String]
    let endpoints: [String]
    let routers: [String]

    init(_ nodes: [Node]) {
        roles = Dictionary(uniqueKeysWithValues: nodes.map { ($0.name, $0.role.name) })
        targets = nodes.filter { $0.role.name == "target" }.map(\.name)
        endpoints = nodes.filter { $0.role.name == "endpoint" }.map(\.name)
        routers = nodes.filter { $0.role.name == "router" }.map(\.name)
    }

    /// The name of a target; throws when there is none of that name.
    func target(_ entry: Entry) throws(ConfigurationFailure) -> String {
        try member(entry, role: "target", among: targets)
    }

    /// The name of an endpoint; throws when there is none of that name.
    func endpoint(_ entry: Entry) throws(ConfigurationFailure) -> String {
        try member(entry, role: "endpoint", among: endpoints)
    }

    /// The name of a router; throws when there is none of that name.
    func router(_ entry: Entry) throws(ConfigurationFailure) -> String {
        try member(entry, role: "router", among: routers)
    }

    private func member(
        _ entry: Entry, role: String, among candidates: [String]
    ) throws(ConfigurationFailure) -> String {
        guard let name = try entry.scalar() else { throw entry.failure(wanted: "the name of a node of role \(role)") }
        let found = roles[name]
        if found == role { return name }
        let problem =
            found.map { "\(quoted(name)) is a node of role \($0), not \(role)" } ?? "there is no node \(quoted(name))"
        let nearest = Spelling.nearest(to: name, among: candidates).map { "Did you mean \(quoted($0))? " } ?? ""
        let known =
            candidates.isEmpty
            ? "Add a node of role \(role) to nodes." : "Nodes of role \(role) are \(listed(candidates))."
        throw entry.failure(problem, remedy: nearest + known)
    }
}
