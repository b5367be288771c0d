import Associations
import Wire

@testable import ControlPlane

/// A node's sessions with the effects carried out by hand: what was sent waits to be taken, barriers wait to be settled.
struct GatewayModel {
    static let address = SocketAddress(address: IPAddress("192.0.2.1")!, port: 500)

    var sessions: PeerSessions
    var random = UniqueSPIs(SeededGenerator(seed: 7))
    var now: UInt64 = 1_000_000_000
    /// Whether a barrier is settled by itself.
    var settles = true
    private(set) var sent: [(bytes: [UInt8], path: Path)] = []
    private(set) var published: [ShadowEntry] = []
    /// For one target alone.
    private(set) var alone: [(entry: ShadowEntry, holder: HolderID)] = []
    private(set) var barriers: [PeerSessions.ID] = []
    private(set) var log: [String] = []
    /// Everything in its order, in a word each.
    private(set) var story: [String] = []

    init(_ connections: [Connection], limits: HalfOpenLimits = HalfOpenLimits()) {
        sessions = PeerSessions(
            connections, gate: CookieGate(secret: SecretBytes([UInt8](repeating: 1, count: 32)), threshold: 0),
            limits: limits, at: now)
    }

    static func responder(limits: HalfOpenLimits = HalfOpenLimits()) throws -> GatewayModel {
        GatewayModel([Connection(try .sample(.responder))], limits: limits)
    }

    mutating func receive(_ bytes: [UInt8], from remote: SocketAddress) {
        let path = Path(local: Self.address, remote: remote)
        perform(sessions.receive(bytes, over: path, at: now, using: &random))
    }

    mutating func tick(at moment: UInt64) {
        now = moment
        perform(sessions.tick(at: now, using: &random))
    }

    mutating func settle(_ id: PeerSessions.ID, missing: [HolderID] = []) {
        barriers.removeAll { $0 == id }
        perform(sessions.settled(id, missing: missing, at: now, using: &random))
    }

    mutating func serve(_ targets: Set<HolderID>) {
        perform(sessions.targetsInService(targets, at: now, using: &random))
    }

    mutating func report(_ usage: [AssociationUsage], by holder: HolderID) {
        perform(sessions.reported(usage, by: holder, at: now, using: &random))
    }

    mutating func order(_ command: IKECommand) { perform(sessions.order(command, at: now, using: &random)) }

    mutating func takeSent() -> [(bytes: [UInt8], path: Path)] {
        defer { sent = [] }
        return sent
    }

    mutating func perform(_ effects: [PeerSessions.Effect]) {
        for effect in effects {
            switch effect {
            case .send(let bytes, let path):
                sent.append((bytes, path))
                story.append("send")
            case .publish(let entry):
                published.append(entry)
                story.append(entry.word)
            case .publishAlone(let entry, let holder):
                alone.append((entry, holder))
                story.append("\(entry.word) for \(holder)")
            case .barrier(let id):
                story.append("barrier")
                barriers.append(id)
                if settles { settle(id) }
            case .log(let line): log.append(line)
            default: break
            }
        }
    }

    /// What the targets would hold.
    var held: Set<ShadowEntry.Key> {
        var held: Set<ShadowEntry.Key> = []
        for entry in published {
            guard let key = entry.key else { continue }
            if case .install = entry { held.insert(key) } else { held.remove(key) }
        }
        return held
    }
}

extension ShadowEntry {
    fileprivate var word: String {
        switch self {
        case .begin, .complete, .allow, .relay, .advance: preconditionFailure("not of IKE")
        case .relocate: "relocate outbound"
        case .install(let association): "install \(association.direction)"
        case .remove(_, let direction): "remove \(direction)"
        }
    }
}

/// One client against a gateway: a session, at an address of its own.
struct ClientModel {
    var session: Session
    let address: SocketAddress
    var random: SeededGenerator
    private(set) var actions: [Session.Action] = []

    init(_ policy: SessionPolicy, at address: String, seed: UInt64) {
        session = Session(policy)
        self.address = SocketAddress(address: IPAddress(address)!, port: 500)
        random = SeededGenerator(seed: seed)
    }

    mutating func start(at now: UInt64) -> [[UInt8]] {
        take(session.start(Path(local: address, remote: GatewayModel.address), at: now, using: &random))
    }

    mutating func receive(_ bytes: [UInt8], at now: UInt64) -> [[UInt8]] {
        let path = Path(local: address, remote: GatewayModel.address)
        return take(session.receive(bytes, over: path, at: now, using: &random))
    }

    mutating func take(_ new: [Session.Action]) -> [[UInt8]] {
        actions += new
        return new.compactMap { if case .send(let bytes, _) = $0 { bytes } else { nil } }
    }

    /// Both ends talk until neither has anything to say.
    mutating func converse(_ opening: [[UInt8]], with gateway: inout GatewayModel) {
        var saying = opening
        for _ in 0..<50 where !saying.isEmpty {
            for bytes in saying { gateway.receive(bytes, from: address) }
            saying = []
            for (bytes, path) in gateway.takeSent() where path.remote == address {
                saying += receive(bytes, at: gateway.now)
            }
        }
    }
}
