import Testing

@testable import ControlPlane

@Suite struct PublicationOrderTests {
    @Test func whatWaitsForNothingPasses() {
        var order = PublicationOrder<String>()
        #expect(order.mayPass("inbound", after: 0, done: 0))
        #expect(order.mayPass("outbound", after: 3, done: 3))
        #expect(order.next(done: .max) == nil)
    }

    @Test func nothingOvertakesAStepThatWaits() {
        var order = PublicationOrder<String>()
        #expect(!order.mayPass("outbound", after: 2, done: 1))
        #expect(!order.mayPass("barrier", after: 0, done: 1))
        #expect(!order.mayPass("another", after: 4, done: 1))
        #expect(order.next(done: 1) == nil)
        var carriedOut: [String] = []
        while let step = order.next(done: 2) {
            carriedOut.append(step)
            order.carriedOut()
        }
        #expect(carriedOut == ["outbound", "barrier"])
        #expect(order.count == 1)
        #expect(order.next(done: 4) == "another")
    }

    @Test func effectsOfAStepComeBeforeTheNext() {
        var order = PublicationOrder<String>()
        #expect(!order.mayPass("first", after: 1, done: 0))
        #expect(!order.mayPass("second", after: 1, done: 0))
        #expect(order.next(done: 1) == "first")
        // Carrying it out comes back here: the second waits for its end.
        #expect(order.next(done: 1) == nil)
        order.carriedOut()
        #expect(order.next(done: 1) == "second")
    }
}
