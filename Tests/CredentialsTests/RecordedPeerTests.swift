import Associations
import Foundation
import Testing
import Wire

@testable import ControlPlane
@testable import Credentials

/// strongSwan's IKE_AUTH with certificates, as it was recorded: its signatures and chains are good to us.
@Suite struct RecordedPeerTests {
    struct Recording: Decodable, Sendable, CustomTestStringConvertible {
        var kind, root, initRequest, initResponse, authRequest, authResponse, sharedSecret: String
        var testDescription: String { kind }

        func bytes(_ path: KeyPath<Recording, String>) -> [UInt8] { Hexadecimal.bytes(self[keyPath: path])! }
        var trust: Trust {
            get throws {
                try Trust(
                    authorities: [CredentialSource(name: kind, bytes: Array(root.utf8))], revocation: .use)
            }
        }
    }

    static let recordings: [Recording] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(
            path: "Fixtures/strongswan.json")
        return try! JSONDecoder().decode([Recording].self, from: Data(contentsOf: file))
    }()

    private static let path = Path(
        local: SocketAddress(address: IPAddress("10.77.0.1")!, port: 500),
        remote: SocketAddress(address: IPAddress("10.77.0.2")!, port: 500))

    private func policy(_ local: String, _ remote: String, _ recording: Recording) throws -> SessionPolicy {
        let credential = try CertificateCredential(
            certificates: [Sample.source("b-ecdsa256.pem")], key: Sample.source("b-ecdsa256.key"))
        let everything = [AddressRange("0.0.0.0/0")!]
        return try SessionPolicy(
            name: local, proposals: ["aes128gcm16-prfsha256-x25519"], childProposals: ["aes128gcm16"],
            localID: Sample.fqdn(local), remoteID: .exact(Sample.fqdn(remote)),
            authentication: AuthenticationPolicy(
                local: .certificate(credential), remote: .certificate(try recording.trust.requirement())),
            selectors: TrafficSelectors(remote: everything, local: everything))
    }

    /// What both ends had after IKE_SA_INIT.
    private func agreed(_ role: IKERole, _ recording: Recording) throws -> Agreed {
        let request = try IKEMessage(recording.bytes(\.initRequest))
        let response = try IKEMessage(recording.bytes(\.initResponse))
        let proposal = try #require(response.payloads.securityAssociation).proposals[0]
        let suite = try #require(IKESuite(proposal))
        let nonces = [request, response].compactMap { $0.payloads.nonce?.data }
        let header = response.header
        let keys = IKEKeys(
            sharedSecret: SecretBytes(recording.bytes(\.sharedSecret)), prf: suite.prf, protection: suite.protection,
            seed: IKESeed(
                initiatorNonce: nonces[0], responderNonce: nonces[1], initiatorSPI: header.initiatorSPI.rawValue,
                responderSPI: header.responderSPI.rawValue))
        let peer = role == .initiator ? response : request
        return Agreed(
            channel: SealedChannel(
                initiatorSPI: header.initiatorSPI, responderSPI: header.responderSPI, role: role, keys: keys),
            initiatorNonce: nonces[0], responderNonce: nonces[1], initRequest: recording.bytes(\.initRequest),
            initResponse: recording.bytes(\.initResponse), nat: .none, extensions: .none, proposal: proposal,
            peerHashes: peer.payloads.signatureHashes, announced: true)
    }

    private func judged(
        _ session: inout Session, _ actions: [Session.Action], _ recording: Recording, at now: Int64 = Sample.now
    ) async throws -> String? {
        guard actions.count == 1, case .judge(let certificate) = actions[0] else {
            Issue.record("\(actions)")
            return nil
        }
        var random = SeededGenerator(seed: 2)
        let verdict = try await CertificateJudge(recording.trust).judge(certificate, at: now)
        for case .failed(let failure) in session.judged(verdict, at: 0, using: &random) { return "\(failure)" }
        return nil
    }

    @Test(arguments: recordings) func itsRequestEstablishesOurResponder(_ recording: Recording) async throws {
        var random = SeededGenerator(seed: 1)
        var session = Session(try policy("b.example", "a.example", recording))
        session.state = .initAnswered(InitAnswered(try agreed(.responder, recording), timing: .init(), at: 0))
        let actions = session.receive(recording.bytes(\.authRequest), over: Self.path, at: 0, using: &random)
        #expect(try await judged(&session, actions, recording) == nil)
        #expect(session.isEstablished)
    }

    @Test(arguments: recordings) func itsAnswerEstablishesOurInitiator(_ recording: Recording) async throws {
        var random = SeededGenerator(seed: 1)
        let policy = try policy("a.example", "b.example", recording)
        var session = Session(policy)
        session.state = .authSent(
            try AuthSent(try agreed(.initiator, recording), path: Self.path, policy, at: 0, using: &random))
        let actions = session.receive(recording.bytes(\.authResponse), over: Self.path, at: 0, using: &random)
        #expect(try await judged(&session, actions, recording) == nil)
        #expect(session.isEstablished)
    }

    @Test(arguments: recordings) func itsCertificateExpires(_ recording: Recording) async throws {
        var random = SeededGenerator(seed: 1)
        var session = Session(try policy("b.example", "a.example", recording))
        session.state = .initAnswered(InitAnswered(try agreed(.responder, recording), timing: .init(), at: 0))
        let actions = session.receive(recording.bytes(\.authRequest), over: Self.path, at: 0, using: &random)
        let words = try await judged(&session, actions, recording, at: 4_000_000_000)
        #expect(words?.contains("CN=a.example,O=probe,C=CH expired 20") == true, "\(words ?? "")")
        #expect(session.isClosed)
    }
}
