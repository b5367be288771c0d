internal import Crypto
internal import Foundation
internal import SwiftASN1
internal import X509

/// A small certificate authority for the link of one cluster: one key on P-256, one certificate for each member.
struct LinkAuthority {
    static let days = 3650
    static let memberDays = 1825
    /// Clocks of members differ a little.
    private static let early: TimeInterval = 3600
    private static let day: TimeInterval = 86_400

    let certificate: Certificate
    let key: Certificate.PrivateKey

    init(certificate: Certificate, key: Certificate.PrivateKey) {
        self.certificate = certificate
        self.key = key
    }

    /// `cluster` is part of its name, for people.
    init(cluster: String, now: Date, days: Int = Self.days) throws {
        key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let name = try DistinguishedName {
            OrganizationName("viaduct")
            CommonName("\(cluster.prefix(40)) link CA")
        }
        let identifier = SubjectKeyIdentifier(hash: key.publicKey)
        certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
            notValidBefore: now - Self.early, notValidAfter: now + Double(days) * Self.day, issuer: name, subject: name,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                identifier
            },
            issuerPrivateKey: key)
    }

    /// For a member, both as a client and as a server: its name is a DNS name of subjectAltName (RFC 5280 §4.2.1.6).
    func issue(_ node: String, now: Date, days: Int = Self.memberDays) throws -> (
        certificate: Certificate, key: Certificate.PrivateKey
    ) {
        let member = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let end = min(now + Double(days) * Self.day, certificate.notValidAfter)
        let issued = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: member.publicKey,
            notValidBefore: min(now - Self.early, end - Self.early), notValidAfter: end, issuer: certificate.subject,
            subject: DistinguishedName {
                OrganizationName("viaduct")
                CommonName(node)
            },
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames([.dnsName(node)])
                SubjectKeyIdentifier(hash: member.publicKey)
                AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: key.publicKey).keyIdentifier)
            },
            issuerPrivateKey: key)
        return (issued, member)
    }
}
