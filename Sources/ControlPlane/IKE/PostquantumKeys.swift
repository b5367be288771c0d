public import Associations

/// Post-quantum preshared keys (RFC 8784): secrets that both ends have from elsewhere, mixed into the keys of the IKE SA,
/// so that who breaks the key exchange still has no key of any Child SA.
public struct PostquantumKeys: Sendable {
    public struct Key: Sendable {
        /// What the initiator calls it by, for all to see who see IKE_AUTH; 1 to 255 bytes.
        public let identity: [UInt8]
        public let secret: SecretBytes

        /// Traps for an identity of another length, and for a secret of less than the 256 bits that RFC 8784 §6 asks for.
        public init(identity: [UInt8], secret: SecretBytes) {
            precondition((1...255).contains(identity.count) && secret.count >= 32)
            self.identity = identity
            self.secret = secret
        }
    }

    /// An initiator shows the first.
    public let keys: [Key]
    /// Whether there is no IKE SA without one.
    public let isMandatory: Bool

    /// Traps without a key.
    public init(_ keys: [Key], isMandatory: Bool) {
        precondition(!keys.isEmpty)
        self.keys = keys
        self.isMandatory = isMandatory
    }
}

/// The data of PPK_IDENTITY (RFC 8784 §5.1): a type, and the identity.
enum PostquantumIdentity {
    /// PPK_ID_FIXED. The other one, an opaque identity, is for keys that are used once.
    private static let fixed: UInt8 = 2

    static func payload(_ key: PostquantumKeys.Key) -> IKEPayload {
        .notify(NotifyPayload(.ppkIdentity, data: [fixed] + key.identity))
    }

    /// The key that a peer's notification names; nil when we have none of that name.
    static func key(named data: [UInt8], of keys: PostquantumKeys?) -> PostquantumKeys.Key? {
        guard data.first == fixed else { return nil }
        return keys?.keys.first { $0.identity == Array(data.dropFirst()) }
    }
}
