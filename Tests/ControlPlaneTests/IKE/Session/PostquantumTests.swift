import Associations
import Testing
import Wire

@testable import ControlPlane

/// Post-quantum preshared keys (RFC 8784), wished for or wanted by either end.
@Suite struct PostquantumTests {
    private static func key(_ name: String, _ byte: UInt8) -> PostquantumKeys.Key {
        PostquantumKeys.Key(
            identity: Array(name.utf8), secret: SecretBytes([UInt8](repeating: byte, count: 32)))
    }

    private static let wished = PostquantumKeys([key("one", 1), key("two", 2)], isMandatory: false)
    private static let wanted = PostquantumKeys([key("one", 1), key("two", 2)], isMandatory: true)
    private static let othersWished = PostquantumKeys([key("three", 3)], isMandatory: false)
    private static let othersWanted = PostquantumKeys([key("three", 3)], isMandatory: true)
    private static let wrong = PostquantumKeys([key("one", 9)], isMandatory: false)

    private func pair(_ initiator: PostquantumKeys?, _ responder: PostquantumKeys?) throws -> SessionPair {
        var policies = [try SessionPolicy.sample(.initiator), try SessionPolicy.sample(.responder)]
        policies[0].postquantumKeys = initiator
        policies[1].postquantumKeys = responder
        var pair = SessionPair(policies[0], policies[1])
        pair.start()
        pair.settle()
        return pair
    }

    private func expectEstablished(
        _ pair: SessionPair, isMixed: Bool, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(pair.story(.initiator) == ["established", "install"], sourceLocation: sourceLocation)
        #expect(pair.story(.responder) == ["established", "install"], sourceLocation: sourceLocation)
        guard let mine = pair.initiator.channel?.keys, let theirs = pair.responder.channel?.keys else { return }
        #expect(mine.skD.matches(theirs.skD) && mine.skPi.matches(theirs.skPi), sourceLocation: sourceLocation)
        let child = pair.installed(.initiator).first?.outbound.key
        #expect(child?.matches(try #require(pair.installed(.responder).first).inbound.key) == true)
        // The responder says whether it has mixed the key in.
        let answer = try #require(pair.sent[.responder]?.last)
        let payloads = try #require(try pair.initiator.channel?.insides(answer))
        #expect((payloads.notification(.ppkIdentity) != nil) == isMixed, sourceLocation: sourceLocation)
    }

    @Test func bothHaveTheKey() throws {
        for (initiator, responder) in [
            (Self.wished, Self.wished), (Self.wanted, Self.wished), (Self.wished, Self.wanted),
            (Self.wanted, Self.wanted),
        ] {
            try expectEstablished(pair(initiator, responder), isMixed: true)
        }
    }

    /// The second key of the responder is as good as its first.
    @Test func theInitiatorChooses() throws {
        let second = PostquantumKeys([Self.key("two", 2)], isMandatory: true)
        try expectEstablished(pair(second, Self.wanted), isMixed: true)
    }

    @Test func oneHasNone() throws {
        try expectEstablished(pair(Self.wished, nil), isMixed: false)
        try expectEstablished(pair(nil, Self.wished), isMixed: false)
        try expectEstablished(pair(Self.othersWished, Self.wished), isMixed: false)
    }

    private static let words =
        "failed: it shares none of the post-quantum preshared keys, of which the policy wants one"
    private static let refused = "failed: it refused IKE_AUTH by AUTHENTICATION_FAILED"

    @Test func whoWantsOneGetsOneOrNothing() throws {
        #expect(try pair(Self.wanted, nil).story(.initiator) == [Self.words])
        let responder = try pair(nil, Self.wanted)
        #expect(responder.story(.initiator) == [Self.refused] && responder.story(.responder) == [Self.words])
        let unknown = try pair(Self.othersWished, Self.wanted)
        #expect(unknown.story(.initiator) == [Self.refused] && unknown.story(.responder) == [Self.words])
        // There is no AUTH without the key then, and the one with it is no other's.
        let unknownToo = try pair(Self.othersWanted, Self.wished)
        #expect(unknownToo.story(.initiator) == [Self.refused])
        #expect(unknownToo.story(.responder).first?.hasPrefix("failed: AUTHENTICATION_FAILED") == true)
    }

    /// The name is the same and the secret is not: there is no falling back.
    @Test func aWrongSecretIsAWrongSecret() throws {
        let pair = try pair(Self.wrong, Self.wished)
        #expect(pair.story(.initiator) == [Self.refused])
        #expect(pair.story(.responder).first?.hasPrefix("failed: AUTHENTICATION_FAILED") == true)
    }

    @Test func itGoesTogetherWithFurtherKeyExchanges() throws {
        var policies = [
            try SessionPolicy.sample(.initiator, proposals: [IntermediateTests.hybrid]),
            try SessionPolicy.sample(.responder, proposals: [IntermediateTests.hybrid]),
        ]
        for index in policies.indices { policies[index].postquantumKeys = Self.wanted }
        var pair = SessionPair(policies[0], policies[1])
        pair.start()
        pair.settle()
        try expectEstablished(pair, isMixed: true)
    }

    /// NO_PPK_AUTH holds an Authentication Data field, whatever is in it.
    @Test func anAuthenticationDataFieldIsReadBack() {
        #expect(AuthenticationPayload(.sharedKey, wholeData: [1, 2])?.wholeData == [1, 2])
        for data in [[], [0], [0, 1], [1], [3, 1, 2]] as [[UInt8]] {
            #expect(AuthenticationPayload(.digitalSignature, wholeData: data) == nil)
        }
        let signed = AuthenticationPayload(digitalSignature: [7, 8], algorithmIdentifier: [5, 6])
        #expect(AuthenticationPayload(.digitalSignature, wholeData: signed.wholeData) == signed)
    }
}
