internal import ControlPlane
internal import SwiftASN1
internal import X509

extension RevocationList {
    private struct Fault: Error { var words: String }

    /// All of a source.
    static func read(_ source: CredentialSource) throws(CredentialFault) -> [RevocationList] {
        var lists: [RevocationList] = []
        for der in try source.documents("X509 CRL") {
            do {
                lists.append(try RevocationList(der, source: source.name))
            } catch let fault as Fault {
                throw CredentialFault(
                    source: source.name, problem: fault.words,
                    remedy: "have the authority make a complete list of its own")
            } catch {
                throw CredentialFault(
                    source: source.name, problem: "it is no revocation list that can be read",
                    remedy: "see what openssl crl -text says of it")
            }
        }
        return lists
    }

    /// CertificateList and TBSCertList (RFC 5280 §5.1).
    private init(_ der: [UInt8], source: String) throws {
        guard let whole = try DER.parse(der).children, whole.count == 3, let fields = whole[0].children else {
            throw ASN1Error.invalidASN1Object(reason: "CertificateList")
        }
        var rest = fields[...]
        func next(_ identifier: ASN1Identifier) -> ASN1Node? {
            rest.first?.identifier == identifier ? rest.removeFirst() : nil
        }
        func time() throws -> Int64? {
            if let node = next(.utcTime) { return try UTCTime(derEncoded: node).sinceEpoch }
            if let node = next(.generalizedTime) { return try GeneralizedTime(derEncoded: node).sinceEpoch }
            return nil
        }
        if let version = next(.integer), try Int(derEncoded: version) != 1 {
            throw Fault(words: "it is not of version 2")
        }
        guard let inner = next(.sequence), inner.encodedBytes == whole[1].encodedBytes, let name = next(.sequence)
        else {
            throw ASN1Error.invalidASN1Object(reason: "TBSCertList")
        }
        guard let scheme = SignatureScheme(algorithmIdentifier: Array(inner.encodedBytes)) else {
            throw Fault(words: "it is signed in a way that is not taken")
        }
        guard let begin = try time() else { throw ASN1Error.invalidASN1Object(reason: "thisUpdate") }
        guard let end = try time(), begin <= end else { throw Fault(words: "it does not say until when it holds") }
        self.source = source
        self.scheme = scheme
        issuer = try DistinguishedName(derEncoded: name)
        (thisUpdate, nextUpdate) = (begin, end)
        var serialNumbers: Set<ArraySlice<UInt8>> = []
        for entry in next(.sequence)?.children ?? [] {
            guard let parts = entry.children, parts.count >= 2, parts[0].identifier == .integer,
                case .primitive(let number) = parts[0].content
            else { throw ASN1Error.invalidASN1Object(reason: "revokedCertificates") }
            if parts.count > 2 { try Self.refuseCritical(parts[2]) }
            serialNumbers.insert(number)
        }
        self.serialNumbers = serialNumbers
        if let extensions = next(ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific))?.children?.first {
            try Self.refuseCritical(extensions)
        }
        guard rest.isEmpty else { throw ASN1Error.invalidASN1Object(reason: "TBSCertList") }
        signed = Array(whole[0].encodedBytes)
        signature = Array(try ASN1BitString(derEncoded: whole[2]).bytes)
    }

    /// Critical are those that make a list incomplete or somebody else's: deltas, partitions, indirect lists.
    private static func refuseCritical(_ extensions: ASN1Node) throws {
        for node in extensions.children ?? [] {
            if try Certificate.Extension(derEncoded: node).critical {
                throw Fault(words: "it is a delta, a part, or an indirect list")
            }
        }
    }
}

extension UTCTime {
    fileprivate var sinceEpoch: Int64 { Day.seconds(year, month, day) + Int64(hours * 3600 + minutes * 60 + seconds) }
}

extension GeneralizedTime {
    fileprivate var sinceEpoch: Int64 { Day.seconds(year, month, day) + Int64(hours * 3600 + minutes * 60 + seconds) }
}
