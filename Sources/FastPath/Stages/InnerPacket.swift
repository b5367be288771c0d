internal import Wire

/// What the decrypted beginning of a packet says: whose connection it is. Peeked or whole, the reading is the same.
enum InnerPacket {
    /// Reads what is inside an ESP packet.
    ///
    /// - Parameters:
    ///   - plaintext: The payload from its first byte; may stop early.
    ///   - payloadByteCount: Bytes that the payload has in truth.
    ///   - outer: Source and destination of the outer header: the addresses, in transport mode.
    ///   - flow: Where the connection goes, when the result is `.pending`.
    /// - Returns: `.pending` when it could be read; `nil` when more of the plaintext is needed.
    @inline(never)
    static func read(
        _ plaintext: RawSpan, payloadByteCount: Int, nextHeader: UInt8, isTunnel: Bool,
        outer: (source: IPAddress, destination: IPAddress), into flow: inout Flow, hasOptions: inout Bool
    ) -> Verdict? {
        if nextHeader == IPProtocol.noNextHeader { return .dummy }
        guard payloadByteCount >= 0 else { return .malformedTrailer }
        var transport = 0
        var end = payloadByteCount
        var ipProtocol = nextHeader
        flow.remote = outer.source
        flow.local = outer.destination
        if isTunnel {
            guard nextHeader == IPProtocol.ipv4 else {
                return nextHeader == IPProtocol.ipv6 ? .unsupportedProtocol : .malformedTrailer
            }
            guard payloadByteCount >= IPv4Header.minimumByteCount, let header = IPv4Header(reading: plaintext) else {
                return .malformedInner
            }
            // Bytes behind the inner packet are traffic flow confidentiality padding (RFC 4303 §2.7).
            guard header.version == 4, header.byteCount >= IPv4Header.minimumByteCount,
                header.totalByteCount >= header.byteCount, header.totalByteCount <= payloadByteCount
            else { return .malformedInner }
            if header.isFragment { return .innerFragment }
            if !header.isPlain { hasOptions = true }
            transport = header.byteCount
            end = header.totalByteCount
            ipProtocol = header.ipProtocol
            flow.remote = header.source
            flow.local = header.destination
        }
        flow.ipProtocol = ipProtocol
        flow.remotePort = 0
        flow.localPort = 0
        flow.tcpFlags = 0
        if ipProtocol == IPProtocol.tcp {
            guard end - transport >= TCPHeader.minimumByteCount else { return .malformedInner }
            guard let tcp = TCPHeader(reading: plaintext, at: transport) else { return nil }
            guard tcp.byteCount >= TCPHeader.minimumByteCount, transport + tcp.byteCount <= end else {
                return .malformedInner
            }
            flow.remotePort = tcp.sourcePort
            flow.localPort = tcp.destinationPort
            flow.tcpFlags = tcp.flags
        } else if ipProtocol == IPProtocol.udp {
            guard end - transport >= 8 else { return .malformedInner }
            guard plaintext.byteCount >= transport + 4 else { return nil }
            flow.remotePort = plaintext.bigEndian16(at: transport)
            flow.localPort = plaintext.bigEndian16(at: transport + 2)
        }
        return .pending
    }

    /// What nearly every packet is: TCP in IPv4 without options in a tunnel, all of it at fixed places. nil for whatever
    /// is not plainly that and right; `read` says what it is.
    @inline(__always)
    static func readPlainTCP(_ plaintext: RawSpan, payloadByteCount: Int, nextHeader: UInt8) -> Flow? {
        let transport = IPv4Header.minimumByteCount
        guard plaintext.byteCount >= transport + TCPHeader.steeringByteCount, nextHeader == IPProtocol.ipv4,
            let header = IPv4Header(reading: plaintext), header.isPlain, header.ipProtocol == IPProtocol.tcp,
            !header.isFragment, header.totalByteCount <= payloadByteCount,
            let tcp = TCPHeader(reading: plaintext, at: transport), tcp.byteCount >= TCPHeader.minimumByteCount,
            transport &+ tcp.byteCount <= header.totalByteCount
        else { return nil }
        return Flow(
            remote: header.source, local: header.destination, remotePort: tcp.sourcePort,
            localPort: tcp.destinationPort, ipProtocol: IPProtocol.tcp, tcpFlags: tcp.flags)
    }
}
