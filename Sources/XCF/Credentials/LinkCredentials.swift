public import Associations
internal import ControlPlane
internal import Crypto
internal import Foundation
internal import SwiftASN1
internal import X509

/// What a member shows and whom it believes: `ca.pem`, `NAME.pem` (leaf first) and `NAME.key` of one directory, checked
/// before anything uses them.
public struct LinkCredentials: Sendable {
    public let name: String
    /// Those whose certificates are believed.
    let authorities: [Certificate]
    /// Leaf first.
    let chain: [Certificate]
    /// PEM.
    let key: SecretBytes

    /// Reads and checks the files of a node. `seconds`: of the time to check for, since 1970; nil for now.
    public init(directory: String, node: String, at seconds: Int64? = nil) throws(LinkCredentialFault) {
        let files = LinkFiles(directory: directory)
        let authorities = try Self.certificates(files, LinkFiles.authority)
        let chain = try Self.certificates(files, LinkFiles.certificate(of: node))
        let keyPath = files.path(LinkFiles.key(of: node))
        let file = try files.read(LinkFiles.key(of: node))
        guard file.permissions & 0o077 == 0 else {
            throw LinkCredentialFault(
                path: keyPath,
                problem: "mode 0\(String(file.permissions, radix: 8)) lets others than its owner read it",
                remedy: "Run: chmod 600 \(keyPath)")
        }
        guard let text = String(validating: file.bytes, as: UTF8.self),
            let key = try? Certificate.PrivateKey(pemEncoded: text)
        else {
            throw LinkCredentialFault(
                path: keyPath, problem: "it is no private key in PEM, or it is encrypted",
                remedy: "Make it by viaduct cluster init --add, or convert it by openssl pkey.")
        }
        let certificatePath = files.path(LinkFiles.certificate(of: node))
        let leaf = chain[0]
        guard key.publicKey == leaf.publicKey else {
            throw LinkCredentialFault(
                path: keyPath, problem: "it is not the key of \(certificatePath)",
                remedy: "Put the two files that were made together there.")
        }
        guard leaf.memberNames.contains(node) else {
            let names = leaf.memberNames.joined(separator: ", ")
            throw LinkCredentialFault(
                path: certificatePath,
                problem: "it is the certificate of \(names.isEmpty ? "no DNS name" : names), not of \(node)",
                remedy: "Make one with subjectAltName DNS:\(node), by viaduct cluster init --add for instance.")
        }
        let now = seconds.map { Date(timeIntervalSince1970: TimeInterval($0)) } ?? Date()
        for (certificate, path) in [(leaf, certificatePath), (authorities[0], files.path(LinkFiles.authority))] {
            guard certificate.isValid(at: now) else {
                throw LinkCredentialFault(
                    path: path,
                    problem: certificate.notValidAfter < now
                        ? "it expired on \(day(certificate.notValidAfter))"
                        : "it is not valid before \(day(certificate.notValidBefore))",
                    remedy: certificate.notValidAfter < now
                        ? "Make a new one: remove it, and run viaduct cluster init --add." : "Is the clock right?")
            }
        }
        let isSigned = authorities.contains {
            $0.subject == leaf.issuer && $0.publicKey.isValidSignature(leaf.signature, for: leaf)
        }
        guard isSigned || chain.count > 1 else {
            throw LinkCredentialFault(
                path: certificatePath, problem: "it does not come from \(files.path(LinkFiles.authority))",
                remedy: "Put the authority there that signed it, or have this one sign a new certificate.")
        }
        self.init(name: node, authorities: authorities, chain: chain, key: SecretBytes(file.bytes))
    }

    init(name: String, authorities: [Certificate], chain: [Certificate], key: SecretBytes) {
        self.name = name
        self.authorities = authorities
        self.chain = chain
        self.key = key
    }

    private static func certificates(
        _ files: LinkFiles, _ name: String
    ) throws(LinkCredentialFault) -> [Certificate] {
        let file = try files.read(name)
        guard let text = String(validating: file.bytes, as: UTF8.self),
            let documents = try? PEMDocument.parseMultiple(pemString: text),
            let certificates = try? documents.map({ try Certificate(pemDocument: $0) }), !certificates.isEmpty
        else {
            throw LinkCredentialFault(
                path: files.path(name), problem: "it holds no certificate in PEM, or something else besides",
                remedy: "It has to hold \"-----BEGIN CERTIFICATE-----\".")
        }
        return certificates
    }
}

/// What is wrong with one of the link's files, and what to do about it.
public struct LinkCredentialFault: Error, Hashable, Sendable, CustomStringConvertible {
    public var path: String
    /// Without a full stop.
    public var problem: String
    /// A sentence.
    public var remedy: String

    public var description: String { "\(path): \(problem). \(remedy)" }
}

extension Certificate {
    /// DNS names of its subjectAltName: a member's is its node's name.
    var memberNames: [String] {
        guard let names = try? extensions.subjectAlternativeNames else { return [] }
        return names.compactMap { name in
            guard case .dnsName(let name) = name else { return nil }
            return name
        }
    }

    func isValid(at now: Date) -> Bool { notValidBefore <= now && now <= notValidAfter }
}

/// `2027-01-15`, UTC.
func day(_ date: Date) -> String { date.formatted(.iso8601.year().month().day()) }
