import Wire

/// IPv4 packets without a link header.
enum TestPackets {
    static func echo(from source: String, to destination: String, payload: Int) -> [UInt8] {
        var body: [UInt8] = [8, 0, 0, 0, 0, 1, 0, 1] + (0..<payload).map { UInt8(truncatingIfNeeded: $0 &* 5) }
        let sum = body.withUnsafeBytes { InternetChecksum.sum(RawSpan(_unsafeBytes: $0)) }
        body[2] = UInt8(~sum >> 8)
        body[3] = UInt8(~sum & 255)
        return ipv4(from: source, to: destination, protocol: 1, body: body)
    }

    static func ipv4(from source: String, to destination: String, protocol number: UInt8, body: [UInt8]) -> [UInt8] {
        let count = 20 + body.count
        var header: [UInt8] = [0x45, 0, UInt8(count >> 8), UInt8(count & 255), 0, 1, 0x40, 0, 64, number, 0, 0]
        header += TestFrames.bytes(IPAddress(source)!.v4) + TestFrames.bytes(IPAddress(destination)!.v4)
        let sum = header.withUnsafeBytes { InternetChecksum.sum(RawSpan(_unsafeBytes: $0)) }
        header[10] = UInt8(~sum >> 8)
        header[11] = UInt8(~sum & 255)
        return header + body
    }
}
