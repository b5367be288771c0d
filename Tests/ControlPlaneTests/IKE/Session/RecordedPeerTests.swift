import Associations
import Testing
import Wire

@testable import ControlPlane

/// strongSwan's IKE_AUTH, as it was recorded, at our sessions: the keys of its IKE_SA_INIT are known from its log.
@Suite struct RecordedPeerTests {
    private static let path = Path(
        local: SocketAddress(address: IPAddress("10.0.0.1")!, port: 500),
        remote: SocketAddress(address: IPAddress("10.0.0.2")!, port: 500))

    private func recording(_ name: String = "session-aes128gcm16-x25519") throws -> RecordedSessionTests.Session {
        try fixture(name)
    }

    private func policy(
        _ local: String, _ remote: String, _ recording: RecordedSessionTests.Session,
        proposal: String = "aes128gcm16-prfsha256-x25519"
    ) throws -> SessionPolicy {
        let everything = [AddressRange("0.0.0.0/0")!]
        return try SessionPolicy(
            name: local, proposals: [proposal], childProposals: ["aes128gcm16-x25519"],
            localID: IdentificationPayload(.fqdn, data: Array(local.utf8)),
            remoteID: IdentificationPayload(.fqdn, data: Array(remote.utf8)),
            presharedKey: recording.initiatorAuth.secret.secret,
            selectors: TrafficSelectors(remote: everything, local: everything))
    }

    /// What both ends had after IKE_SA_INIT.
    private func agreed(
        _ role: IKERole, _ recording: RecordedSessionTests.Session, _ policy: SessionPolicy? = nil
    ) throws -> Agreed {
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
            extensions: policy.map { Extensions(request.payloads, $0) } ?? .none, proposal: proposals[0])
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

    // MARK: With a post-quantum preshared key

    private func keys(_ recording: RecordedSessionTests.Session, isMandatory: Bool) throws -> PostquantumKeys {
        // What the peer calls it by stands in its request.
        let channel = try agreed(.responder, recording).channel
        let payloads = try #require(try channel.insides(recording.authRequest.bytes))
        let shown = try #require(payloads.notification(.ppkIdentity)).data
        #expect(shown.first == 2)
        let secret = try #require(recording.mixed).ppk.secret
        return PostquantumKeys(
            [PostquantumKeys.Key(identity: Array(shown.dropFirst()), secret: secret)], isMandatory: isMandatory)
    }

    @Test(arguments: [true, false]) func itsPostquantumKeyIsOurs(_ isMandatory: Bool) throws {
        let recording = try recording("session-ppk-ecp256")
        var random = SeededGenerator(seed: 1)
        for role in [IKERole.responder, .initiator] {
            let names = role == .responder ? ["b.example", "a.example"] : ["a.example", "b.example"]
            var policy = try policy(names[0], names[1], recording, proposal: "aes256gcm16-prfsha384-ecp256")
            policy.postquantumKeys = try keys(recording, isMandatory: isMandatory)
            var session = Session(policy)
            let agreed = try agreed(role, recording, policy)
            let message: Hex
            switch role {
            case .responder:
                session.state = .initAnswered(InitAnswered(agreed, timing: .init(), at: 0))
                message = recording.authRequest
            case .initiator:
                session.state = .authSent(try AuthSent(agreed, path: Self.path, policy, at: 0, using: &random))
                message = recording.authResponse
            }
            let actions = session.receive(message.bytes, over: Self.path, at: 0, using: &random)
            let first = role == .responder ? ["initial contact"] : []
            #expect(actions.compactMap(\.event) == first + ["established", "install"])
            let child = try #require(pair(actions))
            let ours = role == .responder ? child.inbound : child.outbound
            #expect(ours.key.shown + ours.salt.shown == recording.firstChild.encryptionInitiator.bytes)
        }
    }

    @Test func withoutItsPostquantumKeyItIsRefused() throws {
        let recording = try recording("session-ppk-ecp256")
        var random = SeededGenerator(seed: 1)
        var policy = try policy("b.example", "a.example", recording, proposal: "aes256gcm16-prfsha384-ecp256")
        let identity = try keys(recording, isMandatory: false).keys[0].identity
        policy.postquantumKeys = PostquantumKeys(
            [PostquantumKeys.Key(identity: identity, secret: random.secret(byteCount: 32))], isMandatory: false)
        var session = Session(policy)
        let agreed = try agreed(.responder, recording, policy)
        session.state = .initAnswered(InitAnswered(agreed, timing: .init(), at: 0))
        let actions = session.receive(recording.authRequest.bytes, over: Self.path, at: 0, using: &random)
        #expect(actions.compactMap(\.event).first?.hasPrefix("failed: AUTHENTICATION_FAILED") == true)
    }
}
