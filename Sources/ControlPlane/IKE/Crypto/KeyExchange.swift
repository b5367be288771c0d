public import Associations
internal import PostQuantum

/// Who asks in a key exchange: a private key, and the public value that goes out. Who answers needs no value of this
/// type, only `answer`.
public struct KeyExchange: Sendable {
    public let method: KeyExchangeMethod
    /// What the KE payload carries.
    public let publicValue: [UInt8]
    private let key: Key

    private enum Key: Sendable {
        case group(GroupKey)
        case encapsulation(MLKEM768Key)
    }

    /// With this private key: a big-endian number, X25519's 32 bytes, ML-KEM's d | z; throws `invalid` when it is out of
    /// range.
    public init(_ method: KeyExchangeMethod, privateKey: SecretBytes) throws(KeyExchangeFailure) {
        self.method = method
        if method == .mlkem768 {
            guard privateKey.count == MLKEM768Key.seedByteCount else { throw .invalid }
            let pair = MLKEM768Key(seed: privateKey)
            publicValue = pair.publicValue
            key = .encapsulation(pair)
        } else {
            guard let own = GroupKey(method, privateKey: privateKey) else { throw .invalid }
            publicValue = own.publicValue
            key = .group(own)
        }
    }

    /// With a private key drawn from `random`: in production the kernel's numbers, in a simulation those of a seed. Traps
    /// when `random` gives nothing but numbers out of range.
    public init(_ method: KeyExchangeMethod, using random: inout some IKERandomness) {
        // The first number that is below the group's order; more than one is needed once in 2^32 times.
        for _ in 0..<8 {
            let privateKey = random.secret(byteCount: method.privateByteCount)
            if let made = try? KeyExchange(method, privateKey: privateKey) {
                self = made
                return
            }
        }
        preconditionFailure("the source of random numbers is broken")
    }

    /// Our public value, as a payload.
    var payload: KeyExchangePayload {
        KeyExchangePayload(KeyExchangeID(rawValue: method.transformID), data: publicValue)
    }

    /// The secret, out of what the answer brought; throws `invalid` when that is none of the method's public values.
    public func agree(_ peer: [UInt8]) throws(KeyExchangeFailure) -> SecretBytes {
        let secret: SecretBytes? =
            switch key {
            case .group(let own): own.agree(peer)
            case .encapsulation(let pair): pair.decapsulate(peer)
            }
        guard let secret else { throw .invalid }
        return secret
    }

    /// The other end's part in one step: its public value and the secret. Of ML-KEM the answer depends on the question,
    /// and its random numbers are not `random`'s.
    public static func answer(
        _ peer: [UInt8], by method: KeyExchangeMethod, using random: inout some IKERandomness
    ) throws(KeyExchangeFailure) -> (publicValue: [UInt8], sharedSecret: SecretBytes) {
        guard peer.count == method.publicByteCount else { throw .invalid }
        if method == .mlkem768 {
            guard let made = MLKEM768Key.encapsulate(to: peer) else { throw .invalid }
            return (made.ciphertext, made.secret)
        }
        let own = KeyExchange(method, using: &random)
        return (own.publicValue, try own.agree(peer))
    }
}
