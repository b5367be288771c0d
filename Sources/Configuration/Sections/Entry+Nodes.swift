internal import Associations
internal import Wire

extension Entry {
    /// The nodes in the order of the file; at least one, no trusted address twice.
    func nodes() throws(ConfigurationFailure) -> [Node] {
        var nodes: [Node] = []
        var owners: [IPAddress: String] = [:]
        for entry in try keyedValues(wanted: "the names of the nodes") {
            let node = try entry.node()
            if let address = node.trustedAddress, let owner = owners.updateValue(node.name, forKey: address) {
                throw document.failure(
                    at: entry.keyPlace, "\(quoted(node.name)) has the trustedAddress of \(quoted(owner)), \(address)",
                    "Give each node an address of its own.")
            }
            if let address = node.trustedAddress, let other = owners.first(where: { $0.key.isV4 != address.isV4 }) {
                throw document.failure(
                    at: entry.keyPlace,
                    "the trustedAddress of \(quoted(node.name)) is \(address), that of \(quoted(other.value)) "
                        + "\(other.key)",
                    "Give all nodes trusted addresses of one family: GRE between them has one.")
            }
            nodes.append(node)
        }
        if nodes.isEmpty { throw failure("nodes is empty") }
        return nodes
    }

    private func node() throws(ConfigurationFailure) -> Node {
        guard Node.isName(name) else {
            throw document.failure(
                at: keyPlace, "\(quoted(name)) is not a name for a node",
                "Write 1 to 63 letters, digits, points, hyphens or underscores.")
        }
        let title = "node \(quoted(name))"
        let role =
            switch try roleWord(title: title) {
            case .router: try Section(self, form: .router, title: title).router()
            case .target: try Section(self, form: .target, title: title).target()
            case .endpoint: try Section(self, form: .endpoint, title: title).endpoint()
            }
        return Node(name: name, role: role, place: keyPlace)
    }

    /// The role comes first, wherever it stands: it says which other keys there are.
    private func roleWord(title: String) throws(ConfigurationFailure) -> RoleWord {
        guard let role = try keyedValues(wanted: "role and what belongs to it").first(where: { $0.name == "role" })
        else {
            throw document.failure(
                at: keyPlace, "\(title) has no role", "Add role: router, role: target or role: endpoint.")
        }
        return try Entry(role.value, name: "role", example: "target", document: document, keyPlace: role.keyPlace)
            .word(["router": .router, "target": .target, "endpoint": .endpoint])
    }

    private enum RoleWord { case router, target, endpoint }

    fileprivate func weight() throws(ConfigurationFailure) -> TargetWeight {
        if try scalar() == "led" { return .led }
        return .fixed(UInt16(try integer(in: 1...1000, rangeText: "1 to 1000 or led")))
    }

    /// nil for auto.
    fileprivate func workers() throws(ConfigurationFailure) -> Int? {
        if try scalar() == "auto" { return nil }
        return try integer(in: 1...64, rangeText: "1 to 64 or auto")
    }

    fileprivate func transforms() throws(ConfigurationFailure) -> [Transform] {
        try distinctList { entry throws(ConfigurationFailure) in
            guard let transform = try entry.scalar().flatMap(Transform.init(rawValue:)) else {
                throw entry.failure(wanted: "the name of a transform")
            }
            return transform
        }
    }

    fileprivate func interface() throws(ConfigurationFailure) -> String {
        let text = try text()
        // IFNAMSIZ is 16 with its NUL; the rest is what the kernel refuses in a name (dev_valid_name).
        let isName = text.utf8.count < 16 && text != "." && text != ".." && !text.contains { "/: \t".contains($0) }
        guard isName else { throw failure("\(name) is \(quoted(text)), which is not the name of an interface") }
        return text
    }
}

extension Section {
    fileprivate func router() throws(ConfigurationFailure) -> Node.Role {
        .router(
            RouterNode(
                clientInterface: try self["clientInterface"]?.interface(),
                trustedInterface: try self["trustedInterface"]?.interface(),
                trustedAddress: try self["trustedAddress"]?.address(),
                port: try self["port"]?.word([
                    "auto": .auto, "af_xdp": .afXDP, "packet_socket": .packetSocket,
                ]) ?? .auto,
                workers: try self["workers"]?.workers()))
    }

    fileprivate func target() throws(ConfigurationFailure) -> Node.Role {
        .target(
            TargetNode(
                trustedAddress: try required("trustedAddress").address(), mtu: try mtu(),
                weight: try self["weight"]?.weight() ?? .fixed(1),
                transforms: try self["transforms"]?.transforms() ?? Transform.allCases,
                delivery: try self["delivery"]?.word(["tun": .tun, "xfrm": .xfrm, "auto": .auto]) ?? .tun))
    }

    fileprivate func endpoint() throws(ConfigurationFailure) -> Node.Role {
        let addresses = try self["addresses"]?.distinctList { entry throws(ConfigurationFailure) in try entry.address()
        }
        return .endpoint(EndpointNode(addresses: addresses ?? [], mtu: try mtu()))
    }

    private func mtu() throws(ConfigurationFailure) -> Int? { try self["mtu"]?.integer(in: 1280...9000) }
}

extension Node {
    fileprivate var trustedAddress: IPAddress? {
        switch role {
        case .router(let router): router.trustedAddress
        case .target(let target): target.trustedAddress
        case .endpoint: nil
        }
    }

    static func isName(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
    }
}
