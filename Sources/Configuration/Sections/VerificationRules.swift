internal import Associations

extension ClusterConfiguration {
    /// What a router that only reads cannot do: know by itself, count, and stop with authority.
    func requireReadingIsEnough(_ verify: Entry, dvipas: Entry?, filters: Entry?) throws(ConfigurationFailure) {
        guard link != nil else {
            throw verify.failure(
                "verify is target, and without a link no target can report what it has verified",
                remedy: "Add \(quoted("link: \(Form.cluster.example(of: "link"))")), or write verify: router.")
        }
        for service in services where !Self.isAgreed(service.steering.method) {
            throw (dvipas ?? verify).failure(
                "service \(quoted(service.name)) at \(service.dvipa) is steered by \(service.steering.method.rawValue), "
                    + "whose turns a router would take on the word of packets that nobody has verified",
                remedy: "Write \"steering: {method: consistent-hash}\" or hot-standby, or verify: router.")
        }
        for node in nodes {
            guard case .target(let target) = node.role, target.delivery == .xfrm else { continue }
            throw verify.failure(
                "verify is target, and \(node.name) has delivery: xfrm: its kernel opens packets, and tells nobody which",
                remedy: "Write delivery: tun or auto, or verify: router.")
        }
        if let filters, self.filters?.at == .router {
            throw filters.failure(
                "filters has at: router, where with verify: target a packet is only what it claims to be",
                remedy: "Write at: target: who opens a packet asks the rules.")
        }
    }

    /// Every router would choose the same, whatever came before.
    private static func isAgreed(_ method: Steering.Method) -> Bool {
        switch method {
        case .consistentHash, .hotStandby: true
        case .weighted, .roundRobin, .activeConnections: false
        }
    }
}
