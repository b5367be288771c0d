internal import CMachine

/// Key material. It is wiped when the last owner lets go, never printed, and compared by nobody.
///
/// `@unchecked Sendable`: the bytes are written once, in `init`, before anyone else can see them.
@safe public final class SecretBytes: @unchecked Sendable, CustomStringConvertible, CustomReflectable {
    private let storage: UnsafeMutableRawBufferPointer

    public init(_ bytes: some Collection<UInt8>) {
        // The buffer is ours alone until deinit; it is exactly as long as what is copied into it.
        unsafe storage = .allocate(byteCount: bytes.count, alignment: 16)
        unsafe storage.copyBytes(from: bytes)
    }

    deinit {
        if let base = unsafe storage.baseAddress { unsafe machine_wipe(base, storage.count) }
        unsafe storage.deallocate()
    }

    public var count: Int { unsafe storage.count }

    /// The bytes, valid inside `body` only: do not let the pointer escape.
    @unsafe
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        unsafe body(UnsafeRawBufferPointer(storage))
    }

    public var description: String { "secret, \(count) bytes" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
