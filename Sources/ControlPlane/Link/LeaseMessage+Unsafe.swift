/// The same form in an array of its own, for sockets and tests.
extension LeaseMessage {
    /// nil when `bytes` is not a lease message, see `init(reading:)`.
    public init?(_ bytes: [UInt8]) {
        // The span lives as long as the array it borrows; `init(reading:)` keeps nothing of it.
        unsafe self.init(reading: bytes.span.bytes)
    }

    public var bytes: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.byteCount)
        var span = bytes.mutableSpan
        // Bytes have no invalid pattern; the raw view ends before the array is returned.
        var raw = unsafe span.mutableBytes
        write(to: &raw)
        return bytes
    }
}
