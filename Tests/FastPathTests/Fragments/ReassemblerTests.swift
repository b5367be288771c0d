import TestSupport
import Testing
import Wire

@testable import FastPath

/// The table of outer fragments: what becomes whole, what is refused, and that it stays small.
@Suite struct ReassemblerTests {
    static let sender = address("198.51.100.10")
    static let here = address("203.0.113.1")

    static func key(_ identification: UInt32 = 7, from source: IPAddress = sender, protocol number: UInt8 = 50)
        -> DatagramKey
    {
        DatagramKey(source: source, destination: here, identification: identification, ipProtocol: number)
    }

    static func datagram(_ count: Int, seed: UInt64 = 1) -> Bytes {
        var generator = SeededGenerator(seed: seed)
        return generator.bytes(count)
    }

    @Test(arguments: [[0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1]]) func itIsWholeInWhateverOrderItComes(_ order: [Int])
    {
        var bench = ReassemblerBench()
        let whole = Self.datagram(1000)
        let ranges = [0..<400, 400..<808, 808..<1000]
        for (step, piece) in order.enumerated() {
            let result = bench.add(Self.key(), whole, ranges[piece])
            #expect(result == (step < 2 ? .held : .whole(Bytes([0x45, 7]), whole)))
        }
        #expect(bench.table.count == 0)
        #expect(bench.table.tallies == Reassembler.Tallies(whole: 1))
    }

    @Test func keysAreOfBothVersions() {
        var bench = ReassemblerBench()
        let source = address("2001:db8::1")
        let keys = [
            Self.key(0xFFFF_0007, from: source), Self.key(7, from: source),
            Self.key(0xFFFF_0007, from: source, protocol: 17),
            Self.key(0xFFFF_0007, from: address("2001:db8::2")), Self.key(7),
        ]
        for (index, key) in keys.enumerated() {
            let whole = Self.datagram(80, seed: UInt64(index))
            #expect(bench.add(key, whole, 0..<40) == .held)
        }
        for (index, key) in keys.enumerated() {
            let whole = Self.datagram(80, seed: UInt64(index))
            #expect(bench.add(key, whole, 40..<80) == .whole(Bytes([0x45, 7]), whole))
        }
    }

    @Test func theSamePieceOnceMoreIsIgnored() {
        var bench = ReassemblerBench()
        let whole = Self.datagram(80)
        #expect(bench.add(Self.key(), whole, 0..<40) == .held)
        #expect(bench.add(Self.key(), whole, 0..<40) == .duplicate)
        #expect(bench.add(Self.key(), whole, 40..<80) == .whole(Bytes([0x45, 7]), whole))
    }

    /// RFC 5722 §4: the datagram is refused, with what came and what comes of it.
    @Test(arguments: [
        [0..<40, 32..<80], [0..<40, 40..<80, 8..<16], [0..<40, 0..<48], [40..<120, 0..<48],
        [40..<80, 80..<120, 0..<120],
    ]) func overlapsAreRefused(_ ranges: [Range<Int>]) {
        var bench = ReassemblerBench()
        let whole = Self.datagram(160)
        var last = ReassemblerBench.Result.held
        for range in ranges { last = bench.add(Self.key(), whole, range, isLast: false) }
        #expect(last == .refused(.fragmentOverlap))
        #expect(bench.add(Self.key(), whole, 120..<160) == .refused(.fragmentOverlap))
        #expect(bench.table.tallies == Reassembler.Tallies(refused: 1))
    }

    @Test func contradictionsAreRefused() {
        let whole = Self.datagram(160)
        func second(
            _ first: Range<Int>, _ firstIsLast: Bool, _ range: Range<Int>, _ isLast: Bool, changed: Bool = false
        )
            -> ReassemblerBench.Result
        {
            var bench = ReassemblerBench()
            #expect(bench.add(Self.key(), whole, first, isLast: firstIsLast) == .held)
            return bench.add(Self.key(), changed ? Self.datagram(160, seed: 9) : whole, range, isLast: isLast)
        }
        #expect(second(0..<40, false, 0..<40, false, changed: true) == .refused(.fragmentOverlap), "other bytes")
        #expect(second(40..<80, true, 80..<120, false) == .refused(.fragmentOverlap), "behind the end")
        #expect(second(40..<80, true, 80..<120, true) == .refused(.fragmentOverlap), "another end")
        #expect(second(80..<120, false, 40..<80, true) == .refused(.fragmentOverlap), "an end before what is here")
        #expect(second(40..<80, true, 40..<80, false) == .refused(.fragmentOverlap), "the same piece, not the last")
    }

    @Test func whatIsTooLongOrInTooManyPiecesIsRefused() {
        var bench = ReassemblerBench()
        let limit = Reassembler.payloadLimit
        let whole = Self.datagram(limit + 8)
        #expect(bench.add(Self.key(1), whole, limit - 8..<limit) == .held)
        #expect(bench.add(Self.key(2), whole, limit - 8..<limit + 8) == .refused(.fragmentTooLarge))
        #expect(bench.add(Self.key(2), whole, 0..<8) == .refused(.fragmentTooLarge))
        for piece in 0..<Reassembler.piecesPerDatagram {
            #expect(bench.add(Self.key(3), whole, piece * 8..<piece * 8 + 8) == .held)
        }
        let next = Reassembler.piecesPerDatagram * 8
        #expect(bench.add(Self.key(3), whole, next..<next + 8) == .refused(.tooManyFragments))
    }

    // MARK: Bounds

    /// A sender's 17th datagram takes the place of its oldest, and nobody else's.
    @Test func aSenderDisplacesItself() {
        var bench = ReassemblerBench()
        let whole = Self.datagram(80)
        let limit = UInt32(Reassembler.datagramsPerBucket)
        for identification in 0...limit { #expect(bench.add(Self.key(identification), whole, 0..<40) == .held) }
        #expect(bench.table.count == Int(limit))
        #expect(bench.table.tallies == Reassembler.Tallies(displaced: 1))
        #expect(bench.add(Self.key(0), whole, 40..<80) == .held, "its first piece is gone")
        for identification in 2...limit {
            #expect(bench.add(Self.key(identification), whole, 40..<80) == .whole(Bytes([0x45, 7]), whole))
        }
    }

    @Test func nobodyFillsIt() {
        var bench = ReassemblerBench()
        let whole = Self.datagram(80)
        for number in 0..<UInt32(20_000) {
            let source = IPAddress(v4: 0x0A00_0000 &+ number)
            #expect(bench.add(Self.key(number, from: source), whole, 0..<40) == .held)
        }
        #expect(bench.table.count <= Reassembler.capacity)
        // Who comes now finds room at once.
        #expect(bench.add(Self.key(), whole, 0..<40) == .held)
        #expect(bench.add(Self.key(), whole, 40..<80) == .whole(Bytes([0x45, 7]), whole))
        // An IPv6 network is one sender, whatever address of its own it takes.
        var other = ReassemblerBench()
        for number in 0..<UInt64(1000) {
            let source = IPAddress(high: 0x2001_0DB8_0000_0001, low: number)
            #expect(other.add(Self.key(1, from: source), whole, 0..<40) == .held)
        }
        #expect(other.table.count == Reassembler.datagramsPerBucket)
    }

    @Test func piecesWaitForTheirTimeAndNoLonger() {
        var bench = ReassemblerBench()
        let whole = Self.datagram(80)
        #expect(bench.add(Self.key(1), whole, 0..<40) == .held)
        #expect(bench.add(Self.key(2), whole, 0..<40) == .held)
        bench.now += Reassembler.timeoutSeconds
        #expect(bench.add(Self.key(1), whole, 40..<80) == .whole(Bytes([0x45, 7]), whole))
        bench.now += 1
        #expect(bench.add(Self.key(2), whole, 40..<80) == .held, "the first piece is forgotten")
        #expect(bench.table.tallies == Reassembler.Tallies(whole: 1, timedOut: 1))
        // Without anybody asking, too.
        bench.now += Reassembler.timeoutSeconds + 1
        for _ in 0..<Reassembler.capacity / Reassembler.walkCount { bench.table.age(now: bench.now) }
        #expect(bench.table.count == 0)
        #expect(bench.table.tallies == Reassembler.Tallies(whole: 1, timedOut: 2))
    }

    // MARK: Property

    /// Whatever order, doubling, loss, overlap and forgery: what comes out is a datagram as it was sent, once, or nothing.
    @Test(arguments: UInt64(1)...8) func whatBecomesWholeIsWhatWasSent(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var bench = ReassemblerBench()
        var wholeCount = 0
        for round in 0..<60 {
            // A few datagrams at once, two of them with one identification from two senders.
            var pieces: [(key: DatagramKey, whole: Bytes, range: Range<Int>, isTouched: Bool)] = []
            var sound: Set<UInt32> = []
            for number in 0..<4 {
                let identification = UInt32(round * 8 + number)
                let key = Self.key(identification, from: IPAddress(v4: UInt32.random(in: 1...3, using: &generator)))
                let whole = generator.bytes(Int.random(in: 1...600, using: &generator))
                var cuts = [0, whole.count]
                for _ in 0..<Int.random(in: 0...4, using: &generator) {
                    cuts.append(Int.random(in: 0...whole.count / 8, using: &generator) * 8)
                }
                cuts = Set(cuts).sorted()
                var ranges = zip(cuts, cuts.dropFirst()).map { $0..<$1 }
                var isSound = true
                if generator.once(in: 4), ranges.count > 1 {
                    ranges.remove(at: Int.random(in: 0..<ranges.count, using: &generator))
                    isSound = false
                }
                if generator.once(in: 4) { ranges.append(ranges.randomElement(using: &generator)!) }
                for range in ranges { pieces.append((key, whole, range, false)) }
                if generator.once(in: 4), whole.count > 16 {
                    // A forger's piece, of other bytes: at any place.
                    let start = Int.random(in: 0..<whole.count / 8, using: &generator) * 8
                    pieces.append((key, generator.bytes(whole.count), start..<min(start + 8, whole.count), true))
                    isSound = false
                }
                if isSound { sound.insert(identification) }
            }
            pieces.shuffle(using: &generator)
            var done: Set<UInt32> = []
            for piece in pieces {
                let isLast = piece.range.upperBound == piece.whole.count
                let result = bench.add(piece.key, piece.whole, piece.range, isLast: isLast)
                guard case .whole(_, let bytes) = result else { continue }
                wholeCount += 1
                // A forged piece may stand in the place of the true one; the ICV is for that. Lengths are never wrong.
                #expect(bytes.count == piece.whole.count)
                let identification = piece.key.identification
                let isForged = pieces.contains { $0.key == piece.key && $0.isTouched }
                if !isForged {
                    #expect(bytes == piece.whole)
                    #expect(
                        done.insert(identification).inserted || !sound.contains(identification) || bytes == piece.whole)
                }
            }
            #expect(bench.table.count <= Reassembler.capacity)
            if generator.once(in: 3) { bench.now += 2 }
        }
        #expect(wholeCount > 60)
    }
}

/// A reassembler with pieces made of arrays.
struct ReassemblerBench: ~Copyable {
    enum Result: Equatable {
        case held, duplicate
        case refused(Verdict)
        /// Its headers and its payload.
        case whole(Bytes, Bytes)
    }

    var table = Reassembler()
    var now: UInt32 = 100

    /// Adds a part of a datagram, the last if it ends where the datagram ends, unless said otherwise. The headers say at
    /// which offset they stood.
    mutating func add(_ key: DatagramKey, _ whole: Bytes, _ range: Range<Int>, isLast: Bool? = nil) -> Result {
        let piece = Reassembler.Piece(
            key: key, offset: range.lowerBound, isLast: isLast ?? (range.upperBound == whole.count))
        let payload = Bytes(whole[range])
        let headers: Bytes = [0x45, range.lowerBound == 0 ? 7 : 8]
        let now = now
        let outcome = payload.withUnsafeBytes { payload in
            headers.withUnsafeBytes { headers in
                table.add(
                    piece, payload: RawSpan(_unsafeBytes: payload), headers: RawSpan(_unsafeBytes: headers), now: now)
            }
        }
        switch outcome {
        case .held: return .held
        case .duplicate: return .duplicate
        case .refused(let verdict): return .refused(verdict)
        case .whole(let place):
            var headers = Bytes(repeating: 0, count: table.headerByteCount(at: place))
            var payload = Bytes(repeating: 0, count: table.payloadByteCount(at: place))
            headers.withUnsafeMutableBytes { bytes in
                var room = MutableRawSpan(_unsafeBytes: bytes)
                table.copyHeaders(at: place, to: &room)
            }
            payload.withUnsafeMutableBytes { bytes in
                var room = MutableRawSpan(_unsafeBytes: bytes)
                table.copyPayload(at: place, to: &room)
            }
            table.release(place)
            return .whole(headers, payload)
        }
    }
}
