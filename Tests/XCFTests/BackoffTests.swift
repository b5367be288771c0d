import Testing

@testable import XCF

@Suite struct BackoffTests {
    @Test func attemptsThatFailComeLessAndLessOften() {
        var backoff = Backoff()
        let waits = (0..<7).map { _ in backoff.ended(connectedFor: nil) }
        #expect(waits.map { $0 / .milliseconds(50) } == [2, 4, 8, 16, 20, 20, 20])
    }

    @Test func aConnectionThatEndsAtOnceIsAFailureToo() {
        var backoff = Backoff()
        #expect(backoff.ended(connectedFor: .milliseconds(10)) == .milliseconds(100))
        #expect(backoff.ended(connectedFor: .milliseconds(10)) == .milliseconds(200))
    }

    @Test func oneThatLastedIsMissedAtOnce() {
        var backoff = Backoff()
        for _ in 0..<9 { _ = backoff.ended(connectedFor: nil) }
        #expect(backoff.ended(connectedFor: .seconds(1)) == Backoff.first)
    }
}
