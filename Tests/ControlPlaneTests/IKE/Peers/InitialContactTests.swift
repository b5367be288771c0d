import Associations
import Testing
import Wire

@testable import ControlPlane

/// What becomes of a peer's older IKE SAs when it begins anew, and whose certificate is judged.
@Suite struct InitialContactTests {
    private struct Node {
        var sessions: PeerSessions
        var random = SeededGenerator(seed: 1)
        var judged: [PeerCertificate] = []

        init(_ policies: [SessionPolicy]) {
            sessions = PeerSessions(
                policies.map { Connection($0) },
                gate: CookieGate(secret: SecretBytes([UInt8](repeating: 1, count: 16)), threshold: 100),
                limits: HalfOpenLimits(), at: 0)
        }

        /// One handshake of a client with this node; its name at the end.
        mutating func meet(_ policy: SessionPolicy, from port: UInt16, isInitialContact: Bool) {
            let node = SocketAddress(address: IPAddress("192.0.2.1")!, port: 500)
            let peer = SocketAddress(address: IPAddress("10.0.0.1")!, port: port)
            var client = Session(policy)
            let start = client.start(
                Path(local: peer, remote: node), isInitialContact: isInitialContact, at: 0, using: &random)
            var waiting = start.compactMap { if case .send(let bytes, _) = $0 { bytes } else { nil } }
            while !waiting.isEmpty {
                let bytes = waiting.removeFirst()
                for answer in carry(
                    sessions.receive(bytes, over: Path(local: node, remote: peer), at: 0, using: &random))
                {
                    let actions = client.receive(answer, over: Path(local: peer, remote: node), at: 0, using: &random)
                    waiting += actions.compactMap { if case .send(let bytes, _) = $0 { bytes } else { nil } }
                }
            }
        }

        /// The datagrams among the effects; barriers and judgements are settled at once.
        private mutating func carry(_ effects: [PeerSessions.Effect]) -> [[UInt8]] {
            effects.flatMap { effect -> [[UInt8]] in
                switch effect {
                case .send(let bytes, _): return [bytes]
                case .barrier(let id): return carry(sessions.settled(id, missing: [], at: 0, using: &random))
                case .judge(let id, let certificate):
                    judged.append(certificate)
                    return carry(
                        sessions.judged(CertificateSample.judge(certificate), for: id, at: 0, using: &random))
                default: return []
                }
            }
        }

        var established: Int { sessions.status.count { $0.state == "established" } }
    }

    @Test func whoBeginsAnewHasNothingElse() throws {
        var node = Node([try .sample(.responder)])
        let client = try SessionPolicy.sample(.initiator)
        node.meet(client, from: 500, isInitialContact: true)
        node.meet(client, from: 501, isInitialContact: false)
        #expect(node.established == 2)
        node.meet(client, from: 502, isInitialContact: true)
        #expect(node.established == 1)
        #expect(node.sessions.status.map(\.remote).allSatisfy { $0.contains("502") })
    }

    @Test func othersKeepTheirs() throws {
        var other = try SessionPolicy.sample(.initiator)
        other.localID = .name("c.example")
        var own = try SessionPolicy.sample(.responder)
        own.remoteID = .below(domain: "example")
        var node = Node([own])
        node.meet(try .sample(.initiator), from: 500, isInitialContact: true)
        node.meet(other, from: 501, isInitialContact: true)
        #expect(node.established == 2)
    }

    @Test func aCertificateIsJudgedForItsConnection() throws {
        var first = try SessionPolicy.sample(.responder)
        first.remoteID = .exact(.name("somebody.else"))
        var node = Node([first, try .signing(.responder, own: nil, peer: "ecdsa256")])
        node.meet(try .signing(.initiator, own: "ecdsa256", peer: nil), from: 500, isInitialContact: true)
        #expect(node.judged.map(\.identification) == [.name("a.example")])
        #expect(node.established == 1)
    }
}
