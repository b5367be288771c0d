internal import Associations

extension KeyExchange {
    /// With a private key out of `random`: in production the kernel's, in a simulation a seeded one.
    static func make(
        _ method: KeyExchangeMethod, using random: inout some RandomNumberGenerator
    ) -> KeyExchange {
        // Numbers outside of a curve's order are drawn again; of the curves here that is one in 2^32 at most, for P-521
        // one in two once the bits above the order are 0.
        while true {
            var bytes = [UInt8](repeating: 0, count: privateByteCount(method))
            for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: random.next()) }
            if method == .ecp521 { bytes[0] &= 1 }
            if let made = try? KeyExchange(method, privateKey: SecretBytes(bytes)) { return made }
            precondition(method.isSupported, "\(method.rawValue) is not in this build, and no policy may name it")
        }
    }

    /// For MODP twice the strength that the group can have at best (RFC 7296 §5, RFC 3526 §8).
    private static func privateByteCount(_ method: KeyExchangeMethod) -> Int {
        switch method {
        case .x25519, .ecp256: 32
        case .ecp384: 48
        case .ecp521: 66
        case .modp2048, .modp3072, .modp4096: 64
        case .mlkem768: 64
        }
    }
}
