internal import X509

/// The way from a peer's certificate to an authority that is believed, over those that it showed and those that we have.
/// Only names and signatures count here; the rest is for `ChainRules`.
struct ChainSearch {
    let authorities: [KnownCertificate]
    let intermediates: [KnownCertificate]
    /// Signatures that may still be verified: a peer that shows certificates which sign each other in every direction keeps
    /// us busy no longer than this.
    private var budget = 32
    /// The first thing that was in the way.
    private var obstacle: String?

    /// Certificates of a chain, both ends among them.
    static let maximumCount = 10

    init(authorities: [KnownCertificate], intermediates: [KnownCertificate]) {
        self.authorities = authorities
        self.intermediates = intermediates
    }

    /// From the peer's certificate to the authority's; the words say why there is none.
    mutating func chain(from leaf: KnownCertificate) throws(Refused) -> [KnownCertificate] {
        // An authority may be the peer's own certificate.
        if authorities.contains(where: { $0.der == leaf.der }) { return [leaf] }
        if let found = extend([leaf]) { return found }
        throw Refused(obstacle ?? "no chain of certificates leads from \(leaf.name) to an authority that is believed")
    }

    private mutating func extend(_ chain: [KnownCertificate]) -> [KnownCertificate]? {
        let tip = chain[chain.count - 1]
        guard chain.count < Self.maximumCount else { return nil }
        let ends = authorities.filter { $0.subject == tip.issuer }
        for authority in ends where isSigned(tip, by: authority) { return chain + [authority] }
        let steps = intermediates.filter { step in
            step.subject == tip.issuer && !chain.contains { $0.publicKeyInfo == step.publicKeyInfo }
        }
        if ends.isEmpty && steps.isEmpty {
            note(
                tip.isSelfIssued
                    ? "\(tip.name) is none of the authorities that are believed"
                    : "\(tip.name) is issued by \(tip.issuer.words), which is not believed and was not shown")
        }
        for step in steps where isSigned(tip, by: step) {
            if let found = extend(chain + [step]) { return found }
        }
        return nil
    }

    private mutating func isSigned(_ tip: KnownCertificate, by issuer: KnownCertificate) -> Bool {
        guard budget > 0 else {
            note("the certificates shown lead in too many directions")
            return false
        }
        budget -= 1
        let isSigned = issuer.certificate.publicKey.isValidSignature(tip.certificate.signature, for: tip.certificate)
        if !isSigned { note("the signature of \(tip.name) is not by \(issuer.name), or of a kind that is not taken") }
        return isSigned
    }

    private mutating func note(_ words: String) {
        if obstacle == nil { obstacle = words }
    }
}

/// Why a certificate is not believed, in an operator's words.
struct Refused: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
