internal import Glibc

/// A Unix socket for whoever may administer this node: one line in, one answer out, and the connection is closed. Only the
/// owner of the process can connect (mode 0600).
public final class CommandSocket: Sendable {
    /// Bytes of a question, and what an answer is read by.
    private static let limit = 4096
    /// Milliseconds that a client has to ask, or to read.
    public static let patience: Int32 = 2000

    private let thread: ServiceThread
    private let path: String

    /// Replaces a socket that a process before left behind. `answer` is called on a thread of its own.
    public init(path: String, answer: @escaping @Sendable (String) -> String) throws(SystemError) {
        self.path = path
        // Reads the string for the call only, as below.
        unsafe _ = unlink(path)
        let listener = try Self.socket(path)
        // A client that is gone again must not keep the thread from its end.
        _ = fcntl(listener, F_SETFL, O_NONBLOCK)
        // So that there is no moment at which others may connect.
        let mask = umask(0o177)
        // The address is valid for the call.
        let bound = try unsafe Self.withAddress(path) { address, length in unsafe bind(listener, address, length) }
        umask(mask)
        guard bound == 0, listen(listener, 8) == 0 else {
            let error = SystemError.last("bind", path)
            close(listener)
            throw error
        }
        thread = try ServiceThread(name: "commands") { context in
            while !context.isStopping {
                context.pause([listener], nanoseconds: nil)
                // The peer's address is not asked for.
                let client = accept(listener, nil, nil)
                guard client >= 0 else { continue }
                _ = fcntl(client, F_SETFD, FD_CLOEXEC)
                if let question = Self.readLine(client) { Self.write(answer(question) + "\n", to: client) }
                close(client)
            }
            close(listener)
        }
    }

    public func stop() {
        thread.stop()
        unsafe _ = unlink(path)
    }

    /// Asks the node whose socket this is; its answer, without the newline at its end. `milliseconds`: how long it may take to
    /// answer; then what has come so far.
    public static func ask(
        _ question: String, path: String, milliseconds: Int32 = patience
    ) throws(SystemError) -> String {
        let client = try socket(path)
        defer { close(client) }
        // The address is valid for the call.
        let connected = try unsafe withAddress(path) { address, length in unsafe connect(client, address, length) }
        guard connected == 0 else { throw SystemError.last("connect", path) }
        write(question + "\n", to: client)
        shutdown(client, Int32(SHUT_WR))
        var answer: [UInt8] = []
        while let piece = read(client, milliseconds: milliseconds) { answer += piece }
        return String(decoding: answer.last == 10 ? answer.dropLast() : answer[...], as: UTF8.self)
    }

    private static func socket(_ path: String) throws(SystemError) -> Int32 {
        let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        guard descriptor >= 0 else { throw SystemError.last("socket", path) }
        return descriptor
    }

    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(SystemError) -> Int32 {
        var address = sockaddr_un()
        let room = MemoryLayout.size(ofValue: address.sun_path)
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < room else { throw SystemError("bind", path, code: ENAMETOOLONG) }
        address.sun_family = sa_family_t(AF_UNIX)
        // The path and the zero behind it fit, as was just asked; the structure is all zeros before.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        // sockaddr_un is what the kernel expects behind a sockaddr of this family, with this length.
        return unsafe withUnsafeBytes(of: address) {
            unsafe body($0.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t($0.count))
        }
    }

    /// What comes next; nil at the end, and when nothing comes in time.
    private static func read(_ descriptor: Int32, milliseconds: Int32 = patience) -> [UInt8]? {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // One entry, and an array of the length given.
        guard unsafe poll(&entry, 1, milliseconds) == 1 else { return nil }
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
        return count > 0 ? Array(buffer[..<count]) : nil
    }

    private static func readLine(_ descriptor: Int32) -> String? {
        var line: [UInt8] = []
        while line.count <= limit {
            guard let piece = read(descriptor) else { return nil }
            line += piece
            if let end = line.firstIndex(of: 10) { return String(decoding: line[..<end], as: UTF8.self) }
        }
        return nil
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            // As many bytes as the slice has; no signal when the reader is gone.
            let count = unsafe rest.withUnsafeBytes {
                unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
