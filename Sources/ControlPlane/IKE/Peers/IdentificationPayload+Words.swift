internal import Wire

extension IdentificationPayload {
    /// For people: bytes that could confuse a terminal are left out.
    var words: String {
        switch type {
        case .fqdn, .rfc822Address:
            String(decoding: data, as: UTF8.self).filter { $0.isASCII && !$0.isNewline && $0 >= " " && $0 != "\u{7F}" }
        case .ipv4Address: data.map(String.init).joined(separator: ".")
        default: "\(type) of \(data.count) bytes"
        }
    }
}
