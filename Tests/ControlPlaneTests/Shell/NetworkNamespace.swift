import Commands
import Foundation

/// A network namespace of its own for a test, named vct-…, gone with it.
final class NetworkNamespace: Sendable {
    let name: String

    init() throws {
        name = "vct-" + UUID().uuidString.prefix(8).lowercased()
        try run("ip", "netns", "add", name)
    }

    deinit { _ = try? run("ip", "netns", "delete", name) }

    /// `ip -n NAME ARGUMENTS`, its output.
    @discardableResult
    func ip(_ arguments: String) throws -> String {
        try run(["ip", "-n", name] + arguments.split(separator: " ").map(String.init))
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
                    throw CommandFailed(description: "setns \(path): errno \(errno)")
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
