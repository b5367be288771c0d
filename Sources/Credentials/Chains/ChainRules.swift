internal import ControlPlane
internal import SwiftASN1
@_spi(DisableValidityCheck) internal import X509

/// What a chain has to be besides signed: RFC 5280 §6 as the profile of RFC 4945 §5 has it.
enum ChainRules {
    /// `chain` from the peer's certificate to the authority's; `now` in seconds since 1970.
    static func check(_ chain: [KnownCertificate], at now: Int64) async throws(Refused) {
        for (index, link) in chain.enumerated() {
            try checkTime(link, at: now)
            if index > 0 { try checkAuthority(link, below: chain[1..<index], isBelieved: index == chain.count - 1) }
            try checkUsage(link, isAuthority: index > 0)
            // The authority is believed whatever its own signature is.
            if index < chain.count - 1 { try checkSignature(link) }
        }
        try await checkConstraints(chain)
    }

    private static func checkTime(_ link: KnownCertificate, at now: Int64) throws(Refused) {
        if now < link.notBefore { throw Refused("\(link.name) is not valid before \(Day.words(link.notBefore))") }
        if now > link.notAfter { throw Refused("\(link.name) expired \(Day.words(link.notAfter))") }
    }

    private static func checkSignature(_ link: KnownCertificate) throws(Refused) {
        guard link.certificate.signatureAlgorithm != .sha1WithRSAEncryption else {
            throw Refused("\(link.name) is signed with SHA-1")
        }
        guard SignatureScheme(algorithmIdentifier: link.signatureAlgorithm) != nil else {
            throw Refused("\(link.name) is signed in a way that is not taken")
        }
    }

    /// Basic constraints (RFC 5280 §4.2.1.9). Only an authority that is believed may be of a version without them: anybody
    /// with a certificate of version 1 could sign others otherwise.
    private static func checkAuthority(
        _ link: KnownCertificate, below: ArraySlice<KnownCertificate>, isBelieved: Bool
    ) throws(Refused) {
        if isBelieved && link.certificate.version == .v1 { return }
        let constraints: BasicConstraints?
        do {
            constraints = try link.certificate.extensions.basicConstraints
        } catch {
            throw Refused("the extensions of \(link.name) cannot be read")
        }
        guard case .isCertificateAuthority(let maximum) = constraints else {
            throw Refused("\(link.name) is no authority and has signed a certificate")
        }
        if let maximum, below.count(where: { !$0.isSelfIssued }) > maximum {
            throw Refused("\(link.name) may not have so many authorities below it")
        }
    }

    /// RFC 4945 §5.1.3.2 and §5.1.3.12.
    private static func checkUsage(_ link: KnownCertificate, isAuthority: Bool) throws(Refused) {
        let usage: KeyUsage?
        let purposes: ExtendedKeyUsage?
        do {
            usage = try link.certificate.extensions.keyUsage
            purposes = try link.certificate.extensions.extendedKeyUsage
        } catch {
            throw Refused("the extensions of \(link.name) cannot be read")
        }
        if let usage {
            let isFit = isAuthority ? usage.keyCertSign : usage.digitalSignature || usage.nonRepudiation
            guard isFit else {
                let what = isAuthority ? "to sign certificates" : "for digital signatures"
                throw Refused("the key of \(link.name) is not meant \(what)")
            }
        }
        if let purposes, !purposes.contains(where: { Self.purposes.contains($0) }) {
            throw Refused("\(link.name) is meant for other purposes than IKE")
        }
    }

    /// id-kp-ipsecIKE, the older iKEIntermediate, and what certificates of hosts mostly have.
    private static let purposes: Set<ExtendedKeyUsage.Usage> = [
        .any, .init(oid: [1, 3, 6, 1, 5, 5, 7, 3, 17]), .init(oid: [1, 3, 6, 1, 5, 5, 8, 2, 2]), .serverAuth,
        .clientAuth,
    ]

    /// Name constraints, critical extensions that nobody knows, and once more what is above.
    private static func checkConstraints(_ chain: [KnownCertificate]) async throws(Refused) {
        // A certificate that is believed itself has nobody above it that could constrain it.
        guard chain.count > 1 else { return }
        let authority = chain[chain.count - 1]
        var verifier = Verifier(rootCertificates: CertificateStore([authority.certificate])) {
            RFC5280Policy.withValidityCheckDisabled()
            CheckedElsewhere()
        }
        let between = CertificateStore(chain.dropFirst().dropLast().map(\.certificate))
        let result = await verifier.validate(leaf: chain[0].certificate, intermediates: between)
        guard case .couldNotValidate(let failures) = result else { return }
        guard let failure = failures.first else {
            throw Refused("\(chain[0].name) or one of its issuers has a critical extension that is not known here")
        }
        let reason = failure.policyFailureReason.description.harmless.prefix(300)
        let head = "RFC5280Policy: "
        throw Refused(
            "the chain of \(chain[0].name) breaks a constraint: "
                + (reason.hasPrefix(head) ? reason.dropFirst(head.count) : reason))
    }

    /// Critical extensions that `checkUsage` and `IdentityMatch` look at.
    private struct CheckedElsewhere: VerifierPolicy {
        let verifyingCriticalExtensions: [ASN1ObjectIdentifier] = [
            .X509ExtensionID.extendedKeyUsage, .X509ExtensionID.subjectAlternativeName,
        ]

        func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) -> PolicyEvaluationResult { .meetsPolicy }
    }
}
