import Associations
import Wire

@testable import ControlPlane

/// Two sessions, the network between them, one clock and one seed.
struct SessionPair {
    enum End: Hashable { case initiator, responder }

    /// Of a thousand datagrams.
    struct Weather {
        var lost = 0
        var doubled = 0
        /// Nanoseconds that a datagram may be late.
        var delay: UInt64 = 0
        var garbled = 0
    }

    private struct Datagram {
        var bytes: [UInt8]
        var path: Path
        var receiver: End
        var arrival: UInt64
    }

    static let initiatorAddress = SocketAddress(address: IPAddress("10.0.0.1")!, port: 500)
    static let responderAddress = SocketAddress(address: IPAddress("192.0.2.1")!, port: 500)
    static let natAddress = IPAddress("203.0.113.7")!

    var initiator: Session
    var responder: Session
    var random: SeededGenerator
    var weather = Weather()
    /// Whether the initiator's address is another one to the responder.
    var hasNAT = false
    /// What the NAT adds to the initiator's ports.
    var natOffset: UInt16 = 20_000
    /// Asked before a responder that has not begun.
    var gate: CookieGate?
    var now: UInt64 = 1_000_000_000
    private(set) var actions: [End: [Session.Action]] = [.initiator: [], .responder: []]
    private(set) var shells: [End: ShellModel] = [.initiator: ShellModel(), .responder: ShellModel()]
    private(set) var sent: [End: [[UInt8]]] = [.initiator: [], .responder: []]
    private var underWay: [Datagram] = []
    /// The NAT's, of those ports to the initiator's; none is ever forgotten.
    private var mappings: [UInt16: UInt16] = [:]

    /// What becomes of certificates; by and by it is asked for a verdict, later than it was asked by `delay` at most.
    var judge: @Sendable (PeerCertificate) -> CertificateVerdict = { _ in .refused("nobody judges") }
    private var verdicts: [(verdict: CertificateVerdict, end: End, due: UInt64)] = []

    init(_ initiator: SessionPolicy, _ responder: SessionPolicy, seed: UInt64 = 1) {
        self.init(initiator, candidates: [responder], seed: seed)
    }

    init(_ initiator: SessionPolicy, candidates: [SessionPolicy], seed: UInt64 = 1) {
        self.initiator = Session(initiator)
        responder = Session(candidates: candidates)
        random = SeededGenerator(seed: seed)
    }

    mutating func start(isInitialContact: Bool = false) {
        let path = Path(local: Self.initiatorAddress, remote: Self.responderAddress)
        carry(initiator.start(path, isInitialContact: isInitialContact, at: now, using: &random), of: .initiator)
    }

    /// Carries actions out, and keeps them.
    mutating func carry(_ new: [Session.Action], of end: End) {
        actions[end, default: []] += new
        for case .judge(let certificate) in new {
            let late = weather.delay == 0 ? 0 : random.next() % weather.delay
            verdicts.append((judge(certificate), end, now + late))
        }
        shells[end, default: ShellModel()].carry(new)
        for case .send(let bytes, let path) in new {
            sent[end, default: []].append(bytes)
            let copies = hits(weather.doubled) ? 2 : 1
            for _ in 0..<copies where !hits(weather.lost) {
                let late = weather.delay == 0 ? 0 : random.next() % weather.delay
                var bytes = bytes
                if hits(weather.garbled) {
                    bytes[Int(random.next() % UInt64(bytes.count))] ^= UInt8(1 << (random.next() % 8))
                }
                underWay.append(
                    Datagram(
                        bytes: bytes, path: seen(path), receiver: end == .initiator ? .responder : .initiator,
                        arrival: now + 1_000_000 + late))
            }
        }
    }

    private mutating func hits(_ perMille: Int) -> Bool { Int(random.next() % 1000) < perMille }

    /// The path as the other end sees it.
    private mutating func seen(_ path: Path) -> Path {
        var there = Path(local: path.remote, remote: path.local)
        guard hasNAT else { return there }
        if there.remote.address == Self.initiatorAddress.address {
            let own = there.remote.port
            there.remote = SocketAddress(address: Self.natAddress, port: own + natOffset)
            mappings[own + natOffset] = own
        }
        if there.local.address == Self.natAddress {
            there.local = SocketAddress(address: Self.initiatorAddress.address, port: mappings[there.local.port] ?? 0)
        }
        return there
    }

    /// Lets everything happen that is to happen until `end`: datagrams in the order of their arrival, timers when they
    /// are due.
    mutating func run(until end: UInt64 = .max, maximumSteps: Int = 10_000) {
        for _ in 0..<maximumSteps {
            let arrival = underWay.map(\.arrival).min()
            let timer = [initiator.deadline, responder.deadline].compactMap { $0 }.min()
            let verdict = verdicts.map(\.due).min()
            guard let next = [arrival, timer, verdict].compactMap({ $0 }).min(), next <= end else { return }
            now = max(now, next)
            if verdict == next {
                pass(verdicts.firstIndex { $0.due == next }!)
            } else if let index = underWay.firstIndex(where: { $0.arrival == arrival }), arrival == next {
                deliver(underWay.remove(at: index))
            } else {
                carry(initiator.tick(at: now, using: &random), of: .initiator)
                carry(responder.tick(at: now, using: &random), of: .responder)
            }
        }
    }

    /// As `run`, until no datagram is under way: timers stay where they are.
    mutating func settle() {
        while true {
            if !verdicts.isEmpty {
                pass(0)
                continue
            }
            guard let index = underWay.indices.min(by: { underWay[$0].arrival < underWay[$1].arrival }) else { return }
            now = max(now, underWay[index].arrival)
            deliver(underWay.remove(at: index))
        }
    }

    private mutating func pass(_ index: Int) {
        let (verdict, end, _) = verdicts.remove(at: index)
        switch end {
        case .initiator: carry(initiator.judged(verdict, at: now, using: &random), of: end)
        case .responder: carry(responder.judged(verdict, at: now, using: &random), of: end)
        }
    }

    private mutating func deliver(_ datagram: Datagram) {
        switch datagram.receiver {
        case .initiator:
            carry(initiator.receive(datagram.bytes, over: datagram.path, at: now, using: &random), of: .initiator)
        case .responder:
            if case .idle = responder.state, let gate {
                switch gate.judge(datagram.bytes, from: datagram.path.remote, halfOpen: 0) {
                case .admit: break
                case .ignore: return
                case .challenge(let bytes): return carry([.send(bytes, datagram.path)], of: .responder)
                }
            }
            carry(responder.receive(datagram.bytes, over: datagram.path, at: now, using: &random), of: .responder)
        }
    }

    subscript(end: End) -> Session {
        get { end == .initiator ? initiator : responder }
        set { if end == .initiator { initiator = newValue } else { responder = newValue } }
    }

    /// A command of an end's shell.
    mutating func command(
        _ end: End, _ command: (inout Session, UInt64, inout SeededGenerator) -> [Session.Action]
    ) {
        var session = self[end]
        let new = command(&session, now, &random)
        self[end] = session
        carry(new, of: end)
    }

    /// The Child SAs that an end has.
    func children(_ end: End) -> [ChildSPIs] {
        guard case .established(let established) = self[end].state else { return [] }
        return established.children.map(\.spis)
    }

    /// Lets go of what was said and sent, which nobody looks at in a long run.
    mutating func forget() {
        actions = [:]
        sent = [:]
    }

    /// What the ends do not agree about.
    var disagreements: [String] { ShellModel.disagreements(shells[.initiator]!, shells[.responder]!) }

    /// What an end did, in words, without counts and datagrams.
    func story(_ end: End) -> [String] { actions[end, default: []].compactMap(\.event) }
    func installed(_ end: End) -> [ChildSecurityAssociations] {
        actions[end, default: []].compactMap { if case .install(let pair, _) = $0 { pair } else { nil } }
    }
    func counted(_ end: End) -> [Session.Event] {
        actions[end, default: []].compactMap { if case .count(let event) = $0 { event } else { nil } }
    }
}

extension Session.Action {
    /// In one word or a few; nil for what every story is full of.
    var event: String? {
        switch self {
        case .send, .count, .claim, .release, .use, .keepAlive: nil
        case .redirected(let redirected): "redirected to \(redirected.to), \(redirected.count)"
        case .relocate(_, let path, let encapsulation):
            "relocate to \(path.remote)" + (encapsulation == nil ? "" : " in UDP")
        case .move(let path): "move to \(path.local.port)-\(path.remote.port)"
        case .reauthenticate: "reauthenticate"
        case .notMade(let resource): "not made: \(resource)"
        case .judge: nil
        case .initialContact: "initial contact"
        case .established: "established"
        case .install: "install"
        case .delete: "delete"
        case .refused(let refusal): "refused: \(refusal)"
        case .closed: "closed"
        case .failed(let failure): "failed: \(failure)"
        }
    }
}

extension IdentificationPayload {
    static func name(_ name: String) -> Self { Self(.fqdn, data: Array(name.utf8)) }
}

extension SessionPolicy {
    /// One end's of two that get on with each other.
    static func sample(
        _ end: SessionPair.End, proposals: [String] = ["aes128gcm16-prfsha256-x25519"],
        child: [String] = ["aes128gcm16"], key: String = "correct horse battery staple",
        local: [String]? = nil, remote: [String]? = nil, mode: Mode = .tunnel
    ) throws -> SessionPolicy {
        let names = end == .initiator ? ["a.example", "b.example"] : ["b.example", "a.example"]
        let networks = end == .initiator ? ["10.1.0.0/16", "10.2.0.0/16"] : ["10.2.0.0/16", "10.1.0.0/16"]
        var policy = try SessionPolicy(
            name: names[0], proposals: proposals, childProposals: child,
            localID: IdentificationPayload(.fqdn, data: Array(names[0].utf8)),
            remoteID: IdentificationPayload(.fqdn, data: Array(names[1].utf8)),
            presharedKey: SecretBytes(Array(key.utf8)),
            selectors: TrafficSelectors(
                remote: (remote ?? [networks[1]]).map { AddressRange($0)! },
                local: (local ?? [networks[0]]).map { AddressRange($0)! }),
            mode: mode)
        // Tests that wait for rest would wait for ever.
        policy.timing.keepAlive = nil
        // Nothing by itself, so that a test sees what it asked for.
        policy.lifetimes = .unlimited
        policy.timing.deadPeerAfter = nil
        return policy
    }
}

/// Everything a value holds, objects by identity: equal before and after means that nothing changed.
func contents(of value: Any) -> [String] {
    if type(of: value) is AnyClass { return ["\(ObjectIdentifier(value as AnyObject))"] }
    let children = Mirror(reflecting: value).children
    if children.isEmpty { return ["\(value)"] }
    return children.flatMap { ["\($0.label ?? "-")"] + contents(of: $0.value) }
}
