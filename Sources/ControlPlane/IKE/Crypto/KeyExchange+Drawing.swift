internal import Associations

extension KeyExchange {
    /// With a private key drawn from `random`, so that a simulation repeats itself. Outside of simulations
    /// `init(_:)` is the way: its private key is never anywhere but in OpenSSL.
    ///
    /// Throws `invalid` when `random` gives nothing but numbers out of range.
    public convenience init(
        _ method: KeyExchangeMethod, using random: inout some RandomNumberGenerator
    ) throws(KeyExchangeFailure) {
        // The first number that is below the group's order; more than one is needed once in 2^32 times.
        var failure = KeyExchangeFailure.invalid
        for _ in 0..<8 {
            let bytes = random.nonce(byteCount: method.privateByteCount)
            do {
                try self.init(method, privateKey: SecretBytes(bytes))
                return
            } catch { failure = error }
        }
        throw failure
    }
}

extension KeyExchangeMethod {
    /// Bytes of a private key that is as strong as the group (RFC 3526 §8 for the MODP groups).
    fileprivate var privateByteCount: Int {
        switch self {
        case .x25519, .ecp256, .mlkem768: 32
        case .ecp384: 48
        // One less than the order has, and so always below it.
        case .ecp521: 65
        case .modp2048: 40
        case .modp3072: 48
        case .modp4096: 56
        }
    }
}
