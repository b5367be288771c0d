import Associations
import TestSupport
import Wire

/// Traffic of every kind that a router or a target may get, for `UnverifiedStateTests`: what is outside and inside, how it is
/// sealed, and whether it comes in UDP, in pieces, with tags.
struct UnverifiedKinds {
    /// What is inside.
    enum Inside: CaseIterable {
        case syn, segment, datagram, echo, error, firstFragment, laterFragment, dummy, padded, options
    }
    /// How the ESP packet travels.
    enum Outside: CaseIterable { case plain, inUDP, inPieces, tagged, twiceTagged, withOptions }

    struct Place: Sendable {
        let isIPv6Outside: Bool
        let isIPv6Inside: Bool
        let isTunnel: Bool
        let association: SecurityAssociation

        var source: String { isIPv6Outside ? Example6.client : Example6.client4 }
        var destination: String {
            isTunnel
                ? isIPv6Outside ? Example6.gateway : Example6.gateway4
                : isIPv6Outside ? Example6.outerDVIPA : Example.outerDVIPA
        }
        var client: String { isTunnel ? isIPv6Inside ? Example6.inner : Example6.inner4 : source }
        var dvipa: String { isTunnel ? isIPv6Inside ? Example6.dvipa : Example6.dvipa4 : destination }
    }

    /// Every family in every other, both modes, four transforms, with ESN and without.
    static let places: [Place] = {
        var places: [Place] = []
        for (isTunnel, outside, inside) in [
            (true, false, false), (true, false, true), (true, true, false), (true, true, true), (false, false, false),
            (false, true, true),
        ] {
            for transform in [Transform.aes128gcm16, .chacha20poly1305, .aes256sha256, .init(.aes128gmac)!] {
                for hasESN in [false, true] {
                    let spi = 0xD100_0000 + UInt32(places.count)
                    let outer = Place(
                        isIPv6Outside: outside, isIPv6Inside: inside, isTunnel: isTunnel, association: Example.tunnel)
                    let ends =
                        isTunnel
                        ? nil : ("\(outer.source)/\(outside ? 128 : 32)", "\(outer.destination)/\(outside ? 128 : 32)")
                    let made = association(
                        spi: spi, .inbound, isTunnel ? .tunnel : .transport, from: outer.source, to: outer.destination,
                        transform, remote: ends?.0 ?? (inside ? "2001:db8:71::/64" : "10.71.0.0/24"),
                        local: ends?.1 ?? (inside ? "2001:db8:72::/64" : "10.72.0.0/24"), window: 32, hasESN: hasESN)
                    places.append(
                        Place(isIPv6Outside: outside, isIPv6Inside: inside, isTunnel: isTunnel, association: made))
                }
            }
        }
        return places
    }()

    /// Next header and plaintext without the trailer, of something that would be allowed.
    static func inside(_ kind: Inside, _ place: Place, _ generator: inout SeededGenerator) -> (UInt8, Bytes) {
        let port = UInt16.random(in: 40000...40007, using: &generator)
        let data = generator.bytes(Int.random(in: 0...120, using: &generator))
        let six = place.isIPv6Inside
        func carried(_ next: UInt8, _ payload: Bytes, fragment: UInt16? = nil, hasOptions: Bool = false) -> (
            UInt8, Bytes
        ) {
            guard place.isTunnel else { return (next, payload) }
            if six {
                let headers: [Extension] =
                    fragment.map { [.fragment(offset: $0 & 0x1FFF, more: $0 & 0x2000 != 0)] }
                    ?? (hasOptions ? [.options()] : [])
                return (
                    41, ipv6(from: place.client, to: place.dvipa, next: next, payload, extensions: headers)
                )
            }
            return (
                4,
                ipv4(
                    from: place.client, to: place.dvipa, protocol: next, payload,
                    options: hasOptions ? [1, 1, 1, 1] : [], fragment: fragment ?? 0x4000)
            )
        }
        switch kind {
        case .syn: return carried(6, tcp(port, 80, flags: TCPFlags.syn, data))
        case .segment:
            return carried(6, tcp(port, 80, flags: generator.once(in: 4) ? TCPFlags.fin : TCPFlags.ack, data))
        case .datagram: return carried(17, udp(port, 53, data))
        case .options: return carried(6, tcp(port, 80, flags: TCPFlags.syn, data), hasOptions: true)
        case .firstFragment: return carried(17, udp(port, 53, Bytes(repeating: 2, count: 64)), fragment: 0x2000)
        case .laterFragment: return carried(17, Bytes(repeating: 2, count: 64), fragment: 9)
        case .dummy: return (59, data)
        case .padded:
            let (next, packet) = carried(6, tcp(port, 80, flags: TCPFlags.syn))
            return (next, place.isTunnel ? packet + Bytes(repeating: 0, count: 64) : packet)
        case .echo:
            return six
                ? carried(58, InnerICMPv6Tests.message(128, 0, data, from: place.client, to: place.dvipa))
                : carried(1, icmp(8, 0, data))
        case .error:
            if six {
                let quoted = ipv6(from: place.dvipa, to: place.client, next: 6, tcp(80, port))
                return carried(58, InnerICMPv6Tests.message(1, 0, quoted, from: place.client, to: place.dvipa))
            }
            return carried(1, icmp(3, 1, ipv4(from: place.dvipa, to: place.client, protocol: 6, tcp(80, port))))
        }
    }

    /// The frames that an ESP packet comes in: one, or two pieces.
    static func frames(_ kind: Outside, _ place: Place, _ packet: Bytes, identification: UInt16) -> [Bytes] {
        var (next, payload): (UInt8, Bytes) = (50, packet)
        if kind == .inUDP {
            next = 17
            payload =
                place.isIPv6Outside
                ? udp6(from: place.source, to: place.destination, 4500, 4500, packet) : udp(4500, 4500, packet)
        }
        let tags: [(UInt16, UInt16)] =
            kind == .tagged ? [(0x8100, 5)] : kind == .twiceTagged ? [(0x88A8, 6), (0x8100, 5)] : []
        func frame(_ payload: Bytes, fragment: (offset: Int, more: Bool)? = nil) -> Bytes {
            let hasOptions = kind == .withOptions
            if place.isIPv6Outside {
                var headers: [Extension] = hasOptions ? [.options()] : []
                if let fragment {
                    // The identification is in the last four bytes.
                    let word = UInt16(fragment.offset) | (fragment.more ? 1 : 0)
                    headers = [Extension(44, [0] + bigEndian(word) + [0, 0] + bigEndian(identification))]
                }
                return ethernet(
                    ipv6(from: place.source, to: place.destination, next: next, payload, extensions: headers),
                    type: 0x86DD, tags: tags)
            }
            var packet = ipv4(
                from: place.source, to: place.destination, protocol: next, payload,
                options: hasOptions ? [1, 1, 1, 1] : [],
                fragment: fragment.map { UInt16($0.offset / 8) | ($0.more ? 0x2000 : 0) } ?? 0x4000)
            packet.replaceSubrange(4..<6, with: bigEndian(identification))
            packet.replaceSubrange(10..<12, with: [0, 0])
            let headerByteCount = Int(packet[0] & 15) * 4
            packet.replaceSubrange(
                10..<12, with: bigEndian(internetChecksum(Bytes(packet.prefix(headerByteCount)))))
            return ethernet(packet, tags: tags)
        }
        guard kind == .inPieces, payload.count > 24 else { return [frame(payload)] }
        let half = payload.count / 16 * 8
        return [
            frame(Bytes(payload[..<half]), fragment: (0, true)),
            frame(Bytes(payload[half...]), fragment: (half, false)),
        ]
    }
}
