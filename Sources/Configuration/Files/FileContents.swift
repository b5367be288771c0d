/// The bytes of a file and who may read them. Both are of the same open file, so that what is checked is what is read.
public struct FileContents: Sendable {
    public var bytes: [UInt8]
    /// The low nine bits of the mode.
    public var permissions: UInt32

    public init(bytes: [UInt8], permissions: UInt32) {
        self.bytes = bytes
        self.permissions = permissions
    }
}

/// Why a file gives no contents. The text is the system's.
public enum FileFault: Error, Hashable, Sendable {
    case missing(String)
    case unreadable(String)
    /// A directory, a device or a pipe.
    case notAFile
    case tooLong
}

/// How the files are read that a configuration names.
public struct FileReader: Sendable {
    /// `byteLimit`: a longer file is `.tooLong`.
    public var read: @Sendable (_ path: String, _ byteLimit: Int) throws(FileFault) -> FileContents
    /// The low nine bits of the mode; nil when they cannot be had.
    public var permissions: @Sendable (_ path: String) -> UInt32?

    public init(
        read: @escaping @Sendable (_ path: String, _ byteLimit: Int) throws(FileFault) -> FileContents,
        permissions: @escaping @Sendable (_ path: String) -> UInt32?
    ) {
        self.read = read
        self.permissions = permissions
    }

    /// Those of this machine.
    public static let disk = FileReader(
        read: { path, byteLimit throws(FileFault) in try FileContents(path: path, byteLimit: byteLimit) },
        permissions: { FileContents.permissions(path: $0) })
}

/// What to say of a file with keys that others than its owner can read; nil when they cannot.
func permissionsWarning(path: String, permissions: UInt32, holding what: String) -> String? {
    permissions & 0o077 == 0
        ? nil
        : "\(path): mode 0\(String(permissions, radix: 8)) lets others than its owner at the \(what) in it. "
            + "Run: chmod 600 \(path)"
}
