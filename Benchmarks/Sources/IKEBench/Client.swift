import Associations
import ControlPlane

/// One initiator: its session, and what it has to say.
struct Client {
    private(set) var session: Session
    let path: Path
    private let gatewayKey: [UInt8]
    private var random = KernelRandom()
    private(set) var failure: String?
    /// The Child SAs in use, the youngest last.
    private(set) var children: [ChildSPIs] = []

    /// The peer's certificate is taken to be that of `gatewayKey`.
    init(_ policy: SessionPolicy, gatewayKey: [UInt8], over path: Path) {
        session = Session(policy)
        self.path = path
        self.gatewayKey = gatewayKey
    }

    mutating func start(at now: UInt64) -> [(bytes: [UInt8], path: Path)] {
        take(session.start(path, at: now, using: &random), at: now)
    }

    mutating func receive(_ bytes: [UInt8], over path: Path, at now: UInt64) -> [(bytes: [UInt8], path: Path)] {
        take(session.receive(bytes, over: path, at: now, using: &random), at: now)
    }

    mutating func tick(at now: UInt64) -> [(bytes: [UInt8], path: Path)] {
        take(session.tick(at: now, using: &random), at: now)
    }

    mutating func rekeyChild(at now: UInt64) -> [(bytes: [UInt8], path: Path)] {
        take(session.rekeyChild(children[children.count - 1], at: now, using: &random), at: now)
    }

    mutating func rekey(at now: UInt64) -> [(bytes: [UInt8], path: Path)] {
        take(session.rekey(at: now, using: &random), at: now)
    }

    private mutating func take(_ actions: [Session.Action], at now: UInt64) -> [(bytes: [UInt8], path: Path)] {
        var said: [(bytes: [UInt8], path: Path)] = []
        for action in actions {
            switch action {
            case .send(let bytes, let path): said.append((bytes, path))
            case .judge:
                said += take(session.judged(.accepted(publicKeyInfo: gatewayKey), at: now, using: &random), at: now)
            case .use(let child): children.append(child)
            case .delete(let child): children.removeAll { $0 == child }
            case .failed(let reason): failure = "\(reason)"
            case .refused(let refusal): failure = "\(refusal)"
            default: break
            }
        }
        return said
    }
}
