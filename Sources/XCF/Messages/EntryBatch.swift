internal import Associations
internal import ControlPlane

/// The entries of one message, before they are wrapped: for each its length in 4 bytes, big-endian, and its bytes.
enum EntryBatch {
    enum Item {
        case entry(ShadowEntry)
        /// Of a kind or a form that this build does not know; its key, where it can be seen.
        case unreadable(ShadowEntry.Key?)
    }

    /// Holds key bytes: to be wiped by who wraps it.
    static func bytes(_ entries: [ShadowEntry]) -> [UInt8] {
        var parts = entries.map(\.bytes)
        var bytes: [UInt8] = []
        // Once, so that growing leaves no copies of keys behind.
        bytes.reserveCapacity(parts.reduce(0) { $0 + 4 + $1.count })
        for index in parts.indices {
            let count = UInt32(parts[index].count)
            bytes += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) }
            bytes += parts[index]
            parts[index].wipe()
        }
        return bytes
    }

    /// nil when it is not `count` entries, each whole.
    static func items(_ bytes: [UInt8], count: Int) -> [Item]? {
        guard count <= LinkBounds.entriesPerMessage else { return nil }
        var items: [Item] = []
        items.reserveCapacity(count)
        var offset = 0
        while offset < bytes.count {
            guard bytes.count - offset >= 4, items.count < count else { return nil }
            let length = bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
            offset += 4
            guard length <= bytes.count - offset else { return nil }
            var part = Array(bytes[offset..<offset + length])
            offset += length
            items.append(ShadowEntry(part).map(Item.entry) ?? .unreadable(ShadowEntry.Key(unreadable: part)))
            part.wipe()
        }
        return items.count == count ? items : nil
    }
}
