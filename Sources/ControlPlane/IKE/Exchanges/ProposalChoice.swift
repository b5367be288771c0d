internal import Associations

/// The responder's choice, and the initiator's look at it (RFC 7296 §2.7, §3.3.6).
enum ProposalChoice {
    /// The first of ours that fits one of the offered, with one transform of each type, under the offer's number and SPI;
    /// nil when none fits. Types in `ignored` play no part: IKE_AUTH has no key exchange of the Child SA's own.
    static func choose(
        from offered: [Proposal], by own: [Proposal], ignoring ignored: Set<TransformType> = []
    ) -> Proposal? {
        for mine in own {
            for offer in offered where offer.protocolID == mine.protocolID {
                if let transforms = common(offer, mine, ignored) {
                    return Proposal(number: offer.number, offer.protocolID, spi: offer.spi, transforms)
                }
            }
        }
        return nil
    }

    private static func common(
        _ offer: Proposal, _ mine: Proposal, _ ignored: Set<TransformType>
    ) -> [Proposal.Transform]? {
        var types: [TransformType] = []
        for transform in mine.transforms + offer.transforms
        where !types.contains(transform.type) && !ignored.contains(transform.type) {
            types.append(transform.type)
        }
        var chosen: [Proposal.Transform] = []
        for type in types {
            let offers = offer.transforms.filter { $0.type == type && !$0.hasUnknownAttributes }
            let wishes = mine.transforms.filter { $0.type == type }
            if wishes.isEmpty {
                // A type that we say nothing of may only be refused by its NONE; id 0 is that of every type.
                guard type != .encryption, let none = offers.first(where: { $0.id == 0 }) else { return nil }
                chosen.append(none)
            } else if let match = wishes.first(where: { offers.contains($0) && !isSecond($0, among: chosen) }) {
                chosen.append(match)
            } else if !(offers.isEmpty && type.isAdditionalKeyExchange && wishes.contains { $0.id == 0 }) {
                // A further key exchange that is not spoken of is none; anything else is missing.
                return nil
            }
        }
        return chosen
    }

    /// No key exchange method is made use of twice (RFC 9370 §2.2.2).
    private static func isSecond(_ transform: Proposal.Transform, among chosen: [Proposal.Transform]) -> Bool {
        guard let method = transform.keyExchange, method != .none else { return false }
        return chosen.contains { $0.keyExchange == method }
    }

    /// Whether a responder's answer is one that `own` offered: its transforms all ours, one of each type.
    static func isChoice(_ answer: Proposal, of own: [Proposal], ignoring ignored: Set<TransformType> = []) -> Bool {
        guard Set(answer.transforms.map(\.type)).count == answer.transforms.count else { return false }
        let offered = own.filter { $0.number == answer.number }
        return choose(from: [answer], by: offered, ignoring: ignored) != nil
    }
}

/// The algorithms of an IKE SA, out of a chosen proposal.
struct IKESuite: Sendable, Hashable {
    var protection: ProtectionAlgorithm
    var prf: PRF
    var method: KeyExchangeMethod
    /// The further ones, in the order in which they are made (RFC 9370).
    var additional: [KeyExchangeMethod]

    /// nil unless the proposal has one transform of each type and this build has them all.
    init?(_ proposal: Proposal) {
        func only(_ type: TransformType) -> Proposal.Transform? { proposal.transforms.first { $0.type == type } }
        guard let cipher = only(.encryption), let function = only(.pseudorandomFunction),
            let exchange = only(.keyExchange),
            let protection = ProtectionAlgorithm(
                encryptionID: cipher.id, keyBits: cipher.keyBits, integrityID: only(.integrity)?.id),
            let prf = PRF(transformID: function.id), let method = KeyExchangeMethod(transformID: exchange.id)
        else { return nil }
        guard let additional = proposal.additionalMethods else { return nil }
        self.additional = additional
        self.protection = protection
        self.prf = prf
        self.method = method
    }
}

extension Proposal {
    /// Of a chosen proposal for ESP: extended sequence numbers (RFC 4303 §2.2.1).
    var hasESN: Bool { transforms.contains(.sequenceNumbers(.extended)) }

    /// The further key exchanges of a chosen proposal, in the order in which they are made (RFC 9370); nil when this
    /// build has not all of them.
    var additionalMethods: [KeyExchangeMethod]? {
        var methods: [KeyExchangeMethod] = []
        for type in TransformType.additionalKeyExchanges {
            guard let transform = transforms.first(where: { $0.type == type }), transform.id != 0 else { continue }
            guard let method = KeyExchangeMethod(transformID: transform.id) else { return nil }
            methods.append(method)
        }
        return methods
    }
}

extension Associations.Transform {
    /// The ESP transform of a chosen proposal; nil for one that the fast path has not.
    init?(_ proposal: Proposal) {
        func only(_ type: TransformType) -> Proposal.Transform? { proposal.transforms.first { $0.type == type } }
        guard let encryption = only(.encryption), let cipher = Cipher(encryption),
            [.plain, .extended].contains(only(.sequenceNumbers)?.sequenceNumbers ?? .plain)
        else { return nil }
        let integrityID = only(.integrity)?.integrity ?? .none
        let integrity = Integrity(integrityID)
        guard integrity != nil || integrityID == .none else { return nil }
        self.init(cipher, integrity)
    }
}

extension Associations.Transform.Cipher {
    fileprivate init?(_ transform: Proposal.Transform) {
        switch (transform.encryption, transform.keyBits) {
        case (.aesGCM16, 128): self = .aes128gcm16
        case (.aesGCM16, 192): self = .aes192gcm16
        case (.aesGCM16, 256): self = .aes256gcm16
        case (.chacha20Poly1305, nil): self = .chacha20poly1305
        case (.nullAESGMAC, 128): self = .aes128gmac
        case (.nullAESGMAC, 192): self = .aes192gmac
        case (.nullAESGMAC, 256): self = .aes256gmac
        case (.aesCBC, 128): self = .aes128
        case (.aesCBC, 256): self = .aes256
        case (.aesCTR, 128): self = .aes128ctr
        case (.aesCTR, 256): self = .aes256ctr
        case (.null, nil): self = .null
        default: return nil
        }
    }
}

extension Associations.Transform.Integrity {
    fileprivate init?(_ id: IntegrityID) {
        switch id {
        case .hmacSHA256: self = .sha256
        case .hmacSHA384: self = .sha384
        case .hmacSHA512: self = .sha512
        case .hmacSHA1: self = .sha1
        default: return nil
        }
    }
}
