internal import Glibc

/// The bytes of a configuration file and who may read them. Both are of the same open file, so that what is checked is
/// what is read.
struct ConfigurationFile {
    /// A longer file is refused: thousands of SAs fit, a mistaken path is noticed before memory is.
    static let byteLimit = 4 << 20

    var bytes: [UInt8]
    /// The low nine bits of the mode.
    var permissions: UInt32

    init(path: String) throws(ConfigurationFailure) {
        // O_NONBLOCK: a named pipe must not keep us waiting for somebody to write into it.
        // `path` is passed as a NUL-terminated copy that lives as long as the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Self.unreadable(path, errno) }
        defer { close(descriptor) }

        var status = stat()
        // `status` is a whole `stat`, which is what fstat fills.
        guard unsafe fstat(descriptor, &status) == 0 else { throw Self.unreadable(path, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ConfigurationFailure(
                file: path, place: nil, problem: "this is not a file",
                remedy: "Name the YAML file itself with --config.")
        }
        permissions = status.st_mode & 0o777

        bytes = []
        var block = [UInt8](repeating: 0, count: 65536)
        while bytes.count <= Self.byteLimit {
            // The buffer is exactly `block`, alive during the call.
            let count = unsafe block.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw Self.unreadable(path, errno) }
            if count == 0 { return }
            bytes += block[..<count]
        }
        throw Self.tooLong(path)
    }

    static func tooLong(_ path: String) -> ConfigurationFailure {
        ConfigurationFailure(
            file: path, place: nil,
            problem: "the file is longer than \(byteLimit >> 20) MiB, which no configuration is",
            remedy: "Name the YAML file of the cluster with --config.")
    }

    private static func unreadable(_ path: String, _ error: Int32) -> ConfigurationFailure {
        // strerror returns a NUL-terminated string that stays valid until its next call.
        let reason = unsafe String(cString: strerror(error))
        let remedy =
            error == ENOENT
            ? "Name a file that exists with --config." : "Let the user who runs viaduct read the file."
        return ConfigurationFailure(
            file: path, place: nil, problem: "cannot be read: \(reason)", remedy: remedy)
    }
}
