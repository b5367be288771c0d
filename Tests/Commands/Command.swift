import Foundation

/// A program that ended with another status than 0, or could not be started.
public struct CommandFailed: Error, CustomStringConvertible {
    public let description: String
    public init(description: String) { self.description = description }
}

/// What a program said, and how it ended.
public struct CommandOutcome: Sendable {
    /// The exit status; minus the signal that killed it.
    public var status: Int32
    public var output: String
    public var errors: String
}

/// Runs a program found by PATH and returns its standard output; throws with its standard error when it fails.
@discardableResult
public func run(_ arguments: String...) throws -> String {
    try run(arguments)
}

@discardableResult
public func run(_ arguments: [String]) throws -> String {
    let outcome = try outcome(of: arguments)
    guard outcome.status == 0 else {
        throw CommandFailed(
            description: "\(arguments.joined(separator: " ")): \(outcome.errors)\(outcome.output) (\(outcome.status))")
    }
    return outcome.output
}

/// Runs a program found by PATH to its end.
///
/// Foundation's Process is not used: its sockets are inherited by whatever else is started meanwhile (an exit test's
/// process, say), and it then waits for the wrong end.
public func outcome(of arguments: [String]) throws -> CommandOutcome {
    let command = try Command(arguments)
    return command.finish()
}

/// A program that runs beside the test; it is killed when the value goes before it has ended.
public final class Command {
    public let process: pid_t
    private let output: ClosingPipe
    private let errors: ClosingPipe
    private var hasEnded = false

    public init(_ arguments: [String]) throws {
        // Between a pipe and its flag, none of our own commands may be started.
        starting.lock()
        defer { starting.unlock() }
        output = try ClosingPipe()
        errors = try ClosingPipe()
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output.writing, 1)
        posix_spawn_file_actions_adddup2(&actions, errors.writing, 2)
        // A server that kept a socket of another test's would keep its connection open after it was closed here.
        // Closing what is not open does no harm.
        for descriptor in 3..<512 as Range<Int32> { posix_spawn_file_actions_addclose(&actions, descriptor) }
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var process: pid_t = 0
        let failure = posix_spawnp(&process, arguments[0], &actions, nil, &words, environ)
        guard failure == 0 else { throw CommandFailed(description: "\(arguments[0]): errno \(failure)") }
        self.process = process
        output.closeWriting()
        errors.closeWriting()
    }

    deinit {
        if hasEnded { return }
        kill(process, SIGKILL)
        _ = wait()
    }

    public func send(signal: Int32) { kill(process, signal) }

    /// It has ended; `finish` need not wait any more.
    public var isOver: Bool {
        if hasEnded { return true }
        var state = siginfo_t()
        return waitid(P_PID, id_t(process), &state, WEXITED | WNOHANG | WNOWAIT) == 0 && state.si_signo == SIGCHLD
    }

    /// Waits until the program has closed its standard output and error, and has ended.
    public func finish() -> CommandOutcome {
        var open = [output, errors]
        while !open.isEmpty {
            var descriptors = open.map { pollfd(fd: $0.reading, events: Int16(POLLIN), revents: 0) }
            guard poll(&descriptors, nfds_t(descriptors.count), -1) > 0 else { continue }
            let ready = zip(open, descriptors).filter { $0.1.revents != 0 }.map(\.0)
            for pipe in ready where !pipe.read() { open.removeAll { $0 === pipe } }
        }
        return CommandOutcome(status: wait(), output: output.text, errors: errors.text)
    }

    private func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        hasEnded = true
        // The low seven bits are the signal, the next byte the exit status (wait(2)).
        return status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
    }
}

private let starting = NSLock()

/// A pipe that no other process inherits.
private final class ClosingPipe {
    let reading: Int32
    private(set) var writing: Int32
    private var bytes: [UInt8] = []

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw CommandFailed(description: "pipe: errno \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (reading, writing) = (ends[0], ends[1])
    }

    deinit {
        close(reading)
        closeWriting()
    }

    func closeWriting() {
        if writing >= 0 { close(writing) }
        writing = -1
    }

    /// Takes what is there; false at the end.
    func read() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(reading, &buffer, buffer.count)
        if count > 0 { bytes += buffer[..<count] }
        return count > 0 || count < 0 && errno == EINTR
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }
}
