internal import ControlPlane
internal import X509

/// A CRL (RFC 5280 §5) that can be read: complete, direct, for all kinds of certificates and reasons. Whether it is its
/// issuer's, `isSigned` says.
struct RevocationList: Sendable {
    /// For messages.
    let source: String
    let issuer: DistinguishedName
    /// Seconds since 1970.
    let thisUpdate, nextUpdate: Int64
    /// As INTEGERs stand in DER.
    let serialNumbers: Set<ArraySlice<UInt8>>
    let signed: [UInt8]
    let scheme: SignatureScheme
    let signature: [UInt8]

    func isSigned(by authority: KnownCertificate) -> Bool {
        guard let key = try? VerifyingKey(publicKeyInfo: authority.publicKeyInfo) else { return false }
        return key.isSignature(signature, of: signed, by: scheme)
    }

    func isCurrent(at now: Int64) -> Bool { (thisUpdate...nextUpdate).contains(now) }
}

extension Trust {
    /// Throws for a chain with a revoked certificate, or without the lists that are required. Returns until when that
    /// holds, in seconds since 1970.
    func checkRevocation(of chain: [KnownCertificate], at now: Int64) throws(Refused) -> Int64 {
        guard revocation != .ignore else { return .max }
        var end = Int64.max
        // From the top: what a revoked authority says of others is worth nothing.
        for (link, authority) in zip(chain, chain.dropFirst()).reversed() {
            let found = lists.filter { $0.issuer == authority.subject && $0.isSigned(by: authority) }
            let serial = link.certificate.serialNumber.bytes
            // Whoever signs certificates is only asked to sign lists where it says that it does not.
            let mayList = ((try? authority.certificate.extensions.keyUsage) ?? nil)?.cRLSign ?? true
            if mayList, found.contains(where: { $0.serialNumbers.contains(serial) }) {
                throw Refused("\(link.name) was revoked by \(authority.name)")
            }
            guard revocation == .require else { continue }
            guard mayList, let newest = found.map(\.nextUpdate).max() else {
                throw Refused("there is no revocation list of \(authority.name), and one is required")
            }
            guard let current = found.filter({ $0.isCurrent(at: now) }).map(\.nextUpdate).max() else {
                throw Refused(
                    newest < now
                        ? "the revocation list of \(authority.name) expired \(Day.words(newest))"
                        : "the revocation list of \(authority.name) is not valid yet")
            }
            end = min(end, current)
        }
        return end
    }
}
