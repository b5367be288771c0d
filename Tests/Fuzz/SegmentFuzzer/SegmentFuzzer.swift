// libFuzzer over what a TUN device with offloads hands over (scripts/fuzz.sh): ten bytes of virtio-net header, then the packet.
//
// What must hold: no trap and no bad access; segments are no longer than was asked for, their payloads are the piece's, in order
// and nothing else, and each one's TCP checksum is right; of a packet that is not split two bytes change at most.
import FuzzDriver
import TestSupport
import Wire

@testable import FastPath

private func run(_ input: Bytes) {
    guard input.count > VirtualNetHeader.byteCount else { return }
    let words = Bytes(input.prefix(VirtualNetHeader.byteCount))
    var packet = Bytes(input.dropFirst(VirtualNetHeader.byteCount))
    guard let header = words.withUnsafeBytes({ VirtualNetHeader(reading: RawSpan(_unsafeBytes: $0)) }) else { return }
    packet.withUnsafeBytes { split(RawSpan(_unsafeBytes: $0), header) }
    let before = packet
    let isDone = packet.withUnsafeMutableBytes { bytes in
        var span = MutableRawSpan(_unsafeBytes: bytes)
        return SegmentSplitter.finishChecksum(of: &span, header)
    }
    let changed = zip(before, packet).filter { $0 != $1 }.count
    precondition(changed <= (isDone ? 2 : 0))
}

private func split(_ packet: RawSpan, _ header: VirtualNetHeader) {
    guard var splitter = SegmentSplitter(packet, header) else { return }
    let tcp = Int(header.checksumStart)
    var payload: Bytes = []
    var headerByteCount = 0
    repeat {
        let count = splitter.nextByteCount
        var segment = Bytes(repeating: 0, count: count)
        segment.withUnsafeMutableBytes { bytes in
            var span = MutableRawSpan(_unsafeBytes: bytes)
            splitter.next(from: packet, to: &span)
        }
        headerByteCount = tcp + Int(segment[tcp + 12] >> 4) * 4
        precondition(count <= headerByteCount + Int(header.segmentByteCount))
        payload += segment[headerByteCount...]
        // With the pseudo-header a right checksum sums up to all ones (RFC 9293 §3.1).
        let addresses = segment[0] >> 4 == 4 ? segment[12..<20] : segment[8..<40]
        let length = UInt32(count - tcp)
        let pseudo = Bytes(addresses) + bigEndian(length) + bigEndian(UInt32(6))
        let all = pseudo + segment[tcp...]
        let sum = all.withUnsafeBytes { InternetChecksum.sum(RawSpan(_unsafeBytes: $0)) }
        precondition(sum == 0xFFFF)
    } while !splitter.isDone
    precondition(payload.count == packet.byteCount - headerByteCount)
    for (offset, byte) in payload.enumerated() { precondition(packet.byte(at: headerByteCount + offset) == byte) }
}

@_cdecl("SegmentFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    fuzz(count, arguments) { run($0) }
}
