import Commands
import Wire

/// Frames as the tests send them: Ethernet to the broadcast address (so that any interface takes them in) and IPv4.
enum TestFrames {
    static let owned = IPAddress("192.0.2.10")!
    static let other = IPAddress("192.0.2.99")!
    static let peer = IPAddress("192.0.2.1")!

    /// An ESP packet of `payload` bytes with a number that a test can find again.
    static func esp(to destination: IPAddress, number: UInt32, payload: Int = 64, tags: [UInt16] = []) -> [UInt8] {
        var body: [UInt8] = [0xC4, 0x72, 0x87, 0x7A]
        body += bytes(number)
        body += (0..<payload).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ Int(number)) }
        return ipv4(to: destination, protocol: 50, body: body, tags: tags)
    }

    /// A UDP datagram to port 4500, with these bytes inside: ESP (RFC 3948), or IKE behind four zeros.
    static func udp4500(to destination: IPAddress, _ payload: [UInt8]) -> [UInt8] {
        let body = bytes(0x4321_1194) + bytes(UInt32(8 + payload.count) << 16) + payload
        return ipv4(to: destination, protocol: 17, body: body)
    }

    static func udp(to destination: IPAddress, number: UInt32, tags: [UInt16] = []) -> [UInt8] {
        let body = bytes(0x1F90_1F90) + bytes(0x000C_0000) + bytes(number)
        return ipv4(to: destination, protocol: 17, body: body, tags: tags)
    }

    /// An ARP request for an address that nobody has.
    static func arp(number: UInt32) -> [UInt8] {
        let header: [UInt8] = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1]
        return ethernet(type: 0x0806, tags: []) + header + bytes(peer.v4) + [0, 0, 0, 0, 0, 0] + bytes(number)
    }

    /// A fragment: offset in 8 bytes, and whether more follow.
    static func piece(
        to destination: IPAddress, protocol number: UInt8, identification: UInt16, offset: UInt16, more: Bool,
        _ body: [UInt8]
    ) -> [UInt8] {
        ipv4(
            to: destination, protocol: number, body: body, identification: identification,
            fragment: offset | (more ? 0x2000 : 0))
    }

    static func ipv4(
        to destination: IPAddress, protocol number: UInt8, body: [UInt8], tags: [UInt16] = [],
        identification: UInt16 = 1, fragment: UInt16 = 0x4000
    ) -> [UInt8] {
        var header: [UInt8] = [0x45, 0]
        header += bytes(UInt32(20 + body.count) << 16 | UInt32(identification)).prefix(4)
        header += bytes(UInt32(fragment)).suffix(2) + [64, number, 0, 0]
        header += bytes(peer.v4) + bytes(destination.v4)
        let sum = header.withUnsafeBytes { InternetChecksum.sum(RawSpan(_unsafeBytes: $0)) }
        header[10] = UInt8(~sum >> 8)
        header[11] = UInt8(~sum & 255)
        return ethernet(type: 0x0800, tags: tags) + header + body
    }

    private static func ethernet(type: UInt16, tags: [UInt16]) -> [UInt8] {
        var bytes: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0, 0, 1]
        for tag in tags { bytes += [0x81, 0x00, UInt8(tag >> 8), UInt8(tag & 255)] }
        return bytes + [UInt8(type >> 8), UInt8(type & 255)]
    }

    static let owned6 = IPAddress("2001:db8:a::10")!
    static let other6 = IPAddress("2001:db8:a::99")!

    /// Of IPv6, with this header and what follows it behind the IPv6 header.
    static func ipv6(to destination: IPAddress, next: UInt8, _ body: [UInt8]) -> [UInt8] {
        var header: [UInt8] = [0x60, 0, 0, 0] + bytes(UInt32(body.count) << 16 | UInt32(next) << 8 | 64)
        for address in [IPAddress("2001:db8:a::1")!, destination] {
            for half in [address.high, address.low] {
                header += bytes(UInt32(half >> 32)) + bytes(UInt32(truncatingIfNeeded: half))
            }
        }
        return ethernet(type: 0x86DD, tags: []) + header + body
    }

    /// Extension headers of destination options, `count` of them, in front of another header.
    static func options(_ count: Int, then next: UInt8, _ body: [UInt8]) -> [UInt8] {
        (0..<count).flatMap { [$0 + 1 < count ? 60 : next, 0, 1, 4, 0, 0, 0, 0] } + body
    }

    /// An ICMP echo request.
    static func echo(to destination: IPAddress) -> [UInt8] {
        ipv4(to: destination, protocol: 1, body: [8, 0, 0xF7, 0xFF, 0, 0, 0, 0])
    }

    /// Of an interface of the calling thread's namespace.
    static func hardwareAddress(_ interface: String) throws -> MACAddress {
        let words = try run("ip", "link", "show", interface).split(whereSeparator: { $0 == " " || $0 == "\n" })
        return MACAddress(String(words[words.firstIndex(of: "link/ether")! + 1]))!
    }

    static func bytes(_ value: UInt32) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
}

extension [UInt8] {
    /// The frame with another Ethernet destination.
    func sent(to address: MACAddress) -> [UInt8] {
        (0..<6).map { UInt8(truncatingIfNeeded: address.rawValue >> UInt64(40 - 8 * $0)) } + self[6...]
    }
}
