internal import Associations

/// What may come to a target in clear from the router: the selectors of inbound SAs that the relay does. Asked only of
/// packets that are no ESP, one after the other: this is the slow way.
struct RelayedSelectors: ~Copyable {
    struct Entry: BitwiseCopyable {
        var spi = SPI(rawValue: 0)
        var head: Int32 = -1
    }

    private var entries: Slab<Entry>
    private var selectors: SelectorTable
    private(set) var count = 0
    private let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        entries = Slab(repeating: Entry(), count: capacity)
        selectors = SelectorTable(capacity: capacity * 2)
    }

    mutating func install(_ relayed: RelayedAssociation) throws(InstallFailure) {
        let known = place(of: relayed.spi)
        guard known != nil || count < capacity else { throw .tableFull(capacity: capacity) }
        guard let head = selectors.install(relayed.selectors) else { throw .selectorsDoNotFit }
        if let known {
            selectors.remove(entries[known].head)
            entries[known].head = head
        } else {
            entries[count] = Entry(spi: relayed.spi, head: head)
            count += 1
        }
    }

    /// Nothing happens where there is no such SA.
    mutating func remove(_ spi: SPI) {
        guard let place = place(of: spi) else { return }
        selectors.remove(entries[place].head)
        count -= 1
        entries[place] = entries[count]
    }

    func allow(_ flow: Flow) -> Bool {
        for place in 0..<count where selectors.allow(flow, head: entries[place].head) { return true }
        return false
    }

    private func place(of spi: SPI) -> Int? { (0..<count).first { entries[$0].spi == spi } }
}
