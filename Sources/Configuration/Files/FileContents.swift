/// The bytes of a file and who may read them. Both are of the same open file, so that what is checked is what is read.
public struct FileContents: Sendable {
    public var bytes: [UInt8]
    /// The low nine bits of the mode.
    public var permissions: UInt32

    public init(bytes: [UInt8], permissions: UInt32) {
        self.bytes = bytes
        self.permissions = permissions
    }

    /// Whether only its owner gets at it.
    var isPrivate: Bool { permissions & 0o077 == 0 }

    /// For whoever keeps keys in a file that others can read. `path` is the file's.
    func permissionsWarning(path: String, holding what: String) -> String {
        "\(path): mode 0\(String(permissions, radix: 8)) lets others than its owner at the \(what) in it. "
            + "Run: chmod 600 \(path)"
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

    public init(_ read: @escaping @Sendable (_ path: String, _ byteLimit: Int) throws(FileFault) -> FileContents) {
        self.read = read
    }

    /// Those of this machine.
    public static let disk = FileReader { path, byteLimit throws(FileFault) in
        try FileContents(path: path, byteLimit: byteLimit)
    }
}
