/// How two ends agree on a secret (IANA transform type 4). Names are the ones operators write in proposals.
public enum KeyExchangeMethod: String, Sendable, Hashable, CaseIterable {
    /// RFC 8031; the public value is the 32 bytes of RFC 7748.
    case x25519
    /// RFC 5903: x || y, the shared secret is x alone.
    case ecp256, ecp384, ecp521
    /// RFC 3526: numbers as long as the prime, zeros in front.
    case modp2048, modp3072, modp4096
    /// draft-ietf-ipsecme-ikev2-mlkem: the question carries an encapsulation key, the answer a ciphertext.
    case mlkem768

    /// The IANA number of the transform.
    public var transformID: UInt16 {
        switch self {
        case .modp2048: 14
        case .modp3072: 15
        case .modp4096: 16
        case .ecp256: 19
        case .ecp384: 20
        case .ecp521: 21
        case .x25519: 31
        case .mlkem768: 36
        }
    }

    /// nil for a method that we have not.
    public init?(transformID: UInt16) {
        guard let found = Self.allCases.first(where: { $0.transformID == transformID }) else { return nil }
        self = found
    }

    /// Bytes of the public value of who asks, which a KE payload must have exactly.
    public var publicByteCount: Int {
        switch self {
        case .x25519: 32
        case .ecp256: 64
        case .ecp384: 96
        case .ecp521: 132
        case .modp2048: 256
        case .modp3072: 384
        case .modp4096: 512
        case .mlkem768: 1184
        }
    }

    /// Bytes of the answer's public value.
    public var answerByteCount: Int { self == .mlkem768 ? 1088 : publicByteCount }

    /// Bytes of a private key that is as strong as the group (RFC 3526 §8 for the MODP groups).
    var privateByteCount: Int {
        switch self {
        case .x25519, .ecp256: 32
        case .ecp384: 48
        // One less than the order has, and so always below it.
        case .ecp521: 65
        case .modp2048: 40
        case .modp3072: 48
        case .modp4096: 56
        case .mlkem768: 64
        }
    }

    /// Bytes of g^ir.
    public var secretByteCount: Int {
        switch self {
        case .x25519, .ecp256, .mlkem768: 32
        case .ecp384: 48
        case .ecp521: 66
        case .modp2048: 256
        case .modp3072: 384
        case .modp4096: 512
        }
    }
}

public enum KeyExchangeFailure: Error, Hashable, CustomStringConvertible {
    /// The peer's public value is none of the group's: its length, a point that is not on the curve or of small order,
    /// a number out of range (RFC 6989). Or the private key given is out of range.
    case invalid

    public var description: String {
        switch self {
        case .invalid: "the public value is not one of the group's"
        }
    }
}
