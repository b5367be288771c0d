import Associations
import Testing
import Wire

@testable import ControlPlane

/// Clients that are sent to another gateway (RFC 5685).
@Suite struct RedirectTests {
    private static let other = Gateway.address(IPAddress("198.51.100.7")!)

    private static func pair(_ redirection: Redirection?, maximum: Int = 5) throws -> SessionPair {
        var policies = [try SessionPolicy.sample(.initiator), try SessionPolicy.sample(.responder)]
        policies[0].maximumRedirects = maximum
        policies[1].redirection = redirection
        var pair = SessionPair(policies[0], policies[1])
        pair.start()
        pair.settle()
        return pair
    }

    private func redirected(_ pair: SessionPair) -> Redirected? {
        for case .redirected(let redirected) in pair.actions[.initiator]! { return redirected }
        return nil
    }

    @Test func inTheFirstExchange() throws {
        let pair = try Self.pair(Redirection(to: Self.other, at: .firstMessage))
        #expect(pair.story(.initiator) == ["redirected to 198.51.100.7, 1", "closed"])
        #expect(pair.story(.responder) == ["refused: REDIRECT: it is sent to 198.51.100.7"])
        // Nothing is kept of it.
        #expect(pair.responder.deadline == nil && !pair.responder.isClosed)
        #expect(redirected(pair)?.from == .address(SessionPair.responderAddress.address))
    }

    @Test func inIKEAuth() throws {
        let pair = try Self.pair(Redirection(to: .name("gw2.example"), at: .authentication))
        #expect(pair.story(.initiator) == ["established", "redirected to gw2.example, 1", "closed"])
        #expect(pair.story(.responder) == ["established", "refused: REDIRECT: it is sent to gw2.example", "closed"])
        #expect(pair.disagreements == [])
    }

    @Test func later() throws {
        var pair = try Self.pair(nil)
        pair.command(.responder) { $0.redirect(to: Self.other, at: $1, using: &$2) }
        pair.settle()
        #expect(
            pair.story(.initiator) == [
                "established", "install", "redirected to 198.51.100.7, 1", "delete", "closed",
            ])
        #expect(pair.story(.responder) == ["established", "install", "delete", "closed"])
        #expect(pair.disagreements == [])
    }

    @Test func laterInBadWeather() throws {
        for seed in UInt64(1)...40 {
            var pair = try Self.pair(nil)
            pair.random = SeededGenerator(seed: seed)
            pair.weather = SessionPair.Weather(lost: 200, doubled: 200, delay: 3_000_000_000)
            pair.command(.responder) { $0.redirect(to: Self.other, at: $1, using: &$2) }
            if seed % 2 == 0 { pair.command(.responder) { $0.rekey(at: $1, using: &$2) } }
            pair.run()
            let times = pair.story(.initiator).count { $0.hasPrefix("redirected") }
            #expect(times == 1, "seed \(seed)")
            #expect(pair.initiator.isClosed, "seed \(seed)")
        }
    }

    @Test func whoDoesNotTakeItIsServed() throws {
        for stage in [Redirection.Stage.firstMessage, .authentication] {
            var pair = try Self.pair(Redirection(to: Self.other, at: stage), maximum: 0)
            #expect(pair.story(.initiator) == ["established", "install"])
            pair.command(.responder) { $0.redirect(to: Self.other, at: $1, using: &$2) }
            pair.command(.initiator) { $0.redirect(to: Self.other, at: $1, using: &$2) }
            pair.settle()
            #expect(pair.story(.initiator) == ["established", "install"])
        }
    }

    /// The next session says where it comes from, and there is an end to it.
    @Test(arguments: [Redirection.Stage.firstMessage, .authentication])
    func theWayHasAnEnd(_ stage: Redirection.Stage) throws {
        var way: Redirected?
        for hop in 1...6 {
            var policies = [try SessionPolicy.sample(.initiator), try SessionPolicy.sample(.responder)]
            policies[0].maximumRedirects = 5
            policies[1].redirection = Redirection(to: Self.other, at: stage)
            var pair = SessionPair(policies[0], policies[1])
            let path = Path(local: SessionPair.initiatorAddress, remote: SessionPair.responderAddress)
            pair.command(.initiator) { [way] in $0.start(path, after: way, at: $1, using: &$2) }
            let first = try IKEMessage(try #require(pair.sent[.initiator]?.first)).payloads
            #expect((first.notification(.redirectSupported) != nil) == (hop == 1))
            #expect(
                first.notification(.redirectedFrom)?.data
                    == (hop == 1 ? nil : Gateway.address(SessionPair.responderAddress.address).data()))
            pair.settle()
            way = redirected(pair)
            if hop <= 5 {
                #expect(way?.count == hop)
            } else {
                let words = "failed: it sends us on to 198.51.100.7, after too many others that sent us on"
                #expect(way == nil && pair.story(.initiator).last == words)
            }
        }
    }

    /// Whoever answers without our nonce has not seen our question.
    @Test func aRedirectWithAnotherNonceIsNone() throws {
        var random = SeededGenerator(seed: 4)
        var policy = try SessionPolicy.sample(.initiator)
        policy.maximumRedirects = 5
        var session = Session(policy)
        let path = Path(local: SessionPair.initiatorAddress, remote: SessionPair.responderAddress)
        var request: [UInt8] = []
        for case .send(let bytes, _) in session.start(path, at: 0, using: &random) { request = bytes }
        let header = try #require(IKEHeader(request))
        let before = contents(of: session)
        for nonce in [[], [UInt8](repeating: 1, count: 32)] {
            let answer = InitExchange.refusal(
                of: header, NotifyPayload(.redirect, data: Self.other.data(nonce: nonce)))
            let actions = session.receive(answer, over: path, at: 0, using: &random)
            #expect(actions.count == 1)
            guard case .count(.foreign) = actions.first else {
                Issue.record("\(actions)")
                return
            }
        }
        #expect(contents(of: session) == before)
    }

    @Test func gatewaysAreReadBack() {
        let nonce: [UInt8] = [1, 2, 3]
        for gateway in [Self.other, .address(IPAddress("2001:db8::1")!), .name("gw.example")] {
            let read = Gateway.read(gateway.data(nonce: nonce))
            #expect(read?.gateway == gateway && read?.nonce == nonce)
            let data = gateway.data()
            for count in data.indices { #expect(Gateway.read(Array(data.prefix(count))) == nil) }
        }
        for wrong in [[0, 4, 1, 2, 3, 4], [1, 3, 1, 2, 3], [2, 4, 1, 2, 3, 4], [3, 0, 0], [3, 1, 32], [3, 2, 65]]
            as [[UInt8]]
        {
            #expect(Gateway.read(wrong) == nil, "\(wrong)")
        }
    }
}
