import Associations
import Testing
import Wire

@testable import ControlPlane

/// Several nodes by their addresses, and a network that loses what its seed says.
struct NodesModel {
    var nodes: [PeerSessions] = []
    /// Whose an address is.
    var owners: [IPAddress: Int] = [:]
    var random: UniqueSPIs<SeededGenerator>
    var weather: SeededGenerator
    /// Of a thousand datagrams.
    var lost = 0
    var now: UInt64 = 0
    private(set) var log: [String] = []

    init(seed: UInt64 = 1) {
        random = UniqueSPIs(SeededGenerator(seed: seed))
        weather = SeededGenerator(seed: seed + 1000)
    }

    mutating func add(_ addresses: [String], _ connections: [Connection]) {
        for address in addresses { owners[IPAddress(address)!] = nodes.count }
        nodes.append(
            PeerSessions(
                connections, gate: CookieGate(secret: random.secret(byteCount: 32), threshold: 100),
                limits: HalfOpenLimits(), at: now))
    }

    mutating func order(_ command: IKECommand, to node: Int) {
        carry(nodes[node].order(command, at: now, using: &random), of: node)
    }

    /// Timers that are due until then run, in their order.
    mutating func run(until end: UInt64) {
        while let (node, at) = nodes.indices.compactMap({ node in nodes[node].deadline.map { (node, $0) } })
            .min(by: { $0.1 < $1.1 }), at <= end
        {
            now = max(now, at)
            carry(nodes[node].tick(at: now, using: &random), of: node)
        }
        now = max(now, end)
    }

    private mutating func carry(_ first: [PeerSessions.Effect], of sender: Int) {
        var work = first.map { (sender, $0) }
        while !work.isEmpty {
            let (node, effect) = work.removeFirst()
            switch effect {
            case .barrier(let id):
                work += nodes[node].settled(id, missing: [], at: now, using: &random).map { (node, $0) }
            case .send(let bytes, let path):
                guard let receiver = owners[path.remote.address], Int(weather.next() % 1000) >= lost else { continue }
                let there = Path(local: path.remote, remote: path.local)
                work += nodes[receiver].receive(bytes, over: there, at: now, using: &random).map { (receiver, $0) }
            case .log(let line): log.append(line)
            default: break
            }
        }
    }

    func established(_ node: Int) -> [IKEReport.Session] { nodes[node].status.filter { $0.state == "established" } }
}

extension PeerSessions {
    /// What the indices say that is not so.
    var wrongIndices: [String] {
        var found: [String] = []
        var standing: [Int: Int] = [:]
        var acquaintances: [Acquaintance: Set<ID>] = [:]
        for (id, entry) in entries {
            if let place = entry.stands { standing[place, default: 0] += 1 }
            if let acquaintance = entry.acquaintance { acquaintances[acquaintance, default: []].insert(id) }
            if entry.session.isEstablished != (entry.acquaintance != nil) {
                found.append("\(id): \(entry.session.state)")
            }
            if entry.session.isClosed && entry.stands != nil { found.append("\(id) stands closed") }
        }
        if standing != self.standing { found.append("standing: \(self.standing), it is \(standing)") }
        if acquaintances != self.acquaintances { found.append("acquaintances") }
        return found
    }
}
