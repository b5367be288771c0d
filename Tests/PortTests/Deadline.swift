import Foundation

/// Something that was waited for did not happen in time.
struct DeadlinePassed: Error, CustomStringConvertible {
    let description: String
}

/// Repeats `attempt` until it says true. Throws after `seconds`: a bound on a failing test, not a measurement.
func waitUntil(_ what: String, seconds: Double = 20, _ attempt: () throws -> Bool) throws {
    let end = ProcessInfo.processInfo.systemUptime + seconds
    while ProcessInfo.processInfo.systemUptime < end {
        if try attempt() { return }
    }
    throw DeadlinePassed(description: "\(what): not within \(seconds) s")
}
