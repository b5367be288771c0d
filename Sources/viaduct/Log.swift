import ArgumentParser
import Foundation

/// Lines for whoever watches: on standard error, so that standard output stays what was asked for.
enum Log {
    static func say(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }
    static func warn(_ line: String) { say("warning: " + line) }
}

/// A failure that ends the program with its one line and nothing else.
enum Complaint {
    static func orExit<Result: ~Copyable, Failure: Error>(
        _ body: () throws(Failure) -> Result
    ) throws -> Result {
        do throws(Failure) {
            return try body()
        } catch {
            Log.say("viaduct: \(error)")
            throw ExitCode(1)
        }
    }
}
