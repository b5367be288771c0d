public import Associations
internal import Wire

/// The cluster's keys: the present one wraps, the former ones only unwrap what they wrapped.
///
/// ```
///  0          8                            40
///  +----------+----------------------------+-------------------------------+----------+
///  |  key id  |  salt, drawn for this one  |  AES-256-GCM of the plaintext |  tag 16  |
///  +----------+----------------------------+-------------------------------+----------+
/// ```
///
/// Key and nonce of the AES-GCM are HKDF-SHA256 (RFC 5869) of the cluster's key and the salt: with 32 random bytes in
/// each, no pair of them comes twice, whoever wraps, and nobody has to remember a counter. The associated data is key id,
/// salt and `context`, which says what it is and where: what is moved to another place does not open there.
public struct KeyRing: Sendable {
    /// Names a cluster key without betraying it.
    public struct KeyID: Sendable, Hashable, CustomStringConvertible {
        public let rawValue: UInt64
        public init(rawValue: UInt64) { self.rawValue = rawValue }

        public init(of clusterKey: SecretBytes) {
            let code = PRF.prfsha256(.secret(clusterKey), [.open(Array("viaduct cluster key 1, key id".utf8))])
            rawValue = code.part(0..<8).disclosed.reduce(0) { $0 << 8 | UInt64($1) }
        }

        /// Sixteen hexadecimal digits.
        public var description: String { Hexadecimal.text(rawValue.bigEndianBytes) }
    }

    public enum Failure: Error, Sendable, Hashable {
        /// Wrapped under a key that is not in the ring: another cluster's, or one that was taken out too early.
        case unknownKey(KeyID)
        /// Not what the holder of the key wrapped in this context.
        case unauthentic
        /// Too short to be anything wrapped.
        case malformed
    }

    public static let keyByteCount = 32
    static let keyIDByteCount = 8
    static let saltByteCount = 32
    static let tagByteCount = 16
    /// What wrapping adds to a plaintext.
    public static let overhead = keyIDByteCount + saltByteCount + tagByteCount

    /// The one that wraps.
    public let current: KeyID
    private let keys: [KeyID: SecretBytes]

    /// Traps unless each key has 32 bytes.
    public init(current: SecretBytes, former: [SecretBytes] = []) {
        precondition(([current] + former).allSatisfy { $0.count == Self.keyByteCount })
        self.current = KeyID(of: current)
        // The same key twice is one key.
        keys = Dictionary(([current] + former).map { (KeyID(of: $0), $0) }) { first, _ in first }
    }

    public func has(_ id: KeyID) -> Bool { keys[id] != nil }

    public func wrap(
        _ plaintext: [UInt8], context: String, using random: inout some IKERandomness
    ) -> [UInt8] {
        var head = current.rawValue.bigEndianBytes
        head += random.bytes(Self.saltByteCount)
        let box = SealedBox(keys[current]!, salt: Array(head[Self.keyIDByteCount...]))
        return head + box.seal(plaintext, associatedData: head + Array(context.utf8))
    }

    public func unwrap(_ wrapped: [UInt8], context: String) throws(Failure) -> [UInt8] {
        guard let id = Self.keyID(of: wrapped) else { throw .malformed }
        guard let key = keys[id] else { throw .unknownKey(id) }
        let head = Array(wrapped[..<(Self.keyIDByteCount + Self.saltByteCount)])
        let box = SealedBox(key, salt: Array(head[Self.keyIDByteCount...]))
        guard let plaintext = box.open(wrapped[head.count...], associatedData: head + Array(context.utf8)) else {
            throw .unauthentic
        }
        return plaintext
    }

    /// Which key it says it is wrapped under, unverified; nil when it is nothing wrapped.
    public static func keyID(of wrapped: [UInt8]) -> KeyID? {
        guard wrapped.count >= overhead else { return nil }
        return KeyID(rawValue: wrapped[..<keyIDByteCount].reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// Whether another key than the present one wrapped it, so that it is to be wrapped anew.
    public func isFormer(_ wrapped: [UInt8]) -> Bool {
        guard let id = Self.keyID(of: wrapped) else { return false }
        return id != current && keys[id] != nil
    }
}

extension KeyRing.Failure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unknownKey(let id): "wrapped under cluster key \(id), which this member has not"
        case .unauthentic: "not what a member of this cluster wrote there"
        case .malformed: "not wrapped"
        }
    }
}
