public import Associations

/// What both ends put into the derivation of an IKE SA's keys besides the shared secret.
public struct IKESeed: Sendable, Hashable {
    /// The contents of the Nonce payloads, without their headers.
    public var initiatorNonce: [UInt8]
    public var responderNonce: [UInt8]
    /// The SPIs of the new IKE SA, as in its header, big-endian on the wire.
    public var initiatorSPI: UInt64
    public var responderSPI: UInt64

    public init(initiatorNonce: [UInt8], responderNonce: [UInt8], initiatorSPI: UInt64, responderSPI: UInt64) {
        self.initiatorNonce = initiatorNonce
        self.responderNonce = responderNonce
        self.initiatorSPI = initiatorSPI
        self.responderSPI = responderSPI
    }

    /// Ni | Nr
    var nonces: [UInt8] { initiatorNonce + responderNonce }
    /// Ni | Nr | SPIi | SPIr
    var noncesAndSPIs: [UInt8] { nonces + initiatorSPI.bigEndianBytes + responderSPI.bigEndianBytes }
}

extension UInt64 {
    var bigEndianBytes: [UInt8] { stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: self >> $0) } }
}

/// The seven keys of an IKE SA (RFC 7296 §2.14), `i` for what the initiator sends and `r` for what the responder sends.
public struct IKEKeys: Sendable {
    public let prf: PRF
    public let protection: ProtectionAlgorithm
    /// From which the keys of Child SAs and of the IKE SA's successor are made.
    public private(set) var skD: SecretBytes
    /// Integrity; empty with an AEAD.
    public let skAi, skAr: SecretBytes
    /// Encryption; with an AEAD the salt stands at the end (RFC 5282 §7.1, RFC 7634 §2).
    public let skEi, skEr: SecretBytes
    /// For the AUTH payloads.
    public private(set) var skPi, skPr: SecretBytes

    /// From SKEYSEED: {SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr} = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr).
    public init(skeyseed: SecretBytes, prf: PRF, protection: ProtectionAlgorithm, seed: IKESeed) {
        let counts = [
            prf.byteCount, protection.integrityKeyByteCount, protection.integrityKeyByteCount,
            protection.encryptionKeyByteCount, protection.encryptionKeyByteCount, prf.byteCount, prf.byteCount,
        ]
        let material = prf.plus(.secret(skeyseed), [.open(seed.noncesAndSPIs)], byteCount: counts.reduce(0, +))
        let keys = material.split(counts)
        self.prf = prf
        self.protection = protection
        skD = keys[0]
        skAi = keys[1]
        skAr = keys[2]
        skEi = keys[3]
        skEr = keys[4]
        skPi = keys[5]
        skPr = keys[6]
    }

    /// The keys of the first exchange: SKEYSEED = prf(Ni | Nr, g^ir).
    public init(sharedSecret: SecretBytes, prf: PRF, protection: ProtectionAlgorithm, seed: IKESeed) {
        self.init(
            skeyseed: Self.skeyseed(sharedSecret: sharedSecret, prf: prf, seed: seed), prf: prf, protection: protection,
            seed: seed)
    }

    /// SKEYSEED of the first exchange (RFC 7296 §2.14).
    public static func skeyseed(sharedSecret: SecretBytes, prf: PRF, seed: IKESeed) -> SecretBytes {
        prf(.open(seed.nonces), [.secret(sharedSecret)])
    }

    /// SKEYSEED of the IKE SA that replaces this one, by this one's PRF (RFC 7296 §2.18), with the secrets of
    /// additional key exchanges behind the nonces (RFC 9370 §2.2.4):
    /// prf(SK_d, SK(0) | Ni | Nr | SK(1) | ... | SK(n)).
    public func successorSkeyseed(
        sharedSecret: SecretBytes, additionalSecrets: [SecretBytes] = [], seed: IKESeed
    ) -> SecretBytes {
        prf(
            .secret(skD),
            [.secret(sharedSecret), .open(seed.nonces)] + additionalSecrets.map { .secret($0) })
    }

    /// The keys of the IKE SA that replaces this one, which may have another PRF and another protection. `seed` has the
    /// nonces of the rekeying exchange and the SPIs of the new SA.
    public func successor(
        sharedSecret: SecretBytes, additionalSecrets: [SecretBytes] = [], prf: PRF, protection: ProtectionAlgorithm,
        seed: IKESeed
    ) -> IKEKeys {
        IKEKeys(
            skeyseed: successorSkeyseed(sharedSecret: sharedSecret, additionalSecrets: additionalSecrets, seed: seed),
            prf: prf, protection: protection, seed: seed)
    }

    /// The keys after one more key exchange by IKE_INTERMEDIATE (RFC 9370 §2.2.2), with the nonces and SPIs of the
    /// first: SKEYSEED(n) = prf(SK_d(n-1), SK(n) | Ni | Nr).
    public func updated(sharedSecret: SecretBytes, seed: IKESeed) -> IKEKeys {
        successor(sharedSecret: sharedSecret, prf: prf, protection: protection, seed: seed)
    }

    /// The keys with a post-quantum preshared key mixed in (RFC 8784 §3): SK_d, SK_pi and SK_pr become
    /// prf+(PPK, SK_d'), prf+(PPK, SK_pi') and prf+(PPK, SK_pr'); the others stay.
    public func mixing(ppk: SecretBytes) -> IKEKeys {
        func mixed(_ key: SecretBytes) -> SecretBytes {
            prf.plus(.secret(ppk), [.secret(key)], byteCount: prf.byteCount)
        }
        var keys = self
        keys.skD = mixed(skD)
        keys.skPi = mixed(skPi)
        keys.skPr = mixed(skPr)
        return keys
    }

    /// What opens and seals the messages that the initiator or the responder of the IKE SA sends.
    public func protection(of sender: IKERole) -> IKEProtection {
        switch sender {
        case .initiator: IKEProtection(protection, encryptionKey: skEi, integrityKey: skAi)
        case .responder: IKEProtection(protection, encryptionKey: skEr, integrityKey: skAr)
        }
    }
}

/// Which end of an IKE SA: who sent its first message, or who answered. A rekey may turn it around.
public enum IKERole: Sendable, Hashable {
    case initiator, responder

    public var other: IKERole { self == .initiator ? .responder : .initiator }
}

extension SecretBytes {
    /// Consecutive parts of these lengths; traps when they are more than there is.
    func split(_ counts: [Int]) -> [SecretBytes] {
        var start = 0
        return counts.map { count in
            defer { start += count }
            return part(start..<start + count)
        }
    }
}
