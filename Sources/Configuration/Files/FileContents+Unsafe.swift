internal import Glibc

extension FileContents {
    /// Of the file at `path` on this machine. Throws `.tooLong` once more than `byteLimit` bytes were read.
    init(path: String, byteLimit: Int) throws(FileFault) {
        // O_NONBLOCK: a named pipe must not keep us waiting for somebody to write into it.
        // `path` is passed as a NUL-terminated copy that lives as long as the call.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileFault(errno) }
        defer { close(descriptor) }

        var status = stat()
        // `status` is a whole `stat`, which is what fstat fills.
        guard unsafe fstat(descriptor, &status) == 0 else { throw FileFault(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        permissions = status.st_mode & 0o777

        bytes = []
        var block = [UInt8](repeating: 0, count: 65536)
        while bytes.count <= byteLimit {
            // The buffer is exactly `block`, alive during the call.
            let count = unsafe block.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw FileFault(errno) }
            if count == 0 { return }
            bytes += block[..<count]
        }
        throw .tooLong
    }

    /// The low nine bits of the mode; nil when the system does not tell them.
    static func permissions(path: String) -> UInt32? {
        var status = stat()
        // `path` is passed as a NUL-terminated copy that lives as long as the call, which fills the whole `stat`.
        return unsafe stat(path, &status) == 0 ? status.st_mode & 0o777 : nil
    }
}

extension FileFault {
    fileprivate init(_ error: Int32) {
        // strerror returns a NUL-terminated string that stays valid until its next call.
        let reason = unsafe String(cString: strerror(error))
        self = error == ENOENT ? .missing(reason) : .unreadable(reason)
    }
}
