extension Established {
    private var currentIndex: Int {
        guard let index = associations.firstIndex(where: { $0.phase == .current }) else {
            preconditionFailure("one IKE SA is the current one")
        }
        return index
    }

    /// The IKE SA that our requests go through.
    var current: IKEAssociation {
        get { associations[currentIndex] }
        set { associations[currentIndex] = newValue }
    }

    /// The current one's keys.
    var channel: SealedChannel {
        get { current.channel }
        set { current.channel = newValue }
    }

    func index(of spi: IKESPI) -> Int? { associations.firstIndex { $0.ownSPI == spi } }

    /// Every SPI by which messages are claimed.
    var claimed: [IKESPI] {
        var spis = associations.map(\.ownSPI)
        for case .rekeyIKE(let asked) in associations.compactMap(\.asked) { spis.append(asked.spi) }
        return spis
    }

    /// Our rekeying of the current IKE SA that is under way.
    var rekeying: SuccessorAsked? {
        if case .rekeyIKE(let asked) = current.asked { asked } else { nil }
    }

    /// Makes the association of this SPI the current one. The one before is the peer's or ours to delete.
    mutating func succeed(by spi: IKESPI, leaving phase: IKEAssociation.Phase) {
        current.phase = phase
        guard let index = index(of: spi) else { preconditionFailure("the successor is there") }
        associations[index].phase = .current
        lifetime = nil
        // What was begun through the one before is not gone on with.
        awaited = nil
        // Whether the peer is there, its rekey has shown.
        tasks.removeAll { if case .rekeyIKE = $0.kind { true } else { false } }
    }

    /// Forgets one that is not the current; the actions say so.
    mutating func drop(_ index: Int) -> [Session.Action] {
        precondition(associations[index].phase != .current)
        let dropped = associations.remove(at: index)
        var released = [dropped.ownSPI]
        if case .rekeyIKE(let asked) = dropped.asked { released.append(asked.spi) }
        repeatMove(dropped.asked)
        return released.map { .release($0) }
    }

    /// Room for one more: an IKE SA that only repeats its last answer gives way, the oldest first.
    mutating func makeRoom() -> (hasRoom: Bool, actions: [Session.Action]) {
        guard associations.count >= Self.maximumAssociations else { return (true, []) }
        guard
            let index = associations.firstIndex(where: { if case .gone = $0.phase { true } else { false } })
        else { return (false, []) }
        return (true, drop(index))
    }
}
