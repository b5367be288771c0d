internal import Wire

/// A certificate, or something like one (RFC 7296 §3.6).
///
/// ```
///  +---------------+-----------------------------------------------+
///  | Cert Encoding |           Certificate Data ...                |
///  +---------------+-----------------------------------------------+
/// ```
public struct CertificatePayload: Hashable, Sendable {
    public var encoding: CertificateEncoding
    public var data: [UInt8]

    public init(_ encoding: CertificateEncoding, data: [UInt8]) {
        self.encoding = encoding
        self.data = data
    }

    public init(reading body: RawSpan) throws(IKEMessageFault) {
        guard body.byteCount >= 1 else { throw .truncatedPayload(.certificate) }
        encoding = CertificateEncoding(rawValue: body.byte(at: 0))
        data = body.bytes(from: 1)
    }

    public func write(to bytes: inout [UInt8]) {
        bytes.append(encoding.rawValue)
        bytes += data
    }
}
