/// What is wrong with a proposal that an operator wrote.
public enum ProposalNameFault: Error, Hashable, Sendable {
    case empty
    case unknownWord(String, ProtocolID)
    /// The word names an algorithm, but not one for SAs of this protocol.
    case wrongProtocol(String, ProtocolID)
    case repeatedWord(String)
    case noEncryption
    case noIntegrity
    case noPseudorandomFunction
    case noKeyExchange
    /// A combined-mode algorithm beside one that is none (RFC 7296 §3.3 wants two proposals).
    case mixedModes
    case integrityWithCombinedMode
    /// RFC 9370 §2.2.2 has additional key exchanges only beside a first one.
    case additionalKeyExchangeAlone
}

extension ProposalNameFault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .empty: "a proposal without a word"
        case .unknownWord(let word, let protocolID):
            "\"\(word)\" is no algorithm known here; for \(protocolID) there are "
                + Self.words(for: protocolID).joined(separator: ", ")
                + ", and ke1_ to ke7_ before the name of a key exchange"
        case .wrongProtocol(let word, let protocolID): "\"\(word)\" is not for \(protocolID)"
        case .repeatedWord(let word): "\"\(word)\" is there twice"
        case .noEncryption: "no encryption algorithm, such as aes128gcm16"
        case .noIntegrity: "no integrity algorithm, such as sha256, which this encryption needs"
        case .noPseudorandomFunction:
            "no pseudorandom function, such as prfsha256, and no integrity algorithm to tell it"
        case .noKeyExchange: "no key exchange method, such as x25519"
        case .mixedModes: "algorithms that need an integrity algorithm beside such that take none: make two proposals"
        case .integrityWithCombinedMode: "an integrity algorithm, but the encryption has its own"
        case .additionalKeyExchangeAlone: "an additional key exchange without a first one, such as x25519"
        }
    }

    private static func words(for protocolID: ProtocolID) -> [String] {
        ProposalWord.all.filter { $0.protocols.contains(protocolID) }.map(\.word)
    }
}
