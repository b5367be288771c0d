public import ControlPlane
internal import Synchronization

/// Says whether a peer's certificate is to be believed: what a session asks by `Session.Action.judge`.
///
/// Any thread may ask, several at once. A judgement costs a few signatures, or a hash when the same certificates were
/// judged before.
public final class CertificateJudge: Sendable {
    private let trust: Trust
    private let verified: Mutex<VerifiedChains>

    /// `maximumCachedChains` good chains are remembered, some kilobytes each.
    public init(_ trust: Trust, maximumCachedChains: Int = 1024) {
        self.trust = trust
        verified = Mutex(VerifiedChains(maximumCount: maximumCachedChains))
    }

    /// `now` in seconds since 1970.
    public func judge(_ peer: PeerCertificate, at now: Int64) async -> CertificateVerdict {
        do {
            let leaf = try await leaf(of: peer.certificates, at: now)
            try IdentityMatch.check(peer.identification, by: leaf)
            return .accepted(publicKeyInfo: leaf.publicKeyInfo)
        } catch {
            return .refused(error.description)
        }
    }

    var cachedChainCount: Int { verified.withLock { $0.count } }

    /// The peer's certificate, when the chain behind it is good.
    private func leaf(of certificates: [[UInt8]], at now: Int64) async throws(Refused) -> KnownCertificate {
        let key = Self.key(certificates)
        if let entry = verified.withLock({ $0[key] }), entry.validity.contains(now) { return entry.leaf }
        guard let own = certificates.first else { throw Refused("it shows no certificate") }
        let leaf: KnownCertificate
        do { leaf = try KnownCertificate(own) } catch { throw Refused("\(error)") }
        // One that cannot be read leads nowhere; the others may.
        let shown = certificates.dropFirst().prefix(PeerCertificate.maximumCount).compactMap {
            try? KnownCertificate($0)
        }
        var search = ChainSearch(authorities: trust.authorities, intermediates: shown + trust.intermediates)
        let chain = try search.chain(from: leaf)
        try await ChainRules.check(chain, at: now)
        let revocationEnd = try trust.checkRevocation(of: chain, at: now)
        let begin = chain.map(\.notBefore).max() ?? now
        let end = min(chain.map(\.notAfter).min() ?? now, revocationEnd)
        if begin <= end {
            let entry = VerifiedChains.Entry(leaf: leaf, validity: begin...end)
            verified.withLock { $0.insert(entry, for: key) }
        }
        return leaf
    }

    /// SHA-256 over all of them, each behind its length.
    private static func key(_ certificates: [[UInt8]]) -> [UInt8] {
        Digest.sha256(
            certificates.flatMap { der in
                (0..<8).map { UInt8(truncatingIfNeeded: der.count >> (8 * $0)) } + der
            })
    }
}
