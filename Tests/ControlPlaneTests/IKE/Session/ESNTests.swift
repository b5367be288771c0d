import Associations
import Testing

@testable import ControlPlane

/// Transform type 5: what is offered, what is taken, and what the SAs are then (RFC 7296 §3.3.2).
@Suite struct ESNNegotiationTests {
    private func pair(_ initiator: String, _ responder: String) throws -> SessionPair {
        var pair = SessionPair(
            try .sample(.initiator, child: [initiator]), try .sample(.responder, child: [responder]))
        pair.start()
        pair.settle()
        return pair
    }

    @Test(arguments: [
        ("aes256gcm16-esn-noesn", "aes256gcm16-esn-noesn", true), ("aes256gcm16-esn-noesn", "aes256gcm16", false),
        ("aes256gcm16", "aes256gcm16-esn-noesn", false), ("aes256gcm16-noesn-esn", "aes256gcm16-esn", true),
        ("aes256gcm16-esn-noesn", "aes256gcm16-noesn-esn", false), ("aes128-sha256-esn", "aes128-sha256-esn", true),
    ])
    func whatIsAgreed(_ initiator: String, _ responder: String, _ hasESN: Bool) throws {
        let pair = try pair(initiator, responder)
        for end in RekeyTests.ends {
            let child = try #require(pair.installed(end).first)
            #expect(child.inbound.hasESN == hasESN && child.outbound.hasESN == hasESN)
            #expect(child.outbound.lastSequenceNumber == (hasESN ? .max >> 1 : 0xFFFF_FFFF))
        }
    }

    @Test(arguments: [("aes256gcm16-esn", "aes256gcm16-noesn"), ("aes256gcm16", "aes256gcm16-esn")])
    func nothingInCommonIsNothing(_ initiator: String, _ responder: String) throws {
        let pair = try pair(initiator, responder)
        #expect(pair.installed(.initiator).isEmpty && pair.installed(.responder).isEmpty)
        #expect(pair.story(.responder).contains { $0.hasPrefix("refused: NO_PROPOSAL_CHOSEN") })
    }

    @Test func aRekeyHasItAgain() throws {
        var pair = try pair("aes256gcm16-esn-noesn", "aes256gcm16-esn-noesn")
        let child = pair.children(.initiator)[0]
        pair.command(.initiator) { $0.rekeyChild(child, at: $1, using: &$2) }
        pair.settle()
        #expect(pair.installed(.responder).count == 2 && pair.installed(.responder).allSatisfy(\.outbound.hasESN))
    }

    /// The end of 32 bits is none of an SA that has 64; a limit that an operator has set is.
    @Test(arguments: [(true, false, false), (false, false, true), (true, true, true), (false, true, true)])
    func theNumbersOf32BitsEndWithoutESNOnly(_ hasESN: Bool, _ isOwnLimit: Bool, _ isRekeyed: Bool) throws {
        let name = hasESN ? "aes256gcm16-esn" : "aes256gcm16"
        var initiator = try SessionPolicy.sample(.initiator, child: [name])
        initiator.lifetimes.sequenceNumber =
            isOwnLimit ? .init(soft: 1000, hard: 2000) : SessionPolicy.Lifetimes.standard.sequenceNumber
        var pair = SessionPair(initiator, try .sample(.responder, child: [name]))
        pair.start()
        pair.settle()
        let child = pair.children(.initiator)[0]
        var usage = ChildUsage()
        usage.sequenceNumber = isOwnLimit ? 1001 : 0xFFFF_FFF0
        pair.command(.initiator) { $0.used(child, usage, at: $1, using: &$2) }
        pair.settle()
        #expect((pair.children(.initiator)[0] != child) == isRekeyed)
    }

    /// What strongSwan asks for BEET mode by: no tunnel is made of that in silence.
    @Test func beetModeIsRefusedByName() throws {
        var pair = try RekeyTests.established()
        // What the initiator would ask for, and BEET mode besides.
        var other = pair
        let count = other.sent[.initiator]!.count
        other.command(.initiator) { $0.addChild(at: $1, using: &$2) }
        let asked = try #require(try pair.responder.channel?.insides(other.sent[.initiator]![count]))
        guard case .established(var established) = pair.initiator.state else {
            Issue.record("not established")
            return
        }
        let beet = NotifyPayload(NotifyType(rawValue: 40961))
        let path = Path(local: SessionPair.responderAddress, remote: SessionPair.initiatorAddress)
        let request = established.channel.seal(
            [.notify(beet)] + asked, .createChildSA, messageID: 2, isResponse: false)[0]
        let children = pair.children(.responder)
        let actions = pair.responder.receive(request, over: path, at: pair.now, using: &pair.random)
        #expect(
            actions.compactMap(\.event) == [
                "refused: NO_PROPOSAL_CHOSEN: it will have BEET mode, which is not supported; tunnel and transport mode are"
            ])
        guard case .send(let answer, _) = actions.last else {
            Issue.record("not answered")
            return
        }
        #expect(try established.channel.insides(answer) == [.notify(NotifyPayload(.noProposalChosen))])
        #expect(pair.children(.responder) == children)
    }
}
