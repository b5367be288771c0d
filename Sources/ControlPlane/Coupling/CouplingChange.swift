public import Associations
internal import Wire

/// What the owner has written down.
public enum CouplingChange: Sendable {
    /// Replaces the one of the same SPI and direction.
    case store(SecurityAssociation)
    case remove(ShadowEntry.Key)
    /// An outbound SA's numbers below `mark` are reserved. A mark never falls: a lower one than before changes nothing.
    case reserve(SequenceKey, mark: UInt64)
    /// Numbers from `next` on were never granted, and whoever granted them grants no more: the mark goes back from `mark` to
    /// `next`, unless it is another one by now (docs/coupling.md).
    case giveBack(SequenceKey, mark: UInt64, next: UInt64)
    /// The key of these numbers is gone for good.
    case forget(SequenceKey)
}

/// What a new owner finds.
public struct CouplingRecords: Sendable {
    /// What is there and cannot be read. It is not taken for absent: an SA whose mark is among these may not send.
    public struct Unreadable: Sendable, Hashable {
        public var key: String
        public var failure: KeyRing.Failure

        public init(key: String, failure: KeyRing.Failure) {
            self.key = key
            self.failure = failure
        }
    }

    public var associations: [SecurityAssociation] = []
    public var marks: [SequenceKey: UInt64] = [:]
    public var unreadable: [Unreadable] = []
    /// How many are wrapped under a former key still.
    public var former = 0

    public init() {}
}

extension CouplingRecords {
    init(_ entries: [CouplingEntry], keys: CouplingKeys, ring: KeyRing) {
        self.init()
        for entry in entries {
            let isAssociation = entry.key.hasPrefix(keys.associations)
            guard isAssociation || entry.key.hasPrefix(keys.sequences) else { continue }
            if ring.isFormer(entry.value) { former += 1 }
            do throws(KeyRing.Failure) {
                var plaintext = try ring.unwrap(entry.value, context: entry.key)
                defer { plaintext.wipe() }
                if isAssociation {
                    associations.append(try Self.association(plaintext, at: entry.key, keys))
                } else {
                    let key = SequenceKey(entry.key.dropFirst(keys.sequences.count))
                    var reader = ByteReader(plaintext)
                    guard let key, let mark = reader.number(UInt64.self), reader.isAtEnd, mark > 0 else {
                        throw .malformed
                    }
                    marks[key] = mark
                }
            } catch {
                unreadable.append(Unreadable(key: entry.key, failure: error))
            }
        }
    }

    private static func association(
        _ plaintext: [UInt8], at key: String, _ keys: CouplingKeys
    ) throws(KeyRing.Failure) -> SecurityAssociation {
        guard case .install(let association) = ShadowEntry(plaintext),
            keys.association(ShadowEntry.Key(spi: association.spi, direction: association.direction)) == key
        else { throw .malformed }
        return association
    }
}

extension CouplingChange {
    func key(in keys: CouplingKeys) -> String {
        switch self {
        case .store(let association):
            keys.association(ShadowEntry.Key(spi: association.spi, direction: association.direction))
        case .remove(let key): keys.association(key)
        case .reserve(let key, _), .giveBack(let key, _, _), .forget(let key): keys.sequence(key)
        }
    }
}
