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
    /// - Returns: `.pending` when it could be read; `nil` when more of the plaintext is needed; `.innerFragment` for a fragment
    ///   behind the first, which has no ports: then `flow` has everything else (`FirstFragments`).
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
        if !isTunnel || nextHeader == IPProtocol.ipv6 {
            let start = readIPv6(plaintext, payloadByteCount, nextHeader, isTunnel, into: &flow)
            if start.hasOptions { hasOptions = true }
            guard start.verdict == .pending else { return start.verdict }
            (transport, end, ipProtocol) = (start.transport, start.end, start.ipProtocol)
        } else {
            guard nextHeader == IPProtocol.ipv4 else { return .malformedTrailer }
            guard payloadByteCount >= IPv4Header.minimumByteCount, let header = IPv4Header(reading: plaintext) else {
                return .malformedInner
            }
            // Bytes behind the inner packet are traffic flow confidentiality padding (RFC 4303 §2.7).
            guard header.version == 4, header.byteCount >= IPv4Header.minimumByteCount,
                header.totalByteCount >= header.byteCount, header.totalByteCount <= payloadByteCount
            else { return .malformedInner }
            if !header.isPlain { hasOptions = true }
            transport = header.byteCount
            end = header.totalByteCount
            ipProtocol = header.ipProtocol
            flow.remote = header.source
            flow.local = header.destination
            if header.isLaterFragment { return readLater(header, into: &flow) }
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
        } else if case let least = IPProtocol.portsByteCount(ipProtocol), least > 0 {
            guard end - transport >= least else { return .malformedInner }
            guard plaintext.byteCount >= transport + 4 else { return nil }
            flow.remotePort = plaintext.bigEndian16(at: transport)
            flow.localPort = plaintext.bigEndian16(at: transport + 2)
        }
        return .pending
    }

    private static func readLater(_ header: IPv4Header, into flow: inout Flow) -> Verdict {
        flow.ipProtocol = header.ipProtocol
        flow.remotePort = 0
        flow.localPort = 0
        flow.tcpFlags = 0
        // Eight bytes into TCP stand the flags that the first piece was judged by (RFC 1858 §3, RFC 3128).
        let hidesFlags = header.ipProtocol == IPProtocol.tcp && header.fragment & 0x1FFF == 1
        return hidesFlags ? .malformedInner : .innerFragment
    }

    /// What nearly every packet is: TCP in IPv4 without options in a tunnel, all of it at fixed places. nil for whatever
    /// is not plainly that and right; `read` says what it is.
    ///
    /// `plaintext` may have bytes behind the payload that belong to nobody: what is accepted here ends before them.
    @inline(__always)
    static func readPlainTCP(_ plaintext: RawSpan, payloadByteCount: Int) -> IPv4Flow? {
        // Version, header length, total length and fragment bits in one word, all but the total length known.
        let first = plaintext.bigEndian64(at: 0)
        let total = Int(truncatingIfNeeded: first >> 32 & 0xFFFF)
        let addressesAndPorts = plaintext.bigEndian64(at: IPv4Header.Offset.destination)
        let dataOffset = plaintext.byte(at: 32)
        let headers = IPv4Header.minimumByteCount &+ Int(dataOffset >> 4) &* 4
        guard first & 0xFF00_0000_0000_3FFF == 0x4500_0000_0000_0000,
            plaintext.byte(at: IPv4Header.Offset.ipProtocol) == IPProtocol.tcp, dataOffset >= 0x50, headers <= total,
            total <= payloadByteCount
        else { return nil }
        return IPv4Flow(
            remote: plaintext.bigEndian32(at: IPv4Header.Offset.source),
            local: UInt32(truncatingIfNeeded: addressesAndPorts >> 32),
            remotePort: UInt16(truncatingIfNeeded: addressesAndPorts >> 16),
            localPort: UInt16(truncatingIfNeeded: addressesAndPorts), ipProtocol: IPProtocol.tcp,
            tcpFlags: plaintext.byte(at: 33))
    }

    /// As `readPlainTCP`, of UDP.
    @inline(__always)
    static func readPlainUDP(_ plaintext: RawSpan, payloadByteCount: Int) -> IPv4Flow? {
        let first = plaintext.bigEndian64(at: 0)
        let total = Int(truncatingIfNeeded: first >> 32 & 0xFFFF)
        let addressesAndPorts = plaintext.bigEndian64(at: IPv4Header.Offset.destination)
        guard first & 0xFF00_0000_0000_3FFF == 0x4500_0000_0000_0000,
            plaintext.byte(at: IPv4Header.Offset.ipProtocol) == IPProtocol.udp,
            total >= IPv4Header.minimumByteCount &+ UDPHeader.byteCount, total <= payloadByteCount
        else { return nil }
        return IPv4Flow(
            remote: plaintext.bigEndian32(at: IPv4Header.Offset.source),
            local: UInt32(truncatingIfNeeded: addressesAndPorts >> 32),
            remotePort: UInt16(truncatingIfNeeded: addressesAndPorts >> 16),
            localPort: UInt16(truncatingIfNeeded: addressesAndPorts), ipProtocol: IPProtocol.udp, tcpFlags: 0)
    }
}
