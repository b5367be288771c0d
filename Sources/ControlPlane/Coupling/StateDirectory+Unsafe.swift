internal import Glibc

/// The files of one process in one directory, written so that they survive a crash at any moment.
///
/// A new text goes into a temporary file, which is flushed and then renamed over the old one, and the directory is
/// flushed, too: afterwards a reader finds the old text or the new one, whole.
public struct StateDirectory: Sendable {
    public let path: String

    /// Makes the directory (mode 0700) when it is missing.
    public init(path: String) throws(SystemError) {
        self.path = path
        // The path is a terminated string for the length of the call.
        if unsafe mkdir(path, 0o700) != 0 && errno != EEXIST { throw SystemError.last("mkdir", path) }
        _ = try open(".", O_RDONLY | O_DIRECTORY)
    }

    /// The whole file, nil when there is none. Longer ones than `limit` bytes are cut there.
    package func read(_ name: String, limit: Int) throws(SystemError) -> [UInt8]? {
        let file: OpenFile
        do { file = try open(name, O_RDONLY) } catch  where error.code == ENOENT { return nil }
        var bytes = [UInt8](repeating: 0, count: limit)
        var count = 0
        while count < limit {
            // At most the rest of the array, which does not move meanwhile.
            let got = unsafe bytes.withUnsafeMutableBytes {
                unsafe Glibc.read(file.descriptor, $0.baseAddress! + count, limit - count)
            }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw SystemError.last("read", place(name)) }
            if got == 0 { break }
            count += got
        }
        return Array(bytes[..<count])
    }

    /// Replaces the file (mode 0600); when it throws the old text or the new one is there.
    package func replace(_ name: String, with bytes: [UInt8]) throws(SystemError) {
        let temporary = name + ".new"
        let file = try open(temporary, O_WRONLY | O_CREAT | O_TRUNC)
        var count = 0
        while count < bytes.count {
            // At most the rest of the array, which is only read.
            let put = unsafe bytes.withUnsafeBytes {
                unsafe write(file.descriptor, $0.baseAddress! + count, bytes.count - count)
            }
            if put < 0 && errno == EINTR { continue }
            guard put >= 0 else { throw SystemError.last("write", place(temporary)) }
            count += put
        }
        guard fsync(file.descriptor) == 0 else { throw SystemError.last("fsync", place(temporary)) }
        // Both paths are terminated strings for the length of the call.
        guard unsafe rename(place(temporary), place(name)) == 0 else { throw SystemError.last("rename", place(name)) }
        try flush()
    }

    /// Takes the lock file for this process, or nil when another holder has it. It is held as long as the file is open.
    package func lock(_ name: String) throws(SystemError) -> OpenFile? {
        let file = try open(name, O_RDWR | O_CREAT)
        guard flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 else {
            if errno == EWOULDBLOCK { return nil }
            throw SystemError.last("flock", place(name))
        }
        return file
    }

    /// Makes what was renamed durable.
    private func flush() throws(SystemError) {
        let directory = try open(".", O_RDONLY | O_DIRECTORY)
        guard fsync(directory.descriptor) == 0 else { throw SystemError.last("fsync", path) }
    }

    package func place(_ name: String) -> String { path + "/" + name }

    private func open(_ name: String, _ flags: Int32) throws(SystemError) -> OpenFile {
        // The path is a terminated string for the length of the call.
        let descriptor = unsafe Glibc.open(place(name), flags | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemError.last("open", place(name)) }
        return OpenFile(descriptor: descriptor)
    }
}

/// A file that is closed with its last owner.
package final class OpenFile: Sendable {
    let descriptor: Int32
    init(descriptor: Int32) { self.descriptor = descriptor }
    deinit {
        // A process that another thread is just starting has the file open, too, until its exec: closing alone would
        // leave a lock standing for that long. Without a lock this does nothing.
        _ = flock(descriptor, LOCK_UN)
        close(descriptor)
    }
}
