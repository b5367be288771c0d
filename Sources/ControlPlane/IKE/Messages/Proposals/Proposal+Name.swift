/// A proposal as operators write it: words joined by hyphens, `aes256-sha256-modp3072`, `aes128gcm16-prfsha256-x25519`,
/// for ESP `aes128gcm16-x25519-esn`. Several words of one kind are alternatives. What goes without saying is not said:
/// of an IKE SA the pseudorandom function with the integrity algorithm's hash, of a Child SA plain sequence numbers.
extension Proposal {
    /// For IKE or ESP; traps for another protocol.
    public init(
        named name: String, _ protocolID: ProtocolID, number: UInt8 = 1, spi: [UInt8] = []
    ) throws(ProposalNameFault) {
        precondition(protocolID == .ike || protocolID == .esp)
        guard !name.isEmpty else { throw .empty }
        var transforms: [Transform] = []
        for word in name.lowercased().split(separator: "-", omittingEmptySubsequences: false).map(String.init) {
            guard let known = ProposalWord.named(word) else { throw .unknownWord(word, protocolID) }
            guard known.protocols.contains(protocolID) else { throw .wrongProtocol(word, protocolID) }
            guard !transforms.contains(known.transform) else { throw .repeatedWord(word) }
            transforms.append(known.transform)
        }
        if protocolID == .ike, !transforms.contains(where: { $0.type == .pseudorandomFunction }) {
            transforms += Self.impliedFunctions(by: transforms)
        }
        if protocolID == .esp, !transforms.contains(where: { $0.type == .sequenceNumbers }) {
            transforms.append(.sequenceNumbers(.plain))
        }
        if let fault = Self.fault(in: transforms, protocolID) { throw fault }
        let sorted = Self.wordOrder.flatMap { type in transforms.filter { $0.type == type } }
        self.init(number: number, protocolID, spi: spi, sorted)
    }

    /// The order in which kinds are written.
    private static let wordOrder: [TransformType] =
        [.encryption, .integrity, .pseudorandomFunction, .keyExchange] + TransformType.additionalKeyExchanges
        + [.sequenceNumbers]

    private static func fault(in transforms: [Transform], _ protocolID: ProtocolID) -> ProposalNameFault? {
        let encryption = transforms.compactMap(\.encryption)
        let combined = encryption.count { $0.isCombinedMode }
        let hasIntegrity = transforms.contains { $0.type == .integrity }
        guard !encryption.isEmpty else { return .noEncryption }
        guard combined == 0 || combined == encryption.count else { return .mixedModes }
        if combined > 0 && hasIntegrity { return .integrityWithCombinedMode }
        if combined == 0 && !hasIntegrity { return .noIntegrity }
        let hasKeyExchange = transforms.contains { $0.type == .keyExchange }
        if protocolID == .ike {
            guard transforms.contains(where: { $0.type == .pseudorandomFunction }) else {
                return .noPseudorandomFunction
            }
            guard hasKeyExchange else { return .noKeyExchange }
        }
        if !hasKeyExchange, transforms.contains(where: { $0.type.isKeyExchange }) { return .additionalKeyExchangeAlone }
        return nil
    }

    /// For each integrity algorithm the pseudorandom function of the same kind.
    private static func impliedFunctions(by transforms: [Transform]) -> [Transform] {
        transforms.compactMap { transform in
            let function: PseudorandomFunctionID? =
                switch transform.integrity {
                case .hmacMD5: .hmacMD5
                case .hmacSHA1: .hmacSHA1
                case .hmacSHA256: .hmacSHA256
                case .hmacSHA384: .hmacSHA384
                case .hmacSHA512: .hmacSHA512
                case .aesXCBC: .aes128XCBC
                case .aesCMAC: .aes128CMAC
                default: nil
                }
            return function.map { .pseudorandomFunction($0) }
        }
    }

    /// Of any proposal, also of a peer's: what has no word is told by IANA's name or by its numbers. Of one that
    /// `init(named:)` made, that makes it again.
    public var name: String {
        let known = Self.wordOrder.flatMap { type in transforms.filter { $0.type == type && !goesWithoutSaying($0) } }
        let other = transforms.filter { !Self.wordOrder.contains($0.type) }
        return (known + other).map(\.word).joined(separator: "-")
    }

    private func goesWithoutSaying(_ transform: Transform) -> Bool {
        func all(_ type: TransformType) -> [Transform] { transforms.filter { $0.type == type } }
        switch transform.type {
        case .pseudorandomFunction:
            return protocolID == .ike && all(.pseudorandomFunction) == Self.impliedFunctions(by: transforms)
        case .sequenceNumbers:
            return all(.sequenceNumbers) == [.sequenceNumbers(.plain)]
        case .integrity:
            return all(.integrity) == [.integrity(.none)]
                && all(.encryption).allSatisfy { $0.encryption?.isCombinedMode == true }
        default:
            return false
        }
    }
}

extension Proposal.Transform: CustomStringConvertible {
    /// The operators' word, or else IANA's name or numbers, with the key length in bits.
    public var word: String {
        if let word = ProposalWord.word(for: self) { return word }
        let name =
            switch type {
            case .encryption: EncryptionID.names[EncryptionID(rawValue: id)]
            case .pseudorandomFunction: PseudorandomFunctionID.names[PseudorandomFunctionID(rawValue: id)]
            case .integrity: IntegrityID.names[IntegrityID(rawValue: id)].map { id == 0 ? "INTEG_\($0)" : $0 }
            default: nil as String?
            }
        let known = TransformType.names[type] ?? "TYPE\(type.rawValue)"
        return (name ?? "\(known)#\(id)") + (keyBits.map { "_\($0)" } ?? "") + (hasUnknownAttributes ? "+?" : "")
    }

    public var description: String { word }
}
