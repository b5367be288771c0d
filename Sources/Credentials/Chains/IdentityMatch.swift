internal import ControlPlane
internal import SwiftASN1
internal import X509

/// Whether a certificate vouches for an identification (RFC 7296 §3.5, RFC 4945 §3.1).
enum IdentityMatch {
    static func check(_ identification: IdentificationPayload, by known: KnownCertificate) throws(Refused) {
        let names: SubjectAlternativeNames
        do {
            names = try known.certificate.extensions.subjectAlternativeNames ?? SubjectAlternativeNames()
        } catch {
            throw Refused("the subjectAltName of \(known.name) cannot be read")
        }
        guard isVouchedFor(identification, by: names, subject: known.subject) else {
            let listed = names.compactMap(\.words)
            throw Refused(
                "\(known.name) does not vouch for that identification, only for "
                    + (["its subject"] + listed.prefix(8)).joined(separator: ", "))
        }
    }

    /// Names in the subject's CN count for nothing, and neither do wildcards (RFC 4945 §3.1.2).
    private static func isVouchedFor(
        _ identification: IdentificationPayload, by names: SubjectAlternativeNames, subject: DistinguishedName
    ) -> Bool {
        switch identification.type {
        case .fqdn:
            return names.contains {
                if case .dnsName(let name) = $0 { folded(name.utf8) == folded(identification.data) } else { false }
            }
        case .rfc822Address:
            return names.contains {
                if case .rfc822Name(let name) = $0 {
                    mailbox(Array(name.utf8)) == mailbox(identification.data)
                } else {
                    false
                }
            }
        case .ipv4Address, .ipv6Address:
            return names.contains {
                if case .ipAddress(let address) = $0 { Array(address.bytes) == identification.data } else { false }
            }
        case .derASN1DN:
            guard let node = try? DER.parse(identification.data), let name = try? DistinguishedName(derEncoded: node),
                !name.isEmpty
            else {
                return false
            }
            return name == subject || comparable(name) == comparable(subject)
        // ID_KEY_ID and the rest are nothing that a certificate could vouch for.
        default: return false
        }
    }

    private static func folded(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        bytes.map { (65...90).contains($0) ? $0 + 32 : $0 }
    }

    /// The case of the local part is its host's business, that of the domain nobody's (RFC 5280 §7.5).
    private static func mailbox(_ bytes: [UInt8]) -> [UInt8] {
        guard let at = bytes.lastIndex(of: UInt8(ascii: "@")) else { return bytes }
        return bytes[..<at] + folded(bytes[at...])
    }

    /// Names whose values are the same text in different string types are the same (RFC 5280 §7.1); their case counts here.
    private static func comparable(_ name: DistinguishedName) -> [Set<String>] {
        name.map { relative in Set(relative.map { "\($0.type)=\(String($0.value) ?? "\($0.value)")" }) }
    }
}

extension GeneralName {
    fileprivate var words: String? {
        switch self {
        case .dnsName(let name), .rfc822Name(let name): String(name.harmless.prefix(100)).debugDescription
        case .ipAddress(let address):
            address.bytes.count == 4
                ? address.bytes.map(String.init).joined(separator: ".") : "an address of \(address.bytes.count) bytes"
        default: nil
        }
    }
}
