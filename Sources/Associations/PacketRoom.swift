public import Wire

/// What the layers around a packet take of a link's MTU. Every figure of that kind, wherever it is needed, is worked out
/// here (docs/mtu.md). All lengths are bytes of IP packets, link-layer headers left out.
///
///     | IP 20 or 40 | GRE 8 | IP 20 or 40 | UDP 8 | ESP 8 | IV | inner packet ... | padding | 2 | ICV |
///     '- trusted link only -'             '-- NAT only           '-- whole in tunnel mode, without its IP header otherwise
public struct PacketRoom: Sendable, Hashable {
    /// ESP's header and IV.
    public var prefixByteCount: Int
    public var icvByteCount: Int
    /// Of the encrypted part (RFC 4303 §2.4).
    public var alignment: Int
    public var mode: Mode
    /// ESP in UDP (RFC 3948).
    public var isInUDP: Bool
    /// The outer addresses are IPv6.
    public var isOuterV6: Bool

    public init(
        prefixByteCount: Int, icvByteCount: Int, alignment: Int, mode: Mode, isInUDP: Bool, isOuterV6: Bool = false
    ) {
        self.prefixByteCount = prefixByteCount
        self.icvByteCount = icvByteCount
        self.alignment = alignment
        self.mode = mode
        self.isInUDP = isInUDP
        self.isOuterV6 = isOuterV6
    }

    public init(_ transform: Transform, mode: Mode, isInUDP: Bool, isOuterV6: Bool = false) {
        self.init(
            prefixByteCount: 8 + transform.ivByteCount, icvByteCount: transform.icvByteCount,
            alignment: transform.alignment, mode: mode, isInUDP: isInUDP, isOuterV6: isOuterV6)
    }

    public init(_ association: SecurityAssociation) {
        self.init(
            association.transform, mode: association.mode, isInUDP: association.udpEncapsulation != nil,
            isOuterV6: !association.destination.isV4)
    }

    /// What GRE with a key takes on the trusted link.
    public static func gre(isV6: Bool = false) -> Int { ipHeader(isV6: isV6) + 8 }

    /// An IP header without options.
    public static func ipHeader(isV6: Bool) -> Int { isV6 ? 40 : 20 }

    /// The ESP packet's own IP packet around an inner packet of `byteCount`, whose header of `headerByteCount` (as long
    /// as an outer one, unless told otherwise) moves outside in transport mode.
    public func outerByteCount(forInner byteCount: Int, headerByteCount: Int? = nil) -> Int {
        let outer = Self.ipHeader(isV6: isOuterV6)
        let moved = mode == .tunnel ? 0 : headerByteCount ?? outer
        let payload = byteCount - moved
        let padding = -(payload + 2) & (alignment - 1)
        return (mode == .tunnel ? outer : moved) + (isInUDP ? 8 : 0) + prefixByteCount + payload + padding + 2
            + icvByteCount
    }

    /// The longest inner packet whose ESP packet fits `mtu`; 0 when none does.
    public func largestInner(in mtu: Int) -> Int {
        let outer = Self.ipHeader(isV6: isOuterV6)
        let room = mtu - outer - (isInUDP ? 8 : 0) - prefixByteCount - icvByteCount
        let payload = room & -alignment - 2
        return payload <= 0 ? 0 : payload + (mode == .tunnel ? 0 : outer)
    }

    /// The most that TCP may put into one segment of an inner packet (RFC 6691): without options, which TCP takes off itself.
    public static func segment(inPacketOf byteCount: Int, isV6: Bool = false) -> Int {
        max(byteCount - ipHeader(isV6: isV6) - 20, 0)
    }
}
