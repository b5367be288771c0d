internal import Associations
internal import Wire

/// A GRE header with a key and nothing else (RFC 2784, RFC 2890): what routers send to targets. The key is the epoch
/// of the DVIPA's owner, so that a target can refuse what an old owner still sends.
struct GREHeader: Equatable {
    static let byteCount = 8
    enum Offset { static let flagsAndVersion = 0, type = 2, key = 4 }
    /// Key present, version 0.
    static let keyOnly: UInt16 = 0x2000

    var flagsAndVersion: UInt16
    var type: UInt16
    var key: UInt32

    init(type: EtherType, epoch: Epoch) {
        flagsAndVersion = Self.keyOnly
        self.type = type.rawValue
        key = epoch.rawValue
    }

    /// nil when fewer than 8 bytes follow `offset`.
    init?(reading bytes: RawSpan, at offset: Int) {
        guard bytes.byteCount &- offset >= Self.byteCount else { return nil }
        flagsAndVersion = bytes.bigEndian16(at: offset + Offset.flagsAndVersion)
        type = bytes.bigEndian16(at: offset + Offset.type)
        key = bytes.bigEndian32(at: offset + Offset.key)
    }

    /// Traps when fewer than 8 bytes follow `offset`.
    func write(to bytes: inout MutableRawSpan, at offset: Int) {
        bytes.storeBigEndian(flagsAndVersion, at: offset + Offset.flagsAndVersion)
        bytes.storeBigEndian(type, at: offset + Offset.type)
        bytes.storeBigEndian(key, at: offset + Offset.key)
    }
}
