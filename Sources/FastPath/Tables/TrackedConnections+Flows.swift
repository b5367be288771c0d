internal import Wire

/// Flows that are not TCP: nothing in them says when they begin or end. One is followed from the first packet that the
/// host sends, its answer as a rule, until neither side has sent for a while.
///
/// A router sees only what the client sends. A flow in which the host alone sends would be idle to it, and be forgotten;
/// so the host says now and then that it is there. All else about them a router's own idle limit decides.
extension TrackedConnections {
    /// Seconds without a packet of either side until a flow is forgotten; a router's limit for those that only clients feed.
    static let flowSeconds: UInt32 = 300
    /// Seconds of a client's silence until the host says that the flow goes on, and between two times that it says so:
    /// several in a router's limit.
    static let silenceSeconds: UInt32 = 60

    /// Takes note of a packet that is not TCP's, as `note` does of a segment.
    @inline(never)
    mutating func noteFlow(_ key: ConnectionKey, from side: Side, now: UInt32) {
        let home = home(of: key)
        let at = find(key, home: home)
        if at < 0 {
            if side == .local { insertFlow(key, home: home, now: now) }
            return
        }
        entries[at].lastSeen = now
        if isWitness { return tellFlow(at, from: side, now: now) }
        // Of a flow: the client's last packet.
        guard side == .local else {
            entries[at].remoteEnd = now
            return
        }
        guard now &- entries[at].remoteEnd >= Self.silenceSeconds else { return }
        // Here: when the router was told.
        guard now &- entries[at].localEnd >= Self.silenceSeconds else { return }
        entries[at].localEnd = now
        emit(key, isOpened: true)
    }
}
