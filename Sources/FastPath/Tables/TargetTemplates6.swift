internal import Associations
internal import Wire

/// What is written in front of a packet for a target with an IPv6 trusted address (RFC 7676).
///
///     | Ethernet 14 | IPv6 40 | GRE 8 (key: epoch) | the ESP datagram, as it came
///
/// A template holds the 62 bytes with a payload length of 0; IPv6 has no header checksum, and GRE here none (RFC 7676 §3.2
/// allows that: ESP inside protects itself).
struct TargetTemplates6: ~Copyable {
    static let byteCount = EthernetHeader.byteCount + IPv6Header.byteCount + GREHeader.byteCount
    /// What GRE and its IPv6 header add to a datagram.
    static let overheadByteCount = IPv6Header.byteCount + GREHeader.byteCount
    private static let stride = 64

    private let memory: FrameMemory

    init(count: Int) { memory = FrameMemory(frameCount: max(count, 1), frameStride: Self.stride) }

    mutating func write(
        _ index: Int, from source: (MACAddress, IPAddress), to destination: (MACAddress, IPAddress), epoch: Epoch
    ) {
        var bytes = memory.mutableBytes(at: index * Self.stride, count: Self.stride)
        for (at, address) in [(0, destination.0), (6, source.0)] {
            bytes.storeBigEndian(UInt32(address.rawValue >> 16), at: at)
            bytes.storeBigEndian(UInt16(truncatingIfNeeded: address.rawValue), at: at + 4)
        }
        bytes.storeBigEndian(EtherType.ipv6.rawValue, at: EthernetHeader.Offset.type)
        let ip = index * Self.stride + EthernetHeader.byteCount
        IPv6Rewriting.write(
            at: ip, payloadByteCount: 0, trafficClass: 0, source: source.1, destination: destination.1,
            nextHeader: IPProtocol.gre, in: memory)
        var gre = memory.mutableBytes(at: ip + IPv6Header.byteCount, count: GREHeader.byteCount)
        GREHeader(type: .ipv4, epoch: epoch).write(to: &gre, at: 0)
    }

    /// Writes a target's template to `start`, in front of a datagram of either version.
    ///
    /// - Parameter totalByteCount: from the new IPv6 header on.
    func copy(_ index: Int, to start: Int, totalByteCount: Int, in frames: borrowing FrameMemory) {
        let template = memory.bytes(at: index * Self.stride, count: Self.stride)
        let inner = frames.bytes(at: start + Self.byteCount, count: 1).byte(at: 0)
        var bytes = frames.mutableBytes(at: start, count: Self.byteCount)
        for at in Swift.stride(from: 0, to: 56, by: 8) { bytes.storeBigEndian(template.bigEndian64(at: at), at: at) }
        bytes.storeBigEndian(template.bigEndian32(at: 56), at: 56)
        bytes.storeBigEndian(template.bigEndian16(at: 60), at: 60)
        bytes.storeBigEndian(
            UInt16(truncatingIfNeeded: totalByteCount - IPv6Header.byteCount),
            at: EthernetHeader.byteCount + IPv6Header.Offset.payloadLength)
        bytes.storeBigEndian(
            IPHeader.etherType(ofFirst: inner).rawValue,
            at: EthernetHeader.byteCount + IPv6Header.byteCount + GREHeader.Offset.type)
    }
}
