/// Hash -> target, in one load: the lookup tables of Maglev (Eisenbud et al., NSDI 2016, §3.4), one for each service that
/// asks for it, made at start of all the service's targets.
///
/// Each target goes through the places in an order of its own, which follows from its address alone, and the targets take
/// turns in taking the next free place of theirs. So all have the same number of places within one, and every router has
/// the same table, whatever the order of its file.
///
/// A table is not made anew when a target goes: who meets one that cannot takes another hash. That moves the connections
/// of that target alone, over all the others, and gives it back its own and no others when it returns; a table made
/// anew would move some of everybody's, and would have to be made while packets wait (docs/steering.md).
struct MaglevTable: ~Copyable {
    /// Places of a service: a prime, so that every step goes round through all of them. A hundred for each target make
    /// their shares even within 1 %.
    private static let sizes = [1021, 4093, 16_381, 65_521, 262_139]
    static func size(for targetCount: Int) -> Int { sizes.first { $0 >= 100 * targetCount } ?? sizes[sizes.count - 1] }

    /// Hashes that are tried before the caller has to look at all targets.
    private static let attempts = 8

    private var places: Slab<UInt16>
    private let hash = TableHash(fixed: ())

    /// - Parameter services: Of each service the identities of its targets; none of one that needs no table.
    init(_ services: [[UInt64]]) {
        let tables = services.map { Self.fill($0) }
        places = Slab(repeating: 0, count: max(tables.reduce(0) { $0 + $1.count }, 1))
        var at = 0
        for table in tables {
            for place in table {
                places[at] = place
                at += 1
            }
        }
    }

    /// Which of the targets has each place: an index into `identities`.
    static func fill(_ identities: [UInt64]) -> [UInt16] {
        guard !identities.isEmpty else { return [] }
        let hash = TableHash(fixed: ())
        let size = Self.size(for: identities.count)
        // Who goes first in a round must not depend on the order of the file.
        let order = identities.indices.sorted { identities[$0] < identities[$1] }
        let steps = identities.map {
            (offset: Int(hash($0, 1) % UInt64(size)), skip: Int(hash($0, 2) % UInt64(size - 1)) + 1)
        }
        var next = steps.map(\.offset)
        var table = Array(repeating: UInt16.max, count: size)
        var left = size
        while true {
            for target in order {
                while table[next[target]] != .max { next[target] = (next[target] + steps[target].skip) % size }
                table[next[target]] = UInt16(target)
                left -= 1
                if left == 0 { return table }
            }
        }
    }

    /// The first that may, of the targets that a connection's hash leads to one after the other: an index into the
    /// service's targets, or -1 when so many cannot that all of them have to be looked at.
    ///
    /// - Parameter first: Where the service's table begins: places of the services before it.
    @inline(__always)
    func find(_ connection: UInt64, first: Int, size: Int, isUsable: (Int) -> Bool) -> Int {
        var value = connection
        for attempt in 0..<Self.attempts {
            let target = Int(places[first + Int(value % UInt64(size))])
            if isUsable(target) { return target }
            value = hash(value, UInt64(attempt + 1))
        }
        return -1
    }
}
