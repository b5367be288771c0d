internal import Associations

extension ClusterConfiguration {
    /// What `viaduct run` needs and a replay does not. Throws at the node's line, or at that of the SA concerned.
    public func requireRunnable(node: Node) throws(ConfigurationFailure) {
        func lacks(_ problem: String, _ remedy: String, at place: Place? = nil) -> ConfigurationFailure {
            ConfigurationFailure(file: file, place: place ?? node.place, problem: problem, remedy: remedy)
        }
        switch node.role {
        case .router(let router):
            let needed = [
                ("clientInterface", router.clientInterface == nil),
                ("trustedInterface", router.trustedInterface == nil),
                ("trustedAddress", router.trustedAddress == nil),
            ]
            for (key, isMissing) in needed where isMissing {
                throw lacks(
                    "router \(quoted(node.name)) cannot run without \(key)",
                    "Add \(quoted("\(key): \(Form.router.example(of: key))")) to it.")
            }
            try requireCouplingWithinReach(of: node)
            try requireFloors()
        case .target:
            try requireFloors()
            if !routers.contains(where: { $0.trustedAddress != nil }) {
                throw lacks(
                    "target \(quoted(node.name)) takes GRE from known routers only, and no router has a trustedAddress",
                    "Add \"trustedAddress: 192.0.2.1\" to the router.")
            }
        case .endpoint:
            if configuredAssociations(of: node).isEmpty {
                throw lacks(
                    "endpoint \(quoted(node.name)) has no security association",
                    "Add \(quoted("endpoint: \(node.name)")) to those it has the other end of.")
            }
        }
        try requireNumbersOutliveRestart(of: node)
    }

    /// A target sees a part of an SA's packets. What upper half its numbers have it is told over the link (docs/esn.md).
    private func requireFloors() throws(ConfigurationFailure) {
        guard link == nil,
            let first = securityAssociations.first(where: {
                $0.association.hasESN && $0.association.direction == .inbound
            })
        else { return }
        throw ConfigurationFailure(
            file: file, place: first.place,
            problem:
                "\(quoted(first.association.name)) has extendedSequenceNumbers, and without a link nobody tells the "
                + "targets their upper half",
            remedy:
                "Add \(quoted("link: \(Form.cluster.example(of: "link"))")) and a clusterKey to the file, or remove "
                + "extendedSequenceNumbers.")
    }

    /// Two routers with a file each would both own the DVIPAs.
    private func requireCouplingWithinReach(of node: Node) throws(ConfigurationFailure) {
        guard ike != nil || link != nil, let keeper = couplingRouter, keeper.name != node.name else { return }
        let remedies = [
            link == nil ? "Add \(quoted("link: \(Form.cluster.example(of: "link"))")) to the file" : nil,
            keeper.settings.trustedAddress == nil ? "Add a trustedAddress to router \(quoted(keeper.name))" : nil,
        ].compactMap(\.self)
        guard let remedy = remedies.first else { return }
        throw ConfigurationFailure(
            file: file, place: node.place,
            problem: "router \(quoted(node.name)) cannot reach the coupling facility, which router "
                + "\(quoted(keeper.name)) keeps",
            remedy: remedy + ", or keep it in etcd: \"coupling: {kind: etcd, endpoints: …}\".")
    }

    /// Routers and endpoints hand out the numbers of their outbound SAs; targets ask a router for theirs.
    private func requireNumbersOutliveRestart(of node: Node) throws(ConfigurationFailure) {
        let outboundInFile: Direction
        switch node.role {
        case .router: outboundInFile = .outbound
        case .endpoint: outboundInFile = .inbound
        case .target: return
        }
        guard stateDirectory == nil,
            let first = configuredAssociations(of: node).first(where: { $0.association.direction == outboundInFile })
        else { return }
        throw ConfigurationFailure(
            file: file, place: first.place,
            problem: "\(quoted(first.association.name)) would send the same sequence numbers again after a restart of "
                + quoted(node.name),
            remedy: "Add \"stateDirectory: /var/lib/viaduct\" to the file: used numbers are written down there.")
    }
}
