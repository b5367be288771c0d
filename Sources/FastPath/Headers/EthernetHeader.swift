internal import Wire

/// An Ethernet II header (IEEE 802.3 §3.2.6).
struct EthernetHeader {
    static let byteCount = 14
    enum Offset { static let destination = 0, source = 6, type = 12 }

    var type: EtherType

    /// nil when `bytes` is shorter than `byteCount`.
    @inline(__always)
    init?(reading bytes: RawSpan) {
        guard bytes.byteCount >= Self.byteCount else { return nil }
        type = EtherType(rawValue: bytes.bigEndian16(at: Offset.type))
    }
}

/// What an Ethernet frame carries (IEEE 802 numbers).
struct EtherType: Equatable {
    var rawValue: UInt16

    static let ipv4 = EtherType(rawValue: 0x0800)
    static let ipv6 = EtherType(rawValue: 0x86DD)
    /// 802.1Q customer tag and 802.1ad service tag: four bytes of which the last two are the next type.
    static let customerTag = EtherType(rawValue: 0x8100)
    static let serviceTag = EtherType(rawValue: 0x88A8)

    static let tagByteCount = 4
    var isTag: Bool { self == .customerTag || self == .serviceTag }
}
