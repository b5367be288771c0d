internal import Associations
internal import Wire

/// What a target tells the router: how far it got in the stream, what it could not do, and what it sent.
///
/// ```
/// applied 8 | refusals n 1, n x (direction 1, SPI 4, reason 1) | usage n 1, n x (SPI 4, packets 8, bytes 8)
/// ```
struct ShadowReport: Sendable, Equatable {
    struct Refusal: Sendable, Hashable {
        var key: ShadowEntry.Key
        var reason: ShadowRefusal
    }

    /// Every entry up to this number is done, or refused.
    var applied: UInt64
    var refusals: [Refusal] = []
    var usage: [AssociationUsage] = []

    /// So that a report is one datagram; what is left comes with the next.
    static let refusalLimit = 16
    static let usageLimit = 50

    init(applied: UInt64, refusals: [Refusal] = [], usage: [AssociationUsage] = []) {
        self.applied = applied
        self.refusals = refusals
        self.usage = usage
    }

    var bytes: [UInt8] {
        precondition(refusals.count <= Self.refusalLimit && usage.count <= Self.usageLimit)
        var bytes = applied.bigEndianBytes + [UInt8(refusals.count)]
        for refusal in refusals {
            bytes.append(refusal.key.direction == .inbound ? 0 : 1)
            bytes.append(bigEndian: refusal.key.spi.rawValue)
            bytes.append(refusal.reason.rawValue)
        }
        bytes.append(UInt8(usage.count))
        for sent in usage {
            bytes.append(bigEndian: sent.spi.rawValue)
            bytes += sent.packets.bigEndianBytes + sent.bytes.bigEndianBytes
        }
        return bytes
    }

    /// nil for anything that `bytes` would not have written.
    init?(_ bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        let refusal: (inout ByteReader) -> Refusal? = { reader in
            guard let direction = reader.number(UInt8.self), direction <= 1, let spi = reader.number(UInt32.self),
                let reason = reader.number(UInt8.self).flatMap(ShadowRefusal.init(rawValue:))
            else { return nil }
            return Refusal(
                key: ShadowEntry.Key(spi: SPI(rawValue: spi), direction: direction == 0 ? .inbound : .outbound),
                reason: reason)
        }
        let usage: (inout ByteReader) -> AssociationUsage? = { reader in
            guard let spi = reader.number(UInt32.self), let packets = reader.number(UInt64.self),
                let bytes = reader.number(UInt64.self)
            else { return nil }
            return AssociationUsage(
                spi: SPI(rawValue: spi), direction: .outbound, packets: packets, bytes: bytes)
        }
        guard let applied = reader.number(UInt64.self), let refusals = reader.list(refusal),
            let sent = reader.list(usage), reader.isAtEnd, refusals.count <= Self.refusalLimit,
            sent.count <= Self.usageLimit
        else { return nil }
        self.init(applied: applied, refusals: refusals, usage: sent)
    }
}

/// Why a target does not hold an SA. The raw value is the one on the link.
public enum ShadowRefusal: UInt8, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    case tableFull = 1
    case selectorsDoNotFit = 2
    case windowTooWide = 3
    /// Something in the entry that this build does not know.
    case unreadable = 4

    public var description: String {
        switch self {
        case .tableFull: "its table of SAs is full"
        case .selectorsDoNotFit: "its table of selectors is full"
        case .windowTooWide: "it cannot keep so wide a replay window"
        case .unreadable: "it cannot read the entry: another version?"
        }
    }
}
