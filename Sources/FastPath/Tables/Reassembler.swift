internal import Wire

/// Fragments of outer datagrams on their way to becoming whole (RFC 791 §3.2, RFC 8200 §4.5), of either IP version.
///
///     bucket, by the sender | 16 datagrams: key, age, how much | 16 pieces each: from, to
///                           |  '-- its bytes: | headers 128 | payload 2048 |
///
/// The one table that is written on the word of bytes that nobody has verified; so it is small, taken whole at start, and
/// never grows. A sender (an IPv4 address, an IPv6 /64) has one bucket: the 17th datagram that it begins takes the place
/// of the oldest there, its own or of one who shares the bucket, and nobody else's. What becomes whole is judged like
/// any packet: nothing that is wrong in here passes the ICV.
///
/// Pieces that overlap end their datagram: what came and what comes of it is refused (RFC 5722, which we hold IPv4 to as
/// well). The same piece once more, byte for byte, is no overlap and is ignored (RFC 8200 §4.5).
struct Reassembler: ~Copyable {
    /// One piece; its bytes lie beside it.
    struct Piece: BitwiseCopyable {
        var key: DatagramKey
        /// Of its first payload byte in the datagram's payload.
        var offset: Int
        var isLast: Bool
    }

    enum Outcome: Equatable {
        /// Kept until the others are there.
        case held
        /// It was here before.
        case duplicate
        /// It will not be part of anything, nor will others of its datagram.
        case refused(Verdict)
        /// The datagram at this place is whole; it is to be taken out and then released.
        case whole(at: Int)
    }

    /// Datagrams by what became of them.
    struct Tallies: BitwiseCopyable, Equatable {
        var whole: UInt64 = 0
        /// The rest did not come in time.
        var timedOut: UInt64 = 0
        /// Gave way to a younger one while pieces were missing.
        var displaced: UInt64 = 0
        /// Overlaps, too many pieces, too long.
        var refused: UInt64 = 0
    }

    struct Datagram: BitwiseCopyable {
        var key: DatagramKey
        var isInUse = false
        /// Other than `pending`: it was refused, and its further pieces are for the same reason.
        var refusal = Verdict.pending
        var pieceCount = 0
        /// 0 before the first piece, whose headers they are, came.
        var headerByteCount = 0
        /// Payload bytes that are here.
        var collected = 0
        /// Payload bytes of all; -1 before the last piece came.
        var total = -1
        var began: UInt32 = 0
        /// Rises with every datagram that is begun.
        var order: UInt64 = 0
    }

    struct Span: BitwiseCopyable {
        var start: UInt16
        var end: UInt16
    }

    static let bucketCount = 64
    /// Datagrams that one sender can have begun.
    static let datagramsPerBucket = 16
    static let piecesPerDatagram = 16
    static let headerLimit = 128
    /// Payload bytes of the longest datagram: more than a frame has room for.
    static let payloadLimit = 2048
    /// Seconds that pieces wait for the rest. Shorter than RFC 791's 15: they come within milliseconds or not at all,
    /// and identifications of 16 bits come round (RFC 4963).
    static let timeoutSeconds: UInt32 = 3
    static let capacity = bucketCount * datagramsPerBucket
    /// Datagrams looked at in every batch for their age.
    static let walkCount = 8

    private var datagrams: Slab<Datagram>
    private var spans: Slab<Span>
    private let memory: FrameMemory
    private let hash = TableHash()
    private var begun: UInt64 = 0
    private var cursor = 0
    /// Datagrams that are begun or remembered as refused.
    private(set) var count = 0
    private(set) var tallies = Tallies()

    init() {
        datagrams = Slab(repeating: Datagram(key: .none), count: Self.capacity)
        spans = Slab(repeating: Span(start: 0, end: 0), count: Self.capacity * Self.piecesPerDatagram)
        // 64 bytes more than is used: a stride that is no power of two (docs/speed.md).
        memory = FrameMemory(frameCount: Self.capacity, frameStride: Self.headerLimit + Self.payloadLimit + 64)
    }

    /// Takes a piece.
    ///
    /// - Parameters:
    ///   - payload: its bytes: at least one, and a multiple of 8 unless it is the last (the caller has seen to that).
    ///   - headers: what stands in front of it; kept of the piece at offset 0.
    ///   - now: seconds, on a clock that does not go back.
    mutating func add(_ piece: Piece, payload: RawSpan, headers: RawSpan, now: UInt32) -> Outcome {
        let place = place(of: piece.key, now: now)
        let datagram = datagrams[place]
        guard datagram.refusal == .pending else { return .refused(datagram.refusal) }
        let end = piece.offset + payload.byteCount
        guard end <= Self.payloadLimit, headers.byteCount <= Self.headerLimit else {
            return refuse(place, .fragmentTooLarge)
        }
        if isHere(piece, payload, at: place) { return .duplicate }
        guard !contradicts(piece, end: end, at: place) else { return refuse(place, .fragmentOverlap) }
        guard datagram.pieceCount < Self.piecesPerDatagram else { return refuse(place, .tooManyFragments) }
        spans[place * Self.piecesPerDatagram + datagram.pieceCount] = Span(
            start: UInt16(piece.offset), end: UInt16(end))
        datagrams[place].pieceCount += 1
        datagrams[place].collected += payload.byteCount
        if piece.isLast { datagrams[place].total = end }
        var room = memory.mutableBytes(at: payloadStart(place) + piece.offset, count: payload.byteCount)
        payload.copy(to: &room)
        if piece.offset == 0 {
            datagrams[place].headerByteCount = headers.byteCount
            var room = memory.mutableBytes(at: start(place), count: headers.byteCount)
            headers.copy(to: &room)
        }
        // No piece overlaps another, so what is here is all when it is as much as all.
        guard datagrams[place].collected == datagrams[place].total else { return .held }
        tallies.whole &+= 1
        return .whole(at: place)
    }

    /// What comes of this datagram gets `verdict` from now on: it is somebody else's.
    mutating func dismiss(_ key: DatagramKey, as verdict: Verdict, now: UInt32) {
        let place = place(of: key, now: now)
        if datagrams[place].refusal == .pending { datagrams[place].refusal = verdict }
    }

    // MARK: A whole datagram

    func headerByteCount(at place: Int) -> Int { datagrams[place].headerByteCount }
    func payloadByteCount(at place: Int) -> Int { datagrams[place].total }

    func copyHeaders(at place: Int, to room: inout MutableRawSpan) {
        memory.bytes(at: start(place), count: datagrams[place].headerByteCount).copy(to: &room)
    }

    func copyPayload(at place: Int, to room: inout MutableRawSpan) {
        memory.bytes(at: payloadStart(place), count: datagrams[place].total).copy(to: &room)
    }

    mutating func release(_ place: Int) {
        datagrams[place].isInUse = false
        count -= 1
    }

    // MARK: Age

    /// Looks at the next few datagrams in turn, so that none stays for want of others.
    mutating func age(now: UInt32) {
        for _ in 0..<Self.walkCount {
            _ = isLive(cursor, now: now)
            cursor = cursor + 1 == Self.capacity ? 0 : cursor + 1
        }
    }

    /// Whether a place is in use; one whose time is over is free from now on.
    private mutating func isLive(_ place: Int, now: UInt32) -> Bool {
        guard datagrams[place].isInUse else { return false }
        guard now &- datagrams[place].began > Self.timeoutSeconds else { return true }
        if datagrams[place].refusal == .pending { tallies.timedOut &+= 1 }
        release(place)
        return false
    }

    // MARK: Places

    /// The datagram's place, or one that is made for it: a free one of its bucket, or that of the oldest there.
    private mutating func place(of key: DatagramKey, now: UInt32) -> Int {
        // Who has an IPv6 network has all its addresses: the /64 is the sender.
        let sender = key.source.isV4 ? key.source.low : key.source.high
        let first = Int(truncatingIfNeeded: hash(sender) & UInt64(Self.bucketCount - 1)) * Self.datagramsPerBucket
        var free = -1
        var oldest = first
        for place in first..<first + Self.datagramsPerBucket {
            guard isLive(place, now: now) else {
                if free < 0 { free = place }
                continue
            }
            if datagrams[place].key == key { return place }
            if datagrams[place].order < datagrams[oldest].order { oldest = place }
        }
        if free < 0 {
            if datagrams[oldest].refusal == .pending { tallies.displaced &+= 1 }
            release(oldest)
            free = oldest
        }
        begun &+= 1
        count += 1
        datagrams[free] = Datagram(key: key, isInUse: true, began: now, order: begun)
        return free
    }

    private mutating func refuse(_ place: Int, _ verdict: Verdict) -> Outcome {
        datagrams[place].refusal = verdict
        tallies.refused &+= 1
        return .refused(verdict)
    }

    private func start(_ place: Int) -> Int { place * memory.frameStride }
    private func payloadStart(_ place: Int) -> Int { place * memory.frameStride + Self.headerLimit }

    // MARK: Pieces

    /// The same piece, with the same bytes, has been taken.
    private func isHere(_ piece: Piece, _ payload: RawSpan, at place: Int) -> Bool {
        let end = piece.offset + payload.byteCount
        let firstSpan = place * Self.piecesPerDatagram
        for index in firstSpan..<firstSpan + datagrams[place].pieceCount
        where Int(spans[index].start) == piece.offset && Int(spans[index].end) == end {
            guard (datagrams[place].total == end) == piece.isLast else { return false }
            return memory.bytes(at: payloadStart(place) + piece.offset, count: payload.byteCount).equals(payload)
        }
        return false
    }

    /// It overlaps another piece, lies behind the end, or makes the end another one.
    private func contradicts(_ piece: Piece, end: Int, at place: Int) -> Bool {
        let total = datagrams[place].total
        if total >= 0 && (piece.isLast || end > total) { return true }
        let firstSpan = place * Self.piecesPerDatagram
        for index in firstSpan..<firstSpan + datagrams[place].pieceCount {
            if piece.offset < Int(spans[index].end) && Int(spans[index].start) < end { return true }
            if piece.isLast && Int(spans[index].end) > end { return true }
        }
        return false
    }
}

extension RawSpan {
    fileprivate func equals(_ other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        for offset in 0..<byteCount where byte(at: offset) != other.byte(at: offset) { return false }
        return true
    }
}
