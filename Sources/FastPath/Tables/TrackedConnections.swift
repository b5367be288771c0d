internal import Associations
internal import Wire

/// The connections of a target as both directions show them, and what is to be said of them upwards.
///
///     (none) --SYN|ACK sent--> opened --FIN each way, both acknowledged, or a RST either way--> closed (none)
///
/// A SYN alone makes no entry: what the host's own TCP does not answer is no connection. Segments of connections without an
/// entry make none either; they are of before this process, and the router ages them by itself.
///
/// Open addressing as in `ConnectionTable`, bounded: a connection that finds no room is not followed, and `omitted`
/// counts it, as it counts events for which the list had no room. Silent ones are found by a walk of a few entries a batch.
struct TrackedConnections: ~Copyable {
    enum Side { case remote, local }

    struct Entry: BitwiseCopyable {
        var key: ConnectionKey
        /// Seconds.
        var lastSeen: UInt32
        /// The number behind each side's FIN. Of a flow that is not TCP: when the client's last packet came, and when the
        /// router was last told that it goes on, in seconds.
        var remoteEnd: UInt32
        var localEnd: UInt32
        /// See `Mark`; 0 is an empty entry.
        var marks: UInt8
    }

    enum Mark {
        static let answered: UInt8 = 1
        /// The client has answered the answer.
        static let confirmed: UInt8 = 2
        static let remoteFIN: UInt8 = 4
        static let localFIN: UInt8 = 8
        static let remoteFINAcknowledged: UInt8 = 16
        static let localFINAcknowledged: UInt8 = 32
        static let anyFIN = remoteFIN | localFIN
        /// It is not TCP's.
        static let flow: UInt8 = 64
        static let over = remoteFINAcknowledged | localFINAcknowledged
    }

    struct Event: BitwiseCopyable {
        var key: ConnectionKey
        var isOpened: Bool
    }

    /// Entries that a lookup may read.
    static let probeLimit = ConnectionTable.probeLimit
    /// Entries looked at in every batch.
    static let walkCount = 8
    /// Events that wait to be taken.
    static let eventLimit = 4096

    /// Seconds without a segment: of one that was never confirmed, one that closes, any other. The first two are called
    /// closed, as the host's TCP has given them up; the last is forgotten.
    static let halfOpenSeconds: UInt32 = 75
    static let closingSeconds: UInt32 = 120
    static let idleSeconds: UInt32 = 7200

    var entries: Slab<Entry>
    private let mask: Int
    private let bound: Int
    private let hash = TableHash()
    private var cursor = 0
    /// Connections that are followed.
    private(set) var count = 0
    private var events: Slab<Event>
    private(set) var eventCount = 0
    var digests: [Int] { [entries.digest(), events.digest(), count, eventCount] }
    /// Events that nobody heard of.
    private(set) var omitted: UInt64 = 0
    /// Where targets verify, the router knows of connections what is told here.
    let isWitness: Bool
    /// Entries below it were told again; all unless that was asked for.
    var retold: Int

    /// Room for `capacity` connections; 60 to 120 bytes for each.
    init(capacity: Int, isWitness: Bool = false) {
        self.isWitness = isWitness
        var size = 32
        while size * 2 < capacity * 3 { size *= 2 }
        let nothing = ConnectionKey(.none, dvipa: 0)
        entries = Slab(
            repeating: Entry(key: nothing, lastSeen: 0, remoteEnd: 0, localEnd: 0, marks: 0), count: size)
        events = Slab(repeating: Event(key: nothing, isOpened: false), count: min(Self.eventLimit, size))
        mask = size - 1
        bound = capacity
        retold = size
    }

    /// Takes note of a segment: one that came was authenticated, one that goes is the host's own.
    mutating func note(_ segment: TCPSegment, of key: ConnectionKey, from side: Side, now: UInt32) {
        let home = home(of: key)
        let at = find(key, home: home)
        if at < 0 {
            if side == .local && segment.answersSYN { open(key, home: home, now: now) }
            return
        }
        if segment.has(TCPHeader.Flag.rst) { return close(at) }
        if side == .local && segment.answersSYN && entries[at].marks & Mark.anyFIN != 0 {
            // A new connection on the four numbers of one whose end was not seen.
            entries[at].marks = Mark.answered
            entries[at].lastSeen = now
            if !isWitness { emit(key, isOpened: true) }
            return
        }
        if entries[at].lastSeen != now { entries[at].lastSeen = now }
        let before = entries[at].marks
        switch side {
        case .remote:
            if segment.has(TCPHeader.Flag.ack) { entries[at].marks |= Mark.confirmed }
            if segment.has(TCPHeader.Flag.fin) {
                entries[at].marks |= Mark.remoteFIN
                entries[at].remoteEnd = segment.end
            }
            if entries[at].marks & Mark.localFIN != 0, segment.acknowledges(entries[at].localEnd) {
                entries[at].marks |= Mark.localFINAcknowledged
            }
        case .local:
            // The host's TCP goes on: it was answered, though where the kernel opens ESP nobody saw that here.
            if !segment.answersSYN { entries[at].marks |= Mark.confirmed }
            if segment.has(TCPHeader.Flag.fin) {
                entries[at].marks |= Mark.localFIN
                entries[at].localEnd = segment.end
            }
            if entries[at].marks & Mark.remoteFIN != 0, segment.acknowledges(entries[at].remoteEnd) {
                entries[at].marks |= Mark.remoteFINAcknowledged
            }
        }
        if isWitness { tell(at, before: before, now: now) }
        if entries[at].marks & Mark.over == Mark.over { close(at) }
    }

    /// Looks at the next `count` entries in turn for those that fell silent.
    mutating func age(_ count: Int, now: UInt32) {
        for _ in 0..<count {
            let entry = entries[cursor]
            let silence = now &- entry.lastSeen
            if entry.marks == 0 {
                cursor = (cursor + 1) & mask
            } else if entry.marks & Mark.flow != 0 {
                if silence > Self.flowSeconds { remove(at: cursor) } else { cursor = (cursor + 1) & mask }
            } else if entry.marks & Mark.confirmed == 0 && silence > Self.halfOpenSeconds
                || entry.marks & Mark.anyFIN != 0 && silence > Self.closingSeconds
            {
                close(cursor)  // Another may have moved in: it is the next to be looked at.
            } else if silence > Self.idleSeconds {
                remove(at: cursor)
            } else {
                cursor = (cursor + 1) & mask
            }
        }
    }

    func event(_ index: Int) -> Event { events[index] }

    var eventRoom: Int { events.count - eventCount }

    mutating func removeEvents() { eventCount = 0 }

    func home(of key: ConnectionKey) -> Int { Int(truncatingIfNeeded: key.hash(hash)) & mask }

    func find(_ key: ConnectionKey, home: Int) -> Int {
        var at = home
        for _ in 0..<Self.probeLimit {
            let entry = entries[at]
            if entry.marks == 0 { return -1 }
            if entry.key.rest == key.rest && entry.key.remoteLow == key.remoteLow
                && entry.key.remoteHigh == key.remoteHigh
            {
                return at
            }
            at = (at + 1) & mask
        }
        return -1
    }

    private mutating func open(_ key: ConnectionKey, home: Int, now: UInt32) {
        if !isWitness { emit(key, isOpened: true) }
        insert(Entry(key: key, lastSeen: now, remoteEnd: 0, localEnd: 0, marks: Mark.answered), home: home)
    }

    mutating func insertFlow(_ key: ConnectionKey, home: Int, now: UInt32) {
        insert(Entry(key: key, lastSeen: now, remoteEnd: now, localEnd: now, marks: Mark.flow), home: home)
    }

    private mutating func insert(_ entry: Entry, home: Int) {
        var at = home
        for _ in 0..<Self.probeLimit where count < bound {
            if entries[at].marks == 0 {
                entries[at] = entry
                count += 1
                return
            }
            at = (at + 1) & mask
        }
        // Its end will not be heard of.
        omitted &+= 1
    }

    private mutating func close(_ index: Int) {
        if !isWitness || entries[index].marks & Mark.confirmed != 0 { emit(entries[index].key, isOpened: false) }
        remove(at: index)
    }

    mutating func emit(_ key: ConnectionKey, isOpened: Bool) {
        guard eventCount < events.count else {
            omitted &+= 1
            return
        }
        events[eventCount] = Event(key: key, isOpened: isOpened)
        eventCount += 1
    }

    /// Closes the gap it leaves, so that lookups may stop at the first empty entry.
    private mutating func remove(at index: Int) {
        var gap = index
        var at = (gap + 1) & mask
        while entries[at].marks != 0 {
            let home = Int(truncatingIfNeeded: entries[at].key.hash(hash)) & mask
            // Move it back unless its home lies between the gap and itself.
            if (at - home) & mask >= (at - gap) & mask {
                entries[gap] = entries[at]
                gap = at
            }
            at = (at + 1) & mask
        }
        entries[gap].marks = 0
        count -= 1
    }
}
