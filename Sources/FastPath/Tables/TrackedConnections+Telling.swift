internal import Wire

/// Where targets verify, the router has entries of those connections alone that its targets tell it, and keeps them for as
/// long as they tell (docs/verification.md). So a target then tells
///
/// - a connection when its client has answered the answer: who floods with SYNs fills no table of the router's;
/// - a flow that is not TCP when its client sends again after an answer: a question and its answer need no entry;
/// - of each that goes on so much now and then, several times in the router's idle limit;
/// - all again to a router that knows nothing of them.
///
/// What it did not tell goes where every router would send it, which is where it went.
extension TrackedConnections {
    /// Seconds between two times that a connection is said to go on.
    static let tellingSeconds: UInt32 = 2400
    /// Connections that are told again between two times that events are taken.
    static let retellCount = 1024

    /// Behind a segment of a connection.
    mutating func tell(_ at: Int, before: UInt8, now: UInt32) {
        let marks = entries[at].marks
        guard marks & Mark.confirmed != 0 else { return }
        let isNew = before & Mark.confirmed == 0
        // When it was told stands where the end of a side stands later that has not ended yet.
        if marks & Mark.localFIN == 0 {
            guard isNew || now &- entries[at].localEnd >= Self.tellingSeconds else { return }
            entries[at].localEnd = now
            if marks & Mark.remoteFIN == 0 { entries[at].remoteEnd = now }
        } else if marks & Mark.remoteFIN == 0 {
            guard isNew || now &- entries[at].remoteEnd >= Self.tellingSeconds else { return }
            entries[at].remoteEnd = now
        } else if !isNew {
            return
        }
        emit(entries[at].key, isOpened: true)
    }

    /// Behind a packet of a flow that has an entry.
    mutating func tellFlow(_ at: Int, from side: Side, now: UInt32) {
        if entries[at].marks & Mark.confirmed == 0 {
            guard side == .remote else { return }
            entries[at].marks |= Mark.confirmed
        } else if now &- entries[at].localEnd < Self.silenceSeconds {
            return
        }
        entries[at].localEnd = now
        emit(entries[at].key, isOpened: true)
    }

    mutating func tellAgain() { if isWitness { retold = 0 } }

    /// Goes on telling all, if that was asked for.
    mutating func retell() {
        guard retold < entries.count else { return }
        var room = min(Self.retellCount, eventRoom)
        while retold < entries.count && room > 0 {
            if entries[retold].marks & Mark.confirmed != 0 {
                emit(entries[retold].key, isOpened: true)
                room -= 1
            }
            retold += 1
        }
    }
}
