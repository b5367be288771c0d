/// Between spans and arrays. Everything else in this folder reads spans, checked, and appends to arrays.
extension RawSpan {
    /// A copy of the bytes from `start` on. Traps when `start` lies outside the span.
    func bytes(from start: Int) -> [UInt8] { bytes(in: start..<byteCount) }

    /// A copy of the bytes in `range`. Traps when it does not lie inside the span.
    func bytes(in range: Range<Int>) -> [UInt8] {
        // `extracting` checked the range; the pointer does not outlive the closure, which copies.
        unsafe extracting(range).withUnsafeBytes { unsafe [UInt8]($0) }
    }
}

extension IKEHeader {
    /// nil when `bytes` is shorter than a header.
    public init?(_ bytes: [UInt8]) {
        // The span lives as long as the array it borrows, and nothing of it is kept.
        unsafe self.init(reading: bytes.span.bytes)
    }
}

extension IKEMessage {
    /// The message that is exactly `bytes`.
    public init(_ bytes: [UInt8]) throws(IKEMessageFault) {
        // As above.
        try unsafe self.init(reading: bytes.span.bytes)
    }
}

extension IKEPayload {
    /// The payloads that were inside an encrypted one; see `innerChain(_:reading:)`.
    public static func innerChain(_ first: PayloadType, _ bytes: [UInt8]) throws(IKEMessageFault) -> [IKEPayload] {
        // As above.
        try unsafe innerChain(first, reading: bytes.span.bytes)
    }
}
