import Associations
import Testing
import Wire

@testable import ControlPlane
@testable import Credentials

/// Two sessions that prove themselves to each other by real certificates.
@Suite struct HandshakeTests {
    struct Ends {
        var initiator, responder: Session
        var random = SeededGenerator(seed: 1)
        var stories: [Bool: [String]] = [:]
        let judges: [Bool: CertificateJudge]
        var datagrams = 0

        static let initiatorPath = Path(
            local: SocketAddress(address: IPAddress("10.0.0.1")!, port: 500),
            remote: SocketAddress(address: IPAddress("192.0.2.1")!, port: 500))
        static let responderPath = Path(local: initiatorPath.remote, remote: initiatorPath.local)

        /// Until nothing is to be done any more.
        mutating func run() async {
            var waiting: [(Session.Action, isInitiator: Bool)] = initiator.start(
                Self.initiatorPath, isInitialContact: true, at: 0, using: &random
            ).map { ($0, true) }
            while !waiting.isEmpty {
                let (action, isInitiator) = waiting.removeFirst()
                switch action {
                case .send(let bytes, _):
                    datagrams += 1
                    let next =
                        isInitiator
                        ? responder.receive(bytes, over: Self.responderPath, at: 0, using: &random)
                        : initiator.receive(bytes, over: Self.initiatorPath, at: 0, using: &random)
                    waiting += next.map { ($0, !isInitiator) }
                case .judge(let certificate):
                    let verdict = await judges[isInitiator]!.judge(certificate, at: Sample.now)
                    let next =
                        isInitiator
                        ? initiator.judged(verdict, at: 0, using: &random)
                        : responder.judged(verdict, at: 0, using: &random)
                    waiting += next.map { ($0, isInitiator) }
                case .initialContact: stories[isInitiator, default: []].append("initial contact")
                case .established(let peer): stories[isInitiator, default: []].append("established \(peer.words)")
                case .failed(let failure): stories[isInitiator, default: []].append("\(failure)")
                case .refused(let refusal): stories[isInitiator, default: []].append("\(refusal)")
                default: break
                }
            }
        }
    }

    private func policy(
        _ name: String, certificate: String, root: Trust, datagrams: Int? = nil
    ) throws -> SessionPolicy {
        let isA = name == "a.example"
        let credential = try CertificateCredential(
            certificates: ["\(certificate).pem", "intermediate.pem"].map(Sample.source),
            key: Sample.source("\(certificate).key"))
        let networks = ["10.1.0.0/16", "10.2.0.0/16"].map { AddressRange($0)! }
        var policy = try SessionPolicy(
            name: name, proposals: ["aes128gcm16-prfsha256-x25519"], childProposals: ["aes128gcm16"],
            localID: Sample.fqdn(name), remoteID: .below(domain: "example"),
            authentication: AuthenticationPolicy(
                local: .certificate(credential), remote: .certificate(root.requirement())),
            selectors: TrafficSelectors(remote: [networks[isA ? 1 : 0]], local: [networks[isA ? 0 : 1]]))
        policy.datagramByteCount = datagrams
        return policy
    }

    private func ends(_ mine: String, _ theirs: String, trust: Trust? = nil, datagrams: Int? = nil) throws -> Ends {
        let trust = try trust ?? Sample.trust(lists: ["root", "intermediate"], .require)
        return try Ends(
            initiator: Session(policy("a.example", certificate: mine, root: trust, datagrams: datagrams)),
            responder: Session(policy("b.example", certificate: theirs, root: trust, datagrams: datagrams)),
            judges: [true: CertificateJudge(trust), false: CertificateJudge(trust)])
    }

    private static let kinds = ["rsa2048", "rsa3072", "ecdsa256", "ecdsa384", "ecdsa521", "ed25519"]

    @Test(arguments: kinds, [nil, 576, 1280]) func everyKindOfKey(_ kind: String, _ datagrams: Int?) async throws {
        var ends = try ends("a-\(kind)", "b-\(kind)", datagrams: datagrams)
        await ends.run()
        #expect(ends.stories[true] == ["established b.example"])
        #expect(ends.stories[false] == ["initial contact", "established a.example"])
        #expect(datagrams == 576 ? ends.datagrams > 4 : ends.datagrams >= 4)
    }

    @Test func aRevokedPeerIsToldNothingMore() async throws {
        var ends = try ends(
            "a-ecdsa256", "b-ecdsa256", trust: Sample.trust(lists: ["root", "expired-intermediate-list"], .require))
        await ends.run()
        #expect(ends.stories[true] == ["it refused IKE_AUTH by AUTHENTICATION_FAILED"])
        #expect(
            ends.stories[false] == [
                "AUTHENTICATION_FAILED: the certificate of a.example is not believed: the revocation list of "
                    + "CN=intermediate,O=Viaduct tests,C=CH expired 2026-01-01"
            ])
    }

    /// A certificate that is good, and somebody else's.
    @Test func aCertificateOfAnotherName() async throws {
        var ends = try ends("b-ecdsa256", "b-ecdsa256")
        await ends.run()
        #expect(ends.stories[false]?.first?.contains("CN=b-ecdsa256,O=Viaduct tests,C=CH does not vouch for") == true)
    }
}
