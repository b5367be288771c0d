import Associations
import ControlPlane
import Wire

/// A node's sessions with the effects carried out: what is said is returned, a barrier is settled at once.
struct Responder {
    static let address = SocketAddress(address: IPAddress("192.0.2.1")!, port: 500)

    private(set) var sessions: PeerSessions
    private var random = UniqueSPIs(KernelRandom())
    /// Certificates that wait for a verdict.
    private(set) var questions: [(id: PeerSessions.ID, certificate: PeerCertificate)] = []
    private(set) var installed: SecurityAssociation?

    init(_ policy: SessionPolicy, at now: UInt64) {
        var limits = HalfOpenLimits()
        (limits.cookieThreshold, limits.maximum) = (1_000_000, 1_000_000)
        sessions = PeerSessions(
            [Connection(policy)], gate: CookieGate(secret: SecretBytes(random.nonce()), threshold: 1_000_000),
            limits: limits, at: now)
    }

    /// callgrind counts what happens in here and in `judged`.
    @inline(never)
    mutating func answer(_ bytes: [UInt8], over path: Path, at now: UInt64) -> [[UInt8]] {
        carry(sessions.receive(bytes, over: path, at: now, using: &random), at: now)
    }

    @inline(never)
    mutating func judged(_ verdict: CertificateVerdict, for id: PeerSessions.ID, at now: UInt64) -> [[UInt8]] {
        carry(sessions.judged(verdict, for: id, at: now, using: &random), at: now)
    }

    mutating func takeQuestions() -> [(id: PeerSessions.ID, certificate: PeerCertificate)] {
        defer { questions = [] }
        return questions
    }

    mutating func tick(at now: UInt64) -> [[UInt8]] {
        guard let deadline = sessions.deadline, deadline <= now else { return [] }
        return carry(sessions.tick(at: now, using: &random), at: now)
    }

    private mutating func carry(_ effects: [PeerSessions.Effect], at now: UInt64) -> [[UInt8]] {
        var said: [[UInt8]] = []
        for effect in effects {
            switch effect {
            case .send(let bytes, _): said.append(bytes)
            case .barrier(let id): said += carry(sessions.settled(id, missing: [], at: now, using: &random), at: now)
            case .judge(let id, let certificate): questions.append((id, certificate))
            case .publish(.install(let association)): installed = association
            default: break
            }
        }
        return said
    }

    var established: Int { Int(sessions.counts["established"] ?? 0) }
}
