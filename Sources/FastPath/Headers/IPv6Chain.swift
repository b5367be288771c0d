internal import Wire

/// The extension headers of an IPv6 packet (RFC 8200 §4), walked to the first header that is none: `limit` headers at
/// most, so that nobody can make the walk long.
///
///     | IPv6 40 | hop-by-hop | destination options | routing | fragment | destination options | upper layer ...
///                first or never
struct IPv6Chain {
    static let limit = 8

    /// How the walk ended.
    enum End: Equatable {
        /// At a header that is none of those: `ipProtocol` at `offset`.
        case reached
        /// A header goes beyond the packet.
        case truncated
        /// Within the packet, but more of it must be at hand to say.
        case unread
        /// Hop-by-hop options that do not come first (RFC 8200 §4.1).
        case unordered
        /// A routing header with segments left: the destination is not the last one.
        case routed
        /// A fragment, whichever. An atomic one, alone and whole (RFC 6946), is none.
        case fragment
        /// More than `limit`.
        case tooLong
    }

    private(set) var end = End.reached
    private(set) var ipProtocol: UInt8
    private(set) var offset: Int
    /// Of the byte that names `ipProtocol`; -1 where that is not in these bytes.
    private(set) var namedAt: Int
    /// Where ESP goes in transport mode (RFC 4303 §3.1.1): behind hop-by-hop options and routing header, which are for
    /// hosts on the way, and before all else. With the byte that names what is there, and what it is.
    private(set) var splitOffset: Int
    private(set) var splitNamedAt: Int
    private(set) var splitProtocol: UInt8

    /// Whether a next header is one of those that are walked over. AH and all that is unknown is not.
    static func walks(_ nextHeader: UInt8) -> Bool {
        nextHeader == IPProtocol.hopByHop || nextHeader == IPProtocol.routing || nextHeader == IPProtocol.ipv6Fragment
            || nextHeader == IPProtocol.destinationOptions
    }

    /// - Parameters:
    ///   - first: what is at `start`, as the byte at `namedAt` says.
    ///   - byteCount: where the packet ends in `bytes`, or would if there were more of them.
    ///   - mayBeHopByHop: whether `start` is right behind the IPv6 header.
    init(
        _ first: UInt8, namedAt: Int, in bytes: RawSpan, from start: Int, byteCount: Int, mayBeHopByHop: Bool = true
    ) {
        ipProtocol = first
        offset = start
        self.namedAt = namedAt
        splitOffset = start
        splitNamedAt = namedAt
        splitProtocol = first
        end = walk(bytes, byteCount: byteCount, mayBeHopByHop: mayBeHopByHop)
    }

    private mutating func walk(_ bytes: RawSpan, byteCount: Int, mayBeHopByHop: Bool) -> End {
        var count = 0
        while Self.walks(ipProtocol) {
            guard count < Self.limit else { return .tooLong }
            if ipProtocol == IPProtocol.hopByHop && !(count == 0 && mayBeHopByHop) { return .unordered }
            guard offset + 8 <= byteCount else { return .truncated }
            guard offset + 8 <= bytes.byteCount else { return .unread }
            var length = 8
            switch ipProtocol {
            case IPProtocol.ipv6Fragment:
                // Offset and M; two bits between them are reserved.
                guard bytes.bigEndian16(at: offset + 2) & 0xFFF9 == 0 else { return .fragment }
            case IPProtocol.routing:
                guard bytes.byte(at: offset + 3) == 0 else { return .routed }
                fallthrough
            default:
                length = (Int(bytes.byte(at: offset + 1)) + 1) * 8
            }
            guard offset + length <= byteCount else { return .truncated }
            let isForTheWay = ipProtocol == IPProtocol.hopByHop || ipProtocol == IPProtocol.routing
            self.namedAt = offset
            ipProtocol = bytes.byte(at: offset)
            offset += length
            count += 1
            if isForTheWay {
                splitOffset = offset
                splitNamedAt = self.namedAt
                splitProtocol = ipProtocol
            }
        }
        return .reached
    }

    /// Of a whole packet whose IPv6 header begins at `ip`.
    init(of header: IPv6Header, in bytes: RawSpan, at ip: Int = 0) {
        self.init(
            header.nextHeader, namedAt: ip + IPv6Header.Offset.nextHeader, in: bytes, from: ip + IPv6Header.byteCount,
            byteCount: ip + header.totalByteCount)
    }

    var isPlain: Bool { namedAt == IPv6Header.Offset.nextHeader }
}
