public import Associations
internal import Wire

/// A target alone sees both directions of its connections: what opens and what is over, for the router and its table.
extension Host {
    /// Takes note of a packet, `flow.local` being ours: of an authenticated one, or of one that is being sealed.
    @inline(__always)
    mutating func follow(
        _ flow: Flow, dvipa: Int32, from side: TrackedConnections.Side, at start: Int, byteCount: Int,
        in memory: borrowing FrameMemory, now: UInt32
    ) {
        guard dvipa >= 0 else { return }
        let packet = memory.bytes(at: start, count: byteCount)
        let fragment = InnerFragment(reading: packet)
        guard flow.ipProtocol == IPProtocol.tcp else {
            // Nobody keeps a place for ICMP; a later fragment has no ports.
            if !InnerICMP.isBorne(by: flow), fragment?.isFirst ?? true {
                connections.noteFlow(ConnectionKey(flow, dvipa: dvipa), from: side, now: now)
            }
            return
        }
        // Of a segment in fragments nobody here knows where it ends.
        guard fragment == nil, let segment = TCPSegment(reading: packet) else { return }
        connections.note(segment, of: ConnectionKey(flow, dvipa: dvipa), from: side, now: now)
    }

    /// What happened to connections since the last call, in order. Nothing is allocated when nothing happened.
    ///
    /// Between two calls 4,096 events are kept; what is beyond that `omittedConnectionEvents` counts.
    public mutating func takeConnectionEvents() -> [ConnectionEvent] {
        connections.retell()
        if connections.eventCount == 0 { return [] }
        let events = (0..<connections.eventCount).map { index in
            let event = connections.event(index)
            let name = ConnectionName(
                remote: IPAddress(high: event.key.remoteHigh, low: event.key.remoteLow),
                local: dvipas[event.key.dvipa], remotePort: event.key.remotePort, localPort: event.key.localPort,
                ipProtocol: event.key.ipProtocol)
            return ConnectionEvent(name, event.isOpened ? .opened : .closed)
        }
        connections.removeEvents()
        return events
    }

    /// Events that were not kept, and connections that were too many to be followed to their end; only grows.
    public var omittedConnectionEvents: UInt64 { connections.omitted }

    static func seconds(_ nanoseconds: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: nanoseconds / 1_000_000_000)
    }
}
