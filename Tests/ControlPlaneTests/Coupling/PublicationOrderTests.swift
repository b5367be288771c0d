import Testing

@testable import ControlPlane

@Suite struct PublicationOrderTests {
    @Test func whatWaitsForNothingPasses() {
        var order = PublicationOrder<String>()
        let passed = [order.mayPass("inbound", after: 0, done: 0), order.mayPass("outbound", after: 3, done: 3)]
        #expect(passed == [true, true])
        #expect(order.count == 0)
    }

    @Test func nothingOvertakesAStepThatWaits() {
        var order = PublicationOrder<String>()
        let passed = [("outbound", 2), ("barrier", 0), ("another", 4)].map { step, ticket in
            order.mayPass(step, after: UInt64(ticket), done: 1)
        }
        #expect(passed == [false, false, false])
        #expect(carryOut(&order, done: 1) == [])
        #expect(carryOut(&order, done: 2) == ["outbound", "barrier"])
        #expect(order.count == 1)
        #expect(carryOut(&order, done: 4) == ["another"])
    }

    @Test func effectsOfAStepComeBeforeTheNext() {
        var order = PublicationOrder<String>()
        for step in ["first", "second"] { _ = order.mayPass(step, after: 1, done: 0) }
        let first = order.next(done: 1)
        // Carrying it out comes back here: the second waits for its end.
        let meanwhile = order.next(done: 1)
        order.carriedOut()
        #expect([first, meanwhile, order.next(done: 1)] == ["first", nil, "second"])
    }

    private func carryOut(_ order: inout PublicationOrder<String>, done: UInt64) -> [String] {
        var steps: [String] = []
        while let step = order.next(done: done) {
            steps.append(step)
            order.carriedOut()
        }
        return steps
    }
}
