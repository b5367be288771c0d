public import Associations

/// What one node makes of the file that all of them share.
extension ClusterConfiguration {
    /// Throws when no node has that name; the message lists the names there are.
    public func node(named name: String) throws(ConfigurationFailure) -> Node {
        if let node = nodes.first(where: { $0.name == name }) { return node }
        let names = nodes.map(\.name)
        let nearest = Spelling.nearest(to: name, among: names).map { "Did you mean \(quoted($0))? " } ?? ""
        throw ConfigurationFailure(
            file: file, place: nodesPlace, problem: "there is no node \(quoted(name))",
            remedy: "\(nearest)The nodes are \(listed(names)).")
    }

    /// In the order of the file.
    public var targets: [Target] {
        nodes.compactMap { node in
            guard case .target(let target) = node.role else { return nil }
            return Target(name: node.name, trustedAddress: target.trustedAddress)
        }
    }

    /// Their settings, in the same order.
    public var targetNodes: [TargetNode] {
        nodes.compactMap { node in
            guard case .target(let target) = node.role else { return nil }
            return target
        }
    }

    /// Routers and targets, by name.
    public var memberNames: [String] {
        nodes.compactMap { node in
            if case .endpoint = node.role { nil } else { node.name }
        }
    }

    /// In the order of the file.
    public var routers: [RouterNode] {
        nodes.compactMap { node in
            guard case .router(let router) = node.role else { return nil }
            return router
        }
    }

    /// By name, in the order of the file.
    public var routerNames: [String] {
        nodes.compactMap { node in
            guard case .router = node.role else { return nil }
            return node.name
        }
    }

    /// The router that keeps the embedded coupling facility; nil with etcd, or without any facility.
    public var couplingRouter: (name: String, settings: RouterNode)? {
        guard case .embedded(_, let named)? = coupling?.kind else { return nil }
        for node in nodes {
            if case .router(let settings) = node.role, named == nil || named == node.name {
                return (node.name, settings)
            }
        }
        return nil
    }

    /// The SAs as this node holds them: an endpoint its own, seen from its end; a router or a target the cluster's.
    public func associations(of node: Node) -> [SecurityAssociation] {
        configuredAssociations(of: node).map { configured in
            if case .endpoint = node.role { configured.association.mirrored } else { configured.association }
        }
    }

    func configuredAssociations(of node: Node) -> [ConfiguredAssociation] {
        guard case .endpoint = node.role else { return securityAssociations }
        return securityAssociations.filter { $0.endpoint == node.name }
    }
}
