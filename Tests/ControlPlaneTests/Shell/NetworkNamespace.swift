import Foundation

/// A network namespace of its own for a test, named vct-…, gone with it.
final class NetworkNamespace: Sendable {
    struct Failure: Error { var command: [String], output: String }

    let name: String

    init() throws {
        name = "vct-" + UUID().uuidString.prefix(8).lowercased()
        try Self.run(["ip", "netns", "add", name])
    }

    deinit { _ = try? Self.run(["ip", "netns", "delete", name]) }

    /// `ip -n NAME ARGUMENTS`, its output.
    @discardableResult
    func ip(_ arguments: String) throws -> String {
        try Self.run(["ip", "-n", name] + arguments.split(separator: " ").map(String.init))
    }

    /// Runs `body` on a thread of its own inside the namespace.
    func inside<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) throws -> Result {
        let outcome = Outcome<Result>()
        let done = DispatchSemaphore(value: 0)
        let path = "/run/netns/" + name
        let thread = Thread {
            outcome.result = Swift.Result {
                // Glibc hides setns without _GNU_SOURCE; the thread ends with the test, so it need not go back.
                typealias SetNS = @convention(c) (Int32, Int32) -> Int32
                let setns = unsafeBitCast(dlsym(nil, "setns"), to: SetNS.self)
                let file = open(path, O_RDONLY | O_CLOEXEC)
                defer { close(file) }
                guard file >= 0, setns(file, 0) == 0 else {
                    throw Failure(command: ["setns", path], output: "\(errno)")
                }
                return try body()
            }
            done.signal()
        }
        thread.start()
        done.wait()
        return try outcome.result!.get()
    }

    private final class Outcome<Value>: @unchecked Sendable { var result: Swift.Result<Value, any Error>? }

    @discardableResult
    static func run(_ command: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(command: command, output: output) }
        return output
    }
}

/// Asks again and again until it is so, or the deadline is over.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = Date(timeIntervalSinceNow: 60)
    while Date() < deadline {
        if try condition() { return true }
        usleep(2000)
    }
    return try condition()
}
