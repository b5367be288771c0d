import Associations
import Wire

@testable import ControlPlane

/// Two established sessions, what their shells will yet ask of them, and a network in which anything may happen to a
/// datagram: a node of the search for an order that breaks something.
struct Collision {
    enum Command: String, CaseIterable, Sendable, Hashable {
        case rekeyChild, rekeyIKE, addChild, deleteChild, close, probe

        static let creating: Set<Command> = [.rekeyChild, .rekeyIKE, .addChild]
    }

    struct Start: Sendable, Hashable {
        var end: SessionPair.End
        var command: Command
    }

    struct Datagram {
        var bytes: [UInt8]
        var receiver: SessionPair.End
        var digest: Int

        var words: String {
            let header = IKEHeader(bytes)!
            let kind = header.flags.contains(.response) ? "answer" : "request"
            return "\(receiver): \(header.exchange) \(kind) \(header.messageID) of \(header.initiatorSPI)"
        }
    }

    /// One end with its shell. What it is follows from what it was told, in this order: `history` is that, digested.
    struct Side {
        var session: Session
        var shell: ShellModel
        var random: SeededGenerator
        var history = 0
        var hasFailed = false
    }

    private(set) var sides: [SessionPair.End: Side]
    private(set) var underWay: [Datagram] = []
    private(set) var starts: [Start]
    /// Datagrams that may yet be lost or doubled, and timers that may yet run while datagrams are under way.
    private(set) var faultsLeft: Int
    private(set) var now: UInt64
    let firstChild: [SessionPair.End: ChildSPIs]
    let firstSPI: IKESPI
    /// The way here, for people.
    private(set) var way: [Step] = []

    enum Step {
        case start(Start)
        case tick(SessionPair.End)
        case delivered(Datagram)
        case copied(Datagram)
        case lost(Datagram)

        var words: String {
            switch self {
            case .start(let start): "\(start.end): \(start.command)"
            case .tick(let end): "tick of \(end)"
            case .delivered(let datagram): "to \(datagram.words)"
            case .copied(let datagram): "a copy to \(datagram.words)"
            case .lost(let datagram): "lost to \(datagram.words)"
            }
        }
    }

    init(_ pair: SessionPair, _ starts: [Start], faults: Int, seed: UInt64) {
        sides = [:]
        for (number, end) in [SessionPair.End.initiator, .responder].enumerated() {
            sides[end] = Side(
                session: pair[end], shell: pair.shells[end]!, random: SeededGenerator(seed: 100 * seed + UInt64(number))
            )
        }
        firstChild = [.initiator: pair.children(.initiator)[0], .responder: pair.children(.responder)[0]]
        firstSPI = pair.initiator.spis!.initiator
        self.starts = starts
        faultsLeft = faults
        now = pair.now
    }

    enum Move {
        case start(Int)
        case deliver(Int)
        case deliverCopy(Int)
        case lose(Int)
        case tick(SessionPair.End)
    }

    /// Nodes with the same key have the same future.
    var key: Int {
        var hasher = Hasher()
        hasher.combine(sides[.initiator]!.history)
        hasher.combine(sides[.responder]!.history)
        hasher.combine(underWay.map(\.digest).sorted())
        hasher.combine(starts)
        hasher.combine(faultsLeft)
        hasher.combine(now)
        return hasher.finalize()
    }

    /// Timers that are only there to forget are not waited for.
    private func deadline(_ end: SessionPair.End) -> UInt64? {
        guard case .established(let established) = sides[end]!.session.state else { return nil }
        let isWaiting =
            established.associations.contains { $0.isBusy } || !established.tasks.isEmpty
            || established.awaited != nil
        return isWaiting ? established.deadline(deadPeerAfter: nil) : nil
    }

    var possibleMoves: [Move] {
        var moves: [Move] = starts.indices.map { .start($0) }
        var seen: Set<Int> = []
        for index in underWay.indices where seen.insert(underWay[index].digest).inserted {
            moves.append(.deliver(index))
            if faultsLeft > 0 { moves += [.deliverCopy(index), .lose(index)] }
        }
        let due = [SessionPair.End.initiator, .responder].compactMap { end in deadline(end).map { (end, $0) } }
        if underWay.isEmpty {
            if let first = due.min(by: { $0.1 < $1.1 }) { moves.append(.tick(first.0)) }
        } else if faultsLeft > 0 {
            moves += due.map { .tick($0.0) }
        }
        return moves
    }

    func after(_ move: Move) -> Collision {
        var next = self
        switch move {
        case .start(let index):
            let start = next.starts.remove(at: index)
            next.way.append(.start(start))
            next.act(start.end, note: start.command) { next, side in next.start(start, &side) }
        case .deliver(let index):
            next.way.append(.delivered(underWay[index]))
            next.deliver(next.underWay.remove(at: index))
        case .deliverCopy(let index):
            next.faultsLeft -= 1
            next.way.append(.copied(underWay[index]))
            next.deliver(underWay[index])
        case .lose(let index):
            next.faultsLeft -= 1
            next.way.append(.lost(next.underWay.remove(at: index)))
        case .tick(let end):
            if !underWay.isEmpty { next.faultsLeft -= 1 }
            next.now = max(now, deadline(end)!)
            next.way.append(.tick(end))
            next.act(end, note: next.now) { next, side in side.session.tick(at: next.now, using: &side.random) }
        }
        return next
    }

    private func start(_ start: Start, _ side: inout Side) -> [Session.Action] {
        start.command.run(&side.session, firstChild[start.end]!, at: now, using: &side.random)
    }

    /// To the session, if its shell has claimed the SPI.
    private mutating func deliver(_ datagram: Datagram) {
        let end = datagram.receiver
        let header = IKEHeader(datagram.bytes)!
        let spi = header.flags.contains(.initiator) ? header.responderSPI : header.initiatorSPI
        guard sides[end]!.shell.claimed.contains(spi) else { return }
        let addresses = [SessionPair.responderAddress, SessionPair.initiatorAddress]
        let path =
            end == .responder
            ? Path(local: addresses[0], remote: addresses[1]) : Path(local: addresses[1], remote: addresses[0])
        act(end, note: datagram.digest) { next, side in
            side.session.receive(datagram.bytes, over: path, at: next.now, using: &side.random)
        }
    }

    private mutating func act(
        _ end: SessionPair.End, note: some Hashable, _ action: (Collision, inout Side) -> [Session.Action]
    ) {
        var side = sides[end]!
        let actions = action(self, &side)
        side.shell.carry(actions)
        var changes = false
        for action in actions {
            switch action {
            case .count(.answerRepeated), .count(.stale), .count(.foreign), .count(.outOfWindow): break
            case .send(let bytes, _):
                var hasher = Hasher()
                hasher.combine(bytes)
                underWay.append(
                    Datagram(
                        bytes: bytes, receiver: end == .initiator ? .responder : .initiator, digest: hasher.finalize()))
            case .failed: side.hasFailed = true
            default: break
            }
        }
        // What only asks again, or comes again, changes nothing at its receiver.
        changes = !actions.contains { action in
            switch action {
            case .count(.answerRepeated), .count(.stale), .count(.foreign), .count(.outOfWindow): true
            default: false
            }
        }
        if changes {
            var hasher = Hasher()
            hasher.combine(side.history)
            hasher.combine(note)
            hasher.combine(now)
            side.history = hasher.finalize()
        }
        sides[end] = side
    }
}

extension Collision.Command {
    /// What the shell says; `child` is the one that the commands about a Child SA are about.
    func run(
        _ session: inout Session, _ child: ChildSPIs, at now: UInt64, using random: inout SeededGenerator
    ) -> [Session.Action] {
        switch self {
        case .rekeyChild: return session.rekeyChild(child, at: now, using: &random)
        case .rekeyIKE: return session.rekey(at: now, using: &random)
        case .addChild: return session.addChild(at: now, using: &random)
        case .deleteChild: return session.deleteChild(child, at: now, using: &random)
        case .close: return session.close(at: now)
        case .probe: return session.probe(at: now)
        }
    }
}
