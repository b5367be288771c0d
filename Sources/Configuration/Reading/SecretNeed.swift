/// Which key files a node reads: it may not have the others, and need not.
struct SecretNeed {
    let hasClusterKey: Bool
    /// Those that IKE authenticates with.
    let hasCredentials: Bool

    /// Everything when no node is named, nothing when there is none of that name.
    init(of node: String?, among nodes: [Node]) {
        guard let node else {
            (hasClusterKey, hasCredentials) = (true, true)
            return
        }
        switch nodes.first(where: { $0.name == node })?.role {
        case .router: (hasClusterKey, hasCredentials) = (true, true)
        case .target: (hasClusterKey, hasCredentials) = (true, false)
        case .endpoint, nil: (hasClusterKey, hasCredentials) = (false, false)
        }
    }
}
