internal import ControlPlane
internal import Foundation
internal import SwiftASN1
internal import X509

/// A certificate that can be read and whose key is one that we use. Nothing of it is believed yet.
struct KnownCertificate: Sendable {
    let der: [UInt8]
    let certificate: Certificate
    /// DER as it stands in the certificate.
    let publicKeyInfo: [UInt8]
    /// DER of the signature's AlgorithmIdentifier.
    let signatureAlgorithm: [UInt8]

    struct Unreadable: Error, CustomStringConvertible { var description: String }

    init(_ der: [UInt8]) throws(Unreadable) {
        let parts = try Self.parts(der)
        do {
            _ = try VerifyingKey(publicKeyInfo: parts.publicKeyInfo)
        } catch {
            throw Unreadable(description: "\(error)")
        }
        guard SignatureScheme(algorithmIdentifier: parts.signatureAlgorithm)?.family != .rsaPSS else {
            throw Unreadable(description: "it is signed with RSA-PSS, which is not taken in certificates")
        }
        do {
            certificate = try Certificate(derEncoded: der)
        } catch {
            throw Unreadable(description: "it is no X.509 certificate that can be read")
        }
        self.der = der
        publicKeyInfo = parts.publicKeyInfo
        signatureAlgorithm = parts.signatureAlgorithm
    }

    var subject: DistinguishedName { certificate.subject }
    var issuer: DistinguishedName { certificate.issuer }
    var isSelfIssued: Bool { subject == issuer }
    /// Seconds since 1970.
    var notBefore: Int64 { Int64(certificate.notValidBefore.timeIntervalSince1970) }
    /// Seconds since 1970, still valid in this second.
    var notAfter: Int64 { Int64(certificate.notValidAfter.timeIntervalSince1970) }
    /// For messages.
    var name: String { subject.words }

    /// TBSCertificate's seventh field and Certificate's second (RFC 5280 §4.1).
    private static func parts(
        _ der: [UInt8]
    ) throws(Unreadable) -> (publicKeyInfo: [UInt8], signatureAlgorithm: [UInt8]) {
        guard let root = try? DER.parse(der), let whole = root.children, whole.count == 3,
            var fields = whole[0].children, let first = fields.first
        else { throw Unreadable(description: "it is no X.509 certificate") }
        if first.identifier == ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific) { fields.removeFirst() }
        guard fields.count >= 6 else { throw Unreadable(description: "it is no X.509 certificate") }
        return (Array(fields[5].encodedBytes), Array(whole[1].encodedBytes))
    }

    /// All of a source.
    static func read(_ source: CredentialSource) throws(CredentialFault) -> [KnownCertificate] {
        var known: [KnownCertificate] = []
        for der in try source.documents("CERTIFICATE") {
            do {
                known.append(try KnownCertificate(der))
            } catch {
                throw CredentialFault(
                    source: source.name, problem: "certificate \(known.count + 1): \(error)",
                    remedy: "use one that openssl x509 -text shows, with such a key")
            }
        }
        return known
    }
}

extension ASN1Node {
    /// nil of a primitive one.
    var children: [ASN1Node]? {
        guard case .constructed(let nodes) = content else { return nil }
        return Array(nodes)
    }
}

extension DistinguishedName {
    /// At most 200 characters for a log, none of which can do harm there.
    var words: String { isEmpty ? "a certificate without a subject" : String(description.harmless.prefix(200)) }
}

extension String {
    /// With what is no printing character written as its number.
    var harmless: String {
        unicodeScalars.map { scalar in
            scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
                ? "\\u{\(String(scalar.value, radix: 16))}" : String(scalar)
        }.joined()
    }
}
