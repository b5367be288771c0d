internal import Associations
internal import Wire
internal import Yams

extension ClusterConfiguration {
    /// Section by section, in the order of the page: what a section refers to has been read before it.
    init(root: Entry, files: FileReader, node: String?) throws(ConfigurationFailure) {
        let section = try Section(root, form: .cluster, title: "the configuration")
        file = root.document.file
        name = try section.required("cluster").clusterName()
        epoch = Epoch(rawValue: UInt32(try section["epoch"]?.integer(in: 1...Int(UInt32.max)) ?? 1))
        verification = try section["verify"]?.word(["router": .router, "target": .target]) ?? .router
        stateDirectory = try section["stateDirectory"]?.absolutePath()
        leases = try section["leases"]?.leases() ?? LeaseSettings()
        health = try section["health"]?.health() ?? HealthSettings()
        limits = try section["limits"]?.limits() ?? LimitSettings()
        link = try section["link"]?.link()

        let nodesEntry = try section.required("nodes")
        nodes = try nodesEntry.nodes()
        nodesPlace = nodesEntry.keyPlace

        gateways = try section["gateways"].map { entry throws(ConfigurationFailure) in try entry.gateways() } ?? []

        let members = Members(nodes)
        var served = ServedPorts(members: members)
        for entry in try section.required("dvipas").list() { try served.read(dvipa: entry) }
        dvipas = served.dvipas
        services = served.services
        if dvipas.isEmpty { throw try section.required("dvipas").failure("dvipas is an empty list") }

        var filterReading = FilterReading(dvipas: dvipas)
        if let entry = section["filters"] { filters = try filterReading.settings(entry) }

        var keyring = Keyring(members: members, gateways: gateways, dvipas: dvipas)
        if let entry = section["securityAssociations"] {
            for association in try entry.list() { try keyring.read(association) }
        }
        securityAssociations = keyring.associations

        var secrets = Secrets(files: files, need: SecretNeed(of: node, among: nodes))
        clusterKey = nil
        if let entry = section["clusterKey"] { clusterKey = try secrets.clusterKey(entry) }
        if let entry = section["formerClusterKeys"] { formerClusterKeys = try secrets.formerClusterKeys(entry) }
        coupling = try CouplingReading(stateDirectory: stateDirectory, members: members).settings(
            section["coupling"], &secrets)
        if let entry = section["ike"] {
            var reading = IKEReading(gateways: gateways, dvipas: dvipas, secrets: secrets)
            ike = try reading.settings(entry)
            secrets = reading.secrets
        }
        if ike != nil || link != nil { _ = try section.required("clusterKey") }
        let hasTargets = nodes.contains { if case .target = $0.role { true } else { false } }
        if ike != nil, hasTargets { _ = try section.required("link") }
        holdsSecrets = !securityAssociations.isEmpty || secrets.standInConfiguration
        warnings = filterReading.warnings + secrets.warnings
        try requireEveryTargetCanDoThem()
        if let entry = section["verify"], verification == .target {
            try requireReadingIsEnough(entry, dvipas: section["dvipas"], filters: section["filters"])
        }
    }
}

extension ClusterConfiguration {
    /// Manual SAs are every target's; only those that IKE negotiates are given to each target, or done for it.
    private func requireEveryTargetCanDoThem() throws(ConfigurationFailure) {
        for configured in securityAssociations {
            let transform = configured.association.transform
            for node in nodes {
                guard case .target(let target) = node.role, !target.transforms.contains(transform) else { continue }
                throw ConfigurationFailure(
                    file: file, place: configured.place,
                    problem: "\(quoted(configured.association.name)) is \(transform.rawValue), which the transforms of "
                        + "\(quoted(node.name)) leave out",
                    remedy: "Give a manual SA an algorithm that every target can do, or let IKE negotiate it.")
            }
        }
    }
}

extension Entry {
    /// So that every start of a node finds the same, wherever it is started.
    func absolutePath() throws(ConfigurationFailure) -> String {
        let path = try text(limit: 4000)
        guard path.hasPrefix("/") else { throw failure("\(name) is \(quoted(path)), which is not an absolute path") }
        return path
    }

    fileprivate func leases() throws(ConfigurationFailure) -> LeaseSettings {
        let section = try Section(self, form: .leases, title: "leases")
        var settings = LeaseSettings()
        if let port = try section["port"]?.integer(in: 1...65535) { settings.port = UInt16(port) }
        if let validity = try section["validityMilliseconds"]?.integer(in: 1...1000) {
            settings.validityMilliseconds = validity
        }
        return settings
    }

    /// May be empty: with transport mode alone no tunnel ends here.
    fileprivate func gateways() throws(ConfigurationFailure) -> [IPAddress] {
        if case .sequence(let elements) = value, elements.isEmpty { return [] }
        return try distinctList { entry throws(ConfigurationFailure) in try entry.address() }
    }
}
