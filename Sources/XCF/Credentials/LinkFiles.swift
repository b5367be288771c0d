/// The names of the link's files in their directory.
struct LinkFiles: Sendable {
    static let authority = "ca.pem"
    static let authorityKey = "ca.key"
    static let clusterKey = "cluster.key"
    static func certificate(of node: String) -> String { "\(node).pem" }
    static func key(of node: String) -> String { "\(node).key" }

    /// Bytes; no certificate chain and no key is longer.
    static let byteLimit = 1 << 20

    let directory: String

    func path(_ name: String) -> String { directory + "/" + name }

    struct Contents {
        var bytes: [UInt8]
        /// The low nine bits of the mode, of the same open file.
        var permissions: UInt32
    }
}
