internal import Wire

extension InnerPacket {
    /// Where the upper layer's header lies in a payload.
    struct Start {
        /// As of `read`: `.pending` to go on, nil when more of the plaintext is needed.
        var verdict: Verdict? = .pending
        var transport = 0
        /// Where the packet ends.
        var end: Int
        var ipProtocol: UInt8
        var hasOptions = false
    }

    /// Reads an IPv6 packet in a tunnel and its extension headers, or those that begin the payload in transport mode over
    /// IPv6: destination options may stand on either side of ESP (RFC 4303 §3.1.1). `flow` has the outer addresses.
    @inline(never)
    static func readIPv6(
        _ plaintext: RawSpan, _ payloadByteCount: Int, _ nextHeader: UInt8, _ isTunnel: Bool, into flow: inout Flow
    ) -> Start {
        var start = Start(end: payloadByteCount, ipProtocol: nextHeader)
        var first = 0
        if isTunnel {
            guard payloadByteCount >= IPv6Header.byteCount else { return start.refused(.malformedInner) }
            guard let header = IPv6Header(reading: plaintext) else { return start.refused(nil) }
            // Bytes behind the inner packet are traffic flow confidentiality padding (RFC 4303 §2.7).
            guard header.version == 6, header.totalByteCount <= payloadByteCount else {
                return start.refused(.malformedInner)
            }
            guard !header.hasMappedAddress else { return start.refused(.mappedAddress) }
            flow.remote = header.source
            flow.local = header.destination
            start.end = header.totalByteCount
            start.ipProtocol = header.nextHeader
            first = IPv6Header.byteCount
        }
        guard isTunnel || !flow.local.isV4 else { return start }
        let chain = IPv6Chain(
            start.ipProtocol, namedAt: -1, in: plaintext, from: first, byteCount: start.end, mayBeHopByHop: isTunnel)
        start.ipProtocol = chain.ipProtocol
        start.transport = chain.offset
        start.hasOptions = chain.offset != first
        switch chain.end {
        case .reached: return start
        case .unread: return start.refused(nil)
        case .truncated, .unordered: return start.refused(.malformedInner)
        case .routed: return start.refused(.routingHeader)
        case .fragment:
            return isTunnel ? readFragment(plaintext, chain, start, into: &flow) : start.refused(.innerFragment)
        case .tooLong: return start.refused(.extensionHeadersTooLong)
        }
    }
}

extension InnerPacket {
    /// A fragment in a tunnel. The first has the rest of the headers and goes on as any packet; of those behind it only the
    /// addresses are known: what their headers call the next one means nothing (RFC 8200 §4.5).
    private static func readFragment(
        _ plaintext: RawSpan, _ chain: IPv6Chain, _ given: Start, into flow: inout Flow
    ) -> Start {
        var start = given
        start.hasOptions = true
        guard plaintext.bigEndian16(at: chain.offset + 2) & 0xFFF8 == 0 else {
            flow.ipProtocol = IPProtocol.ipv6Fragment
            flow.remotePort = 0
            flow.localPort = 0
            flow.tcpFlags = 0
            return start.refused(.innerFragment)
        }
        let rest = IPv6Chain(
            plaintext.byte(at: chain.offset), namedAt: chain.offset, in: plaintext, from: chain.offset + 8,
            byteCount: start.end, mayBeHopByHop: false)
        start.ipProtocol = rest.ipProtocol
        start.transport = rest.offset
        switch rest.end {
        case .reached: return start
        case .unread: return start.refused(nil)
        // A fragment of a fragment, or headers that go beyond the first one (RFC 7112).
        case .fragment, .truncated, .unordered: return start.refused(.malformedInner)
        case .routed: return start.refused(.routingHeader)
        case .tooLong: return start.refused(.extensionHeadersTooLong)
        }
    }
}

extension InnerPacket.Start {
    fileprivate func refused(_ verdict: Verdict?) -> InnerPacket.Start {
        var start = self
        start.verdict = verdict
        return start
    }
}
