/// Who is due when: a binary heap, where a deadline that has moved leaves its old place behind as a dead entry.
struct DeadlineQueue<Owner: Hashable & Sendable>: Sendable {
    private var heap: [(at: UInt64, owner: Owner)] = []

    /// The earliest; perhaps of an entry that is dead.
    var first: UInt64? { heap.first?.at }
    var count: Int { heap.count }

    mutating func insert(_ owner: Owner, at moment: UInt64) {
        heap.append((moment, owner))
        var index = heap.count - 1
        while index > 0, heap[index].at < heap[(index - 1) / 2].at {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// The earliest entry that is due, taken out; nil when none is.
    mutating func pop(until now: UInt64) -> (at: UInt64, owner: Owner)? {
        guard let first = heap.first, first.at <= now else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count && heap[child].at < heap[least].at {
                least = child
            }
            guard least != index else { return first }
            heap.swapAt(index, least)
            index = least
        }
    }
}
