import Testing

@testable import viaduct

/// When packets that wait for sequence numbers are given up.
@Suite struct PatienceTests {
    private let second: UInt64 = 1_000_000_000

    /// A host that answers after a pause must not lose the answer for it.
    @Test func theFirstPacketAfterAPauseHasAllTheTimeThereIs() {
        var patience = Patience()
        let sent = patience.hasRunOut(isWaiting: false, isMoving: true, at: second)
        let later = patience.hasRunOut(isWaiting: true, isMoving: false, at: 100 * second)
        let soonAfter = patience.hasRunOut(isWaiting: true, isMoving: false, at: 100 * second + Patience.limit)
        #expect([sent, later, soonAfter] == [false, false, false])
    }

    @Test func whoWaitsTooLongIsGivenUpAndTheNextBeginAnew() {
        var patience = Patience()
        let began = patience.hasRunOut(isWaiting: true, isMoving: false, at: second)
        let over = patience.hasRunOut(isWaiting: true, isMoving: false, at: second + Patience.limit + 1)
        let next = patience.hasRunOut(isWaiting: true, isMoving: false, at: 50 * second)
        #expect([began, over, next] == [false, true, false])
    }

    @Test func aQueueThatMovesIsNotGivenUp() {
        var patience = Patience()
        let verdicts = (1...20).map { patience.hasRunOut(isWaiting: true, isMoving: true, at: $0 * second) }
        #expect(!verdicts.contains(true))
    }
}
