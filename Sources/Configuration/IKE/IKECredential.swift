public import Associations

/// How we prove who we are (RFC 7296 §2.15). Paths are absolute; those files are not read with the configuration.
public enum IKECredential: Sendable {
    case presharedKey(SecretBytes)
    /// PEM: the chain has the leaf first, the key is the leaf's.
    case certificate(chainFile: String, keyFile: String)
}

/// How the peer must prove who it is.
public enum IKERequirement: Sendable {
    case presharedKey(SecretBytes)
    /// PEM: an authority that the peer's chain must end at, and the authorities' lists of revoked certificates.
    case certificate(authorityFiles: [String], revocationFiles: [String], revocation: RevocationUse)
}

/// What a list of revoked certificates is for.
public enum RevocationUse: String, Sendable, Hashable, CaseIterable {
    /// Without a list that is in force no certificate is taken.
    case require
    /// A list is obeyed where there is one.
    case use
    case ignore
}

/// A postquantum preshared key (RFC 8784).
public struct IKEPostquantumKey: Sendable {
    /// Said in clear to the peer, which knows the key by it.
    public var id: String
    public var secret: SecretBytes
    /// Whether a peer without it is refused.
    public var isRequired: Bool
}
