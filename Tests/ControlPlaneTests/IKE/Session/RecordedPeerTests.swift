import Associations
import Testing
import Wire

@testable import ControlPlane

/// strongSwan's IKE_AUTH, as it was recorded, at our sessions: the keys of its IKE_SA_INIT are known from its log.
@Suite struct RecordedPeerTests {
    private static let path = Path(
        local: SocketAddress(address: IPAddress("10.0.0.1")!, port: 500),
        remote: SocketAddress(address: IPAddress("10.0.0.2")!, port: 500))

    private func recording() throws -> RecordedSessionTests.Session { try fixture("session-aes128gcm16-x25519") }

    private func policy(_ local: String, _ remote: String, _ recording: RecordedSessionTests.Session) throws
        -> SessionPolicy
    {
        let everything = [AddressRange("0.0.0.0/0")!]
        return try SessionPolicy(
            name: local, proposals: ["aes128gcm16-prfsha256-x25519"], childProposals: ["aes128gcm16-x25519"],
            localID: IdentificationPayload(.fqdn, data: Array(local.utf8)),
            remoteID: IdentificationPayload(.fqdn, data: Array(remote.utf8)),
            presharedKey: recording.initiatorAuth.secret.secret,
            selectors: TrafficSelectors(remote: everything, local: everything))
    }

    /// What both ends had after IKE_SA_INIT.
    private func agreed(_ role: IKERole, _ recording: RecordedSessionTests.Session) throws -> Agreed {
        let request = try IKEMessage(recording.initRequest.bytes)
        let response = try IKEMessage(recording.initResponse.bytes)
        let proposals = try #require(response.payloads.securityAssociation).proposals
        let suite = try #require(IKESuite(proposals[0]))
        let nonces = [request, response].compactMap { $0.payloads.nonce?.data }
        let header = response.header
        let keys = IKEKeys(
            sharedSecret: recording.ikeSA.sharedSecret.secret, prf: suite.prf, protection: suite.protection,
            seed: IKESeed(
                initiatorNonce: nonces[0], responderNonce: nonces[1], initiatorSPI: header.initiatorSPI.rawValue,
                responderSPI: header.responderSPI.rawValue))
        return Agreed(
            channel: SealedChannel(
                initiatorSPI: header.initiatorSPI, responderSPI: header.responderSPI, role: role, keys: keys),
            initiatorNonce: nonces[0], responderNonce: nonces[1], initRequest: recording.initRequest.bytes,
            initResponse: recording.initResponse.bytes, nat: .none,
            proposal: proposals[0])
    }

    private func pair(_ actions: [Session.Action]) -> ChildSecurityAssociations? {
        for case .install(let pair, _) in actions { return pair }
        return nil
    }

    @Test func itsRequestEstablishesOurResponder() throws {
        let recording = try recording()
        var random = SeededGenerator(seed: 1)
        var session = Session(try policy("b.example", "a.example", recording))
        session.state = .initAnswered(InitAnswered(try agreed(.responder, recording), timing: .init(), at: 0))
        let actions = session.receive(recording.authRequest.bytes, over: Self.path, at: 0, using: &random)
        #expect(actions.compactMap(\.event) == ["initial contact", "established", "install"])
        let child = try #require(pair(actions))
        #expect(child.inbound.key.shown + child.inbound.salt.shown == recording.firstChild.encryptionInitiator.bytes)
        #expect(child.outbound.key.shown + child.outbound.salt.shown == recording.firstChild.encryptionResponder.bytes)
    }

    @Test func itsAnswerEstablishesOurInitiator() throws {
        let recording = try recording()
        var random = SeededGenerator(seed: 1)
        let policy = try policy("a.example", "b.example", recording)
        var session = Session(policy)
        session.state = .authSent(
            try AuthSent(try agreed(.initiator, recording), path: Self.path, policy, at: 0, using: &random))
        let actions = session.receive(recording.authResponse.bytes, over: Self.path, at: 0, using: &random)
        #expect(actions.compactMap(\.event) == ["established", "install"])
        let child = try #require(pair(actions))
        #expect(child.outbound.key.shown + child.outbound.salt.shown == recording.firstChild.encryptionInitiator.bytes)
        #expect(child.inbound.key.shown + child.inbound.salt.shown == recording.firstChild.encryptionResponder.bytes)
    }

    @Test func itsRequestUnderAnotherKeyIsRefused() throws {
        let recording = try recording()
        var random = SeededGenerator(seed: 1)
        var policy = try policy("b.example", "a.example", recording)
        policy.authentication = .sharedKey(SecretBytes([1, 2, 3]))
        var session = Session(policy)
        session.state = .initAnswered(InitAnswered(try agreed(.responder, recording), timing: .init(), at: 0))
        let actions = session.receive(recording.authRequest.bytes, over: Self.path, at: 0, using: &random)
        #expect(actions.compactMap(\.event).first?.hasPrefix("failed: AUTHENTICATION_FAILED") == true)
    }

    @Test func itsFirstMessageIsAnswered() throws {
        let recording = try recording()
        var random = SeededGenerator(seed: 1)
        var session = Session(try policy("b.example", "a.example", recording))
        let actions = session.receive(recording.initRequest.bytes, over: Self.path, at: 0, using: &random)
        #expect(actions.count == 2)
        guard case .claim = actions.first, case .send(let answer, _) = actions.last else {
            Issue.record("\(actions)")
            return
        }
        let chosen = try IKEMessage(answer).payloads.securityAssociation?.proposals.map(\.name)
        #expect(chosen == ["aes128gcm16-prfsha256-x25519"])
        // Recorded between other addresses than the test's.
        #expect(session.nat == NATFinding(isBeforeUs: true, isBeforePeer: true))
    }
}
