internal import Associations

/// After the cluster's key has changed: what is wrapped under a former key is wrapped anew, a few entries at a time, each
/// only as long as it is what was read. Whoever writes meanwhile is not in the way, nor disturbed.
public struct Rewrapping: Sendable {
    static let batch = 50

    private let keys: CouplingKeys
    private let ring: KeyRing
    private var random: any IKERandomness & Sendable
    private var waiting: ArraySlice<CouplingEntry> = []
    /// How many are done.
    public private(set) var count = 0
    /// What cannot be read, and stays as it is.
    public private(set) var unreadable: [CouplingRecords.Unreadable] = []

    public init(keys: CouplingKeys, ring: KeyRing, random: any IKERandomness & Sendable) {
        self.keys = keys
        self.ring = ring
        self.random = random
    }

    /// Everything. After a failure it may be begun again.
    public static func all(
        in facility: any CouplingFacility, keys: CouplingKeys, ring: KeyRing, random: any IKERandomness & Sendable
    ) async throws(CouplingFailure) -> Rewrapping {
        var rewrapping = Rewrapping(keys: keys, ring: ring, random: random)
        while try await !rewrapping.advance(in: facility) {}
        return rewrapping
    }

    /// One question to the facility; true when nothing is left.
    public mutating func advance(in facility: any CouplingFacility) async throws(CouplingFailure) -> Bool {
        guard !waiting.isEmpty else {
            let entries = try await facility.list(keys.prefix).entries.filter {
                $0.key.hasPrefix(keys.associations) || $0.key.hasPrefix(keys.sequences)
            }
            let known = Set(unreadable.map(\.key))
            waiting = entries.filter { ring.isFormer($0.value) && !known.contains($0.key) }[...]
            guard waiting.isEmpty else { return false }
            // Under a key that is not in the ring, or under none: to be known before somebody takes a key out for good.
            for entry in entries where !known.contains(entry.key) {
                let failure: KeyRing.Failure
                switch KeyRing.keyID(of: entry.value) {
                case nil: failure = .malformed
                case let id? where !ring.has(id): failure = .unknownKey(id)
                case _?: continue
                }
                unreadable.append(CouplingRecords.Unreadable(key: entry.key, failure: failure))
            }
            return true
        }
        let batch = waiting.prefix(Self.batch)
        var transaction = CouplingTransaction([])
        for entry in batch {
            do throws(KeyRing.Failure) {
                var plaintext = try ring.unwrap(entry.value, context: entry.key)
                defer { plaintext.wipe() }
                transaction.comparisons.append(.revision(entry.key, entry.modifiedRevision))
                transaction.operations.append(.put(entry.key, ring.wrap(plaintext, context: entry.key, using: &random)))
            } catch {
                unreadable.append(CouplingRecords.Unreadable(key: entry.key, failure: error))
            }
        }
        let outcome = try await facility.commit(transaction)
        waiting.removeFirst(batch.count)
        // Of a refused batch the next listing shows what is left of it.
        if case .committed = outcome { count += transaction.operations.count }
        return false
    }
}
