internal import Foundation
internal import NIOCore
internal import NIOSSL
internal import SwiftASN1
internal import X509

/// Says of the certificates that the other end of a connection shows whether they are a member's, and if not, why not.
struct MemberJudge: Sendable {
    /// What the other end does; a certificate may be for one use only (RFC 5280 §4.2.1.12).
    enum Use: Sendable { case client, server }

    let authorities: [Certificate]
    /// Names of which the certificate must bear one.
    let expected: Set<String>
    let use: Use

    func judge(_ shown: [Certificate], at now: Date = Date()) async throws(LinkFault) {
        guard let leaf = shown.first else { throw .noCertificate }
        guard leaf.isValid(at: now) else { throw .certificateExpired }
        var verifier = Verifier(rootCertificates: CertificateStore(authorities)) { RFC5280Policy() }
        let result: CertificateValidationResult = await verifier.validate(
            leaf: leaf, intermediates: CertificateStore(shown.dropFirst()))
        guard case .validCertificate = result, isForThisUse(leaf) else { throw .foreignAuthority }
        guard !expected.isDisjoint(with: leaf.memberNames) else { throw .notAMember }
    }

    /// A certificate that names no use is for all.
    private func isForThisUse(_ certificate: Certificate) -> Bool {
        guard let uses = try? certificate.extensions.extendedKeyUsage else { return true }
        return uses.contains { $0 == .any || $0 == (use == .client ? .clientAuth : .serverAuth) }
    }

    /// What the TLS handshake asks. `refused` is called before the handshake hears of it.
    func callback(
        refused: @escaping @Sendable (LinkFault, [String]) -> Void
    ) -> @Sendable ([NIOSSLCertificate], EventLoopPromise<NIOSSLVerificationResultWithMetadata>) -> Void {
        { shown, promise in
            promise.completeWithTask {
                let certificates = shown.compactMap { shown in
                    (try? shown.toDERBytes()).flatMap { try? Certificate(derEncoded: $0) }
                }
                do throws(LinkFault) {
                    guard certificates.count == shown.count else { throw .foreignAuthority }
                    try await judge(certificates)
                    // The names that RPCs ask for are those of the leaf that was just judged.
                    return .certificateVerified(VerificationMetadata(NIOSSL.ValidatedCertificateChain(shown)))
                } catch {
                    refused(error, certificates.first?.memberNames ?? [])
                    return .failed
                }
            }
        }
    }
}
