internal import Wire

extension Entry {
    /// An FQDN, user@fqdn or an IP address (RFC 7296 §3.5); where `orWildcard` is set also `*.` before an FQDN.
    func identity(orWildcard: Bool = false) throws(ConfigurationFailure) -> String {
        let wanted = "an FQDN, user@fqdn or an IP address" + (orWildcard ? ", or *.example," : "")
        guard let text = try scalar(), !text.isEmpty else { throw failure(wanted: wanted) }
        if text.contains("=") {
            throw failure(
                "\(name) is \(quoted(text)), a distinguished name, which is not supported",
                remedy: "Write a name that the certificate has as a subjectAltName.")
        }
        if orWildcard, ["*", "%any", "any"].contains(text) {
            throw failure(
                "\(name) is \(quoted(text)); \(wanted) is wanted",
                remedy: "Remove \(name): without it any that authenticates is taken.")
        }
        let name = orWildcard && text.hasPrefix("*.") ? text.dropFirst(2) : text[...]
        guard IPAddress(text) != nil || Self.isFQDN(name) || Self.isMailbox(text) else { throw failure(wanted: wanted) }
        return text
    }

    /// RFC 1123 §2.1, with the underscores that are found in the field. The last label is not a number, so that no
    /// mistyped address is a name.
    private static func isFQDN(_ text: Substring) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        return text.utf8.count <= 253
            && labels.allSatisfy { label in
                (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                    && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) }
            } && labels.last?.allSatisfy(\.isNumber) == false
    }

    private static func isMailbox(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        return parts.count == 2 && (1...64).contains(parts[0].utf8.count)
            && parts[0].utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "*") } && isFQDN(parts[1])
    }
}
