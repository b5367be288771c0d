internal import Associations

extension Established {
    func child(inbound spi: SPI) -> Child? { children.first { $0.spis.inbound == spi } }
    func child(outbound spi: SPI) -> Child? { children.first { $0.spis.outbound == spi } }

    func index(ofChild spi: SPI) -> Int? { children.firstIndex { $0.spis.inbound == spi } }

    /// nil when it is not there.
    mutating func remove(_ spi: SPI) -> Child? {
        guard let index = children.firstIndex(where: { $0.spis.inbound == spi }) else { return nil }
        for other in children.indices where children[other].replacement == spi { children[other].replacement = nil }
        return children.remove(at: index)
    }

    /// Those that no other takes the place of, and those on their way: what the policy's bound is about.
    var childCount: Int {
        let wished = (tasks.map(\.kind)).count {
            if case .createChild(let wish) = $0 { wish.replacing == nil } else { false }
        }
        let asked = if case .createChild(let asked) = current.asked { asked.wish.replacing == nil ? 1 : 0 } else { 0 }
        let awaited = if case .child(_, replacing: nil) = awaited?.subject { 1 } else { 0 }
        return children.count { $0.replacement == nil } + wished + asked + awaited
    }

    /// How many carry the same.
    func countAlike(_ selectors: TrafficSelectors) -> Int {
        children.count { $0.replacement == nil && $0.selectors == selectors }
    }

    /// Whether a DELETE of it is under way, or waits for its turn.
    func isClosing(_ spi: SPI) -> Bool {
        if case .deleteChildren(let spis) = current.asked, spis.contains(spi) { return true }
        return tasks.contains {
            switch $0.kind {
            case .deleteChild(spi), .deleteReplaced(spi): true
            default: false
            }
        }
    }

    /// Our rekeying of it that is under way.
    func rekeying(_ spi: SPI) -> ChildAsked? {
        if case .createChild(let asked) = current.asked, asked.wish.replacing == spi { return asked }
        return nil
    }

    /// A Child SA got a successor: what waited for its turn with the old one is about the new.
    mutating func replace(_ old: SPI, by new: SPI) {
        guard let index = children.firstIndex(where: { $0.spis.inbound == old }) else { return }
        children[index].replacement = new
        tasks.removeAll { if case .rekeyChild(old) = $0.kind { true } else { false } }
        for index in tasks.indices {
            if case .deleteChild(old) = tasks[index].kind { tasks[index].kind = .deleteChild(new) }
        }
    }

    /// Puts a task behind the others, unless it is there.
    mutating func enqueue(_ task: SessionTask) {
        let isThere = tasks.contains { other in
            switch (other.kind, task.kind) {
            case (.probe, .probe), (.rekeyIKE, .rekeyIKE): true
            case (.deleteChild(let one), .deleteChild(let another)), (.rekeyChild(let one), .rekeyChild(let another)):
                one == another
            default: false
            }
        }
        if !isThere { tasks.append(task) }
    }
}
