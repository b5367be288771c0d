internal import Associations
internal import Wire

/// What an ICMP message inside the tunnel is about (RFC 792, RFC 4443): the way it takes follows from that alone.
enum InnerICMP {
    /// For the address itself: a target answers it.
    case echoRequest
    /// An error about a packet that a target sent: whose connection it belongs to.
    case error(about: Flow)
    /// An error about something that is no connection of a DVIPA's.
    case errorAboutNothing
    /// Any other: nobody here asked for it.
    case other

    static let headerByteCount = 8
    private enum Kind {
        static let unreachable: UInt8 = 3, echoRequest: UInt8 = 8, timeExceeded: UInt8 = 11,
            parameterProblem: UInt8 = 12
    }

    /// Whether a packet of this flow bears ICMP, of either version. Of the other family's version it is ICMP that nobody takes.
    static func isBorne(by flow: Flow) -> Bool {
        flow.ipProtocol == IPProtocol.icmp || flow.ipProtocol == IPProtocol.icmpv6
    }

    /// Reads a message and the header that it quotes (RFC 792, RFC 1812 §4.3.2.3): addresses and ports, nothing else of it.
    ///
    /// - Parameters:
    ///   - plaintext: The ESP payload from its first byte; may stop early.
    ///   - transport: Where the message begins.
    ///   - end: Where it ends in truth.
    ///   - flow: Of the packet that bears it.
    /// - Returns: nil when more of the plaintext is needed.
    @inline(never)
    static func read(_ plaintext: RawSpan, at transport: Int, end: Int, of flow: Flow) -> InnerICMP? {
        guard end - transport >= headerByteCount else { return .other }
        guard plaintext.byteCount > transport else { return nil }
        if flow.ipProtocol == IPProtocol.icmpv6 { return readIPv6(plaintext, at: transport, end: end, of: flow) }
        guard flow.local.isV4 else { return .other }
        switch plaintext.byte(at: transport) {
        case Kind.echoRequest: return .echoRequest
        case Kind.unreachable, Kind.timeExceeded, Kind.parameterProblem: break
        // Redirects and what is obsolete (RFC 6633, RFC 6918) among them, and answers to what a target asked: nobody
        // knows which.
        default: return .other
        }
        let quoted = transport + headerByteCount
        guard end - quoted >= IPv4Header.minimumByteCount else { return .errorAboutNothing }
        guard let header = IPv4Header(reading: plaintext, at: quoted) else { return nil }
        // The packet was the DVIPA's, and whole or a first fragment, else it has no ports.
        guard header.version == 4, header.byteCount >= IPv4Header.minimumByteCount, header.source == flow.local,
            !header.isLaterFragment
        else { return .errorAboutNothing }
        var about = Flow(
            remote: header.destination, local: header.source, remotePort: 0, localPort: 0, ipProtocol: header.ipProtocol
        )
        if IPProtocol.portsByteCount(header.ipProtocol) > 0 {
            let ports = quoted + header.byteCount
            guard end - ports >= 4 else { return .errorAboutNothing }
            guard plaintext.byteCount >= ports + 4 else { return nil }
            about.localPort = plaintext.bigEndian16(at: ports)
            about.remotePort = plaintext.bigEndian16(at: ports + 2)
        }
        return .error(about: about)
    }
}

extension Router {
    /// Where an ICMP message goes that the SA may carry and that is for a DVIPA; nil when its verdict ends its way.
    ///
    /// What it quotes must be of a connection that the same SA may carry (RFC 4301 §6.2): a peer has no say in the
    /// connections of others.
    @inline(never)
    mutating func inspectICMP(
        _ index: Int, _ batch: inout PacketBatch, _ packet: Int, _ flow: Flow, isTunnel: Bool, dvipa: Int32,
        in memory: borrowing FrameMemory
    ) -> SteeringWork? {
        var message = readICMP(index, flow, isTunnel: isTunnel)
        if message == nil {
            ciphers.extend(&works, index, in: memory, into: heads)
            message = readICMP(index, flow, isTunnel: isTunnel)
        }
        let own = ConnectionKey(flow, dvipa: dvipa)
        func work(_ key: ConnectionKey) -> SteeringWork {
            SteeringWork(
                packet: Int32(packet), dvipa: dvipa, home: connections.home(of: key), key: key, tcpFlags: 0)
        }
        switch message {
        case .echoRequest: return work(own)
        case .error(let about):
            guard
                associations.selectors.allow(about, head: associations.records[Int(works[index].association)].selectors)
            else {
                batch[packet].verdict = .tunnelCheckFailed
                return nil
            }
            // For the filter, which is asked about the message, and not about what it quotes.
            errorSenders[packet] = flow.remote
            return work(ConnectionKey(about, dvipa: dvipa).quoted)
        case .errorAboutNothing:
            batch[packet].verdict = .noConnection
            return nil
        // More is quoted than a head has room for: no router on the way sends such options.
        case nil:
            batch[packet].verdict = .malformedInner
            return nil
        // It goes on to the filter, and ends as what nobody serves.
        case .other: return work(own.refused)
        }
    }

    private func readICMP(_ index: Int, _ flow: Flow, isTunnel: Bool) -> InnerICMP? {
        let work = works[index]
        let payload = work.payloadByteCount
        let plaintext = heads.plaintext(index, count: min(Int(work.headByteCount), max(payload, 0)))
        if isTunnel, let piece = InnerFragment(reading: plaintext), !piece.isFirst {
            // No error is so long that it is cut: what is behind a first piece goes where that went, with its echo request.
            return .echoRequest
        }
        if !flow.local.isV4 {
            var unused = flow
            let start = InnerPacket.readIPv6(plaintext, payload, work.nextHeader, isTunnel, into: &unused)
            guard start.verdict == .pending else { return start.verdict == nil ? nil : .other }
            return InnerICMP.read(plaintext, at: start.transport, end: start.end, of: flow)
        }
        guard isTunnel else { return InnerICMP.read(plaintext, at: 0, end: payload, of: flow) }
        // It was read before: it is there.
        guard let header = IPv4Header(reading: plaintext) else { return .other }
        return InnerICMP.read(plaintext, at: header.byteCount, end: header.totalByteCount, of: flow)
    }

    /// The target of a packet that is no connection's own: an error goes to who serves the connection it is about, an echo
    /// request to whom every router would send it. Nothing is remembered of either.
    mutating func chooseForICMP(
        _ work: SteeringWork, _ batch: inout PacketBatch, _ packet: Int, _ proof: AuthenticationProof?
    ) -> Verdict {
        if work.key.isRefused { return .noService }
        guard work.key.isQuoted else {
            let target = services.agreeOn(work.key, dvipa: work.dvipa, usable: targets)
            guard target >= 0 else { return .noTarget }
            batch[packet].target = Int32(target)
            return .pending
        }
        let key = work.key.unmarked
        let at = connections.find(key, home: connections.home(of: key))
        if at >= 0, !connections.isFormer(at: at) {
            batch[packet].target = Int32(connections.target(at: at))
            return .pending
        }
        // Where targets verify nobody has entries: the connection went where the error goes.
        guard proof == nil else { return .noConnection }
        let service = services.find(dvipa: work.dvipa, ipProtocol: key.ipProtocol, port: key.localPort)
        let target = service < 0 ? -1 : services.agreeOn(key, service, usable: targets)
        guard target >= 0 else { return service < 0 ? .noConnection : .noTarget }
        batch[packet].target = Int32(target)
        return .pending
    }
}

extension ConnectionKey {
    private static let quotedMark: UInt64 = 1
    private static let refusedMark: UInt64 = 2

    /// Marks in the key's last byte, which of a connection's own key is 0: no entry has such a key, so that the packet
    /// leaves the way of those that have one, and pays alone for what is asked of it.
    var isMarked: Bool { rest & 0xFF != 0 }
    /// Of the connection that an ICMP error is about.
    var quoted: ConnectionKey { marked(Self.quotedMark) }
    var isQuoted: Bool { rest & Self.quotedMark != 0 }
    /// Of a message that nobody takes.
    var refused: ConnectionKey { marked(Self.refusedMark) }
    var isRefused: Bool { rest & Self.refusedMark != 0 }

    var unmarked: ConnectionKey {
        var key = self
        key.rest &= ~0xFF
        return key
    }

    private func marked(_ mark: UInt64) -> ConnectionKey {
        var key = self
        key.rest |= mark
        return key
    }
}
