// `stat` is told to be of this module wherever a file of this one imports Foundation.
internal import CoreFoundation
internal import Foundation

extension LinkFiles {
    func read(_ name: String) throws(LinkCredentialFault) -> Contents {
        // O_NONBLOCK: a named pipe must not keep us waiting. The path is a terminated string for the length of the call.
        let descriptor = unsafe open(path(name), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw fault(name, "cannot be read", "Make it by viaduct cluster init, and let viaduct's user read it.")
        }
        defer { close(descriptor) }
        var status = stat()
        // `status` is a whole `stat`, which is what fstat fills.
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw LinkCredentialFault(path: path(name), problem: "it is not a file", remedy: "Put the file there.")
        }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65536)
        while bytes.count <= Self.byteLimit {
            // The buffer is exactly `block`, alive during the call.
            let count = unsafe block.withUnsafeMutableBytes {
                unsafe Foundation.read(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw fault(name, "cannot be read", "Let viaduct's user read it.") }
            if count == 0 { return Contents(bytes: bytes, permissions: status.st_mode & 0o777) }
            bytes += block[..<count]
        }
        throw LinkCredentialFault(
            path: path(name), problem: "it is longer than \(Self.byteLimit) bytes", remedy: "Put the right file there.")
    }

    /// Not as a link that leads somewhere, or nowhere.
    func exists(_ name: String) -> Bool {
        var status = stat()
        // The path is a terminated string for the length of the call, which fills the whole `stat`.
        return unsafe lstat(path(name), &status) == 0
    }

    /// Throws when there is a file of that name already: nothing is ever overwritten.
    func write(_ name: String, _ bytes: [UInt8], permissions: UInt32) throws(LinkCredentialFault) {
        // The path is a terminated string for the length of the call.
        let descriptor = unsafe open(path(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(permissions))
        guard descriptor >= 0 else {
            throw fault(name, "cannot be made", "Name a directory with --directory that can be written.")
        }
        defer { close(descriptor) }
        // Whatever the umask is.
        _ = fchmod(descriptor, mode_t(permissions))
        var count = 0
        while count < bytes.count {
            // At most the rest of the array, which is only read.
            let put = unsafe bytes.withUnsafeBytes {
                unsafe Foundation.write(descriptor, $0.baseAddress! + count, bytes.count - count)
            }
            if put < 0 && errno == EINTR { continue }
            guard put > 0 else { throw removed(name, fault(name, "cannot be written", "Make room for it.")) }
            count += put
        }
        guard fsync(descriptor) == 0 else { throw removed(name, fault(name, "cannot be written", "Make room for it.")) }
    }

    /// Makes the directory (mode 0700) when it is missing.
    func makeDirectory() throws(LinkCredentialFault) {
        // The path is a terminated string for the length of the call.
        guard unsafe mkdir(directory, 0o700) != 0, errno != EEXIST else { return }
        let reason = unsafe String(cString: strerror(errno))
        throw LinkCredentialFault(
            path: directory, problem: "the directory cannot be made: \(reason)",
            remedy: "Name one with --directory whose parent exists and can be written.")
    }

    /// Half a file is worse than none.
    private func removed(_ name: String, _ fault: LinkCredentialFault) -> LinkCredentialFault {
        // The path is a terminated string for the length of the call.
        _ = unsafe unlink(path(name))
        return fault
    }

    private func fault(_ name: String, _ what: String, _ remedy: String) -> LinkCredentialFault {
        // strerror returns a terminated string that stays valid until its next call.
        let reason = unsafe String(cString: strerror(errno))
        return LinkCredentialFault(path: path(name), problem: "\(what): \(reason)", remedy: remedy)
    }
}
