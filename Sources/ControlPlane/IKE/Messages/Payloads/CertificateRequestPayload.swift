internal import Wire

/// Which certificates the sender would believe (RFC 7296 §3.7).
///
/// ```
///  +---------------+-----------------------------------------------+
///  | Cert Encoding |          Certification Authority ...          |
///  +---------------+-----------------------------------------------+
/// ```
public struct CertificateRequestPayload: Hashable, Sendable {
    /// Bytes of a SHA-1 hash.
    static let hashByteCount = 20

    public var encoding: CertificateEncoding
    public var authority: [UInt8]

    public init(_ encoding: CertificateEncoding, authority: [UInt8]) {
        self.encoding = encoding
        self.authority = authority
    }

    public init(reading body: RawSpan) throws(IKEMessageFault) {
        guard body.byteCount >= 1 else { throw .truncatedPayload(.certificateRequest) }
        encoding = CertificateEncoding(rawValue: body.byte(at: 0))
        authority = body.bytes(from: 1)
    }

    public func write(to bytes: inout [UInt8]) {
        bytes.append(encoding.rawValue)
        bytes += authority
    }

    /// The SHA-1 hashes of the authorities' SubjectPublicKeyInfo, which X.509 requests consist of; nil when it is not such
    /// a request, or its length no multiple of 20. A wrong hint is no reason to refuse a message (RFC 7296 §3.7).
    public var keyHashes: [[UInt8]]? {
        guard [.x509Signature, .hashAndURL, .hashAndURLOfBundle].contains(encoding),
            authority.count % Self.hashByteCount == 0
        else { return nil }
        return stride(from: 0, to: authority.count, by: Self.hashByteCount).map {
            Array(authority[$0..<$0 + Self.hashByteCount])
        }
    }
}
