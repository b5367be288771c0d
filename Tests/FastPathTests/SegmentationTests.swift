import TestSupport
import Testing
import Wire

@testable import FastPath

/// Splitting and joining of TCP segments at the TUN device: what goes in whole comes out whole, whatever it is.
@Suite struct SegmentationTests {
    /// A TCP packet as the host hands it over, checksum undone.
    struct Piece {
        var bytes: [UInt8]
        var header = VirtualNetHeader()
        let tcp: Int
        let payload: Int

        init(isV4: Bool, options: Int, payload: Int, segment: Int, flags: UInt8, seed: UInt64) {
            var random = SeededGenerator(seed: seed)
            tcp = isV4 ? 20 : 40
            self.payload = payload
            let total = tcp + 20 + options + payload
            bytes = (0..<total).map { _ in UInt8.random(in: 0...255, using: &random) }
            if isV4 {
                bytes[0...9] = [0x45, 0, UInt8(total >> 8), UInt8(total & 255), 0xFF, 0xFE, 0x40, 0, 64, 6]
            } else {
                let length = total - 40
                bytes[0...7] = [0x60, 0, 0, 0, UInt8(length >> 8), UInt8(length & 255), 6, 64]
            }
            bytes[tcp + 12] = UInt8((20 + options) / 4) << 4
            bytes[tcp + 13] = flags
            header.flags = VirtualNetHeader.Flag.needsChecksum
            header.segmentation =
                isV4 ? VirtualNetHeader.Segmentation.tcpv4 : VirtualNetHeader.Segmentation.tcpv6
            header.headerByteCount = UInt16(tcp + 20 + options)
            header.segmentByteCount = UInt16(segment)
            header.checksumStart = UInt16(tcp)
            header.checksumOffset = 16
        }

        func split() -> [[UInt8]]? {
            bytes.withUnsafeBytes { raw in
                let packet = RawSpan(_unsafeBytes: raw)
                guard var splitter = SegmentSplitter(packet, header) else { return nil }
                var segments: [[UInt8]] = []
                while !splitter.isDone {
                    let frame = FrameMemory(frameCount: 1, frameStride: 2048)
                    let count = splitter.nextByteCount
                    var segment = frame.mutableBytes(at: 0, count: count)
                    splitter.next(from: packet, to: &segment)
                    segments.append(array(frame.bytes(at: 0, count: count)))
                }
                return segments
            }
        }
    }

    /// Joins as many as go together, from the first on: how many, and what the host would get.
    static func join(_ packets: [[UInt8]]) -> (count: Int, header: VirtualNetHeader, bytes: [UInt8])? {
        let stride = 2048
        let memory = FrameMemory(frameCount: packets.count, frameStride: stride)
        for (index, packet) in packets.enumerated() {
            var bytes = memory.mutableBytes(at: index * stride, count: packet.count)
            for (at, byte) in packet.enumerated() { bytes.store(byte, at: at) }
        }
        let head = memory.bytes(at: 0, count: packets[0].count)
        let first = JoinableSegment(reading: head)
        guard first.isJoinable, first.isWhole(head) else { return nil }
        var joiner = SegmentJoiner(first)
        var bytes: [UInt8] = []
        for index in 1..<packets.count {
            let packet = memory.bytes(at: index * stride, count: packets[index].count)
            let next = JoinableSegment(reading: packet)
            guard next.isJoinable, next.isSameFlow(as: first), next.isWhole(packet),
                joiner.join(next, packet, behind: head)
            else { break }
            bytes += packets[index][next.headerByteCount...]
        }
        guard joiner.count > 1 else { return (1, VirtualNetHeader(), packets[0]) }
        var headers = memory.mutableBytes(at: 0, count: first.headerByteCount)
        let header = joiner.finish(&headers)
        return (joiner.count, header, array(memory.bytes(at: 0, count: packets[0].count)) + bytes)
    }

    @Test(arguments: [true, false], [0, 12])
    func whatIsSplitIsJoinedAgain(isV4: Bool, options: Int) throws {
        for seed in 0..<40 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let segment = Int.random(in: 1...1400, using: &random)
            let payload = min(Int.random(in: segment + 1...segment * 40 + 1, using: &random), 65_000)
            let isPushed = Bool.random(using: &random)
            let piece = Piece(
                isV4: isV4, options: options, payload: payload, segment: segment, flags: isPushed ? 0x18 : 0x10,
                seed: seed)
            let segments = try #require(piece.split())
            #expect(segments.count == (payload + segment - 1) / segment)
            let headers = piece.bytes.count - payload
            #expect(segments.flatMap { $0[headers...] } == Array(piece.bytes[headers...]))
            for (index, bytes) in segments.enumerated() {
                expectRight(bytes, index: index, of: piece, isLast: index == segments.count - 1)
            }
            let joined = try #require(Self.join(segments))
            #expect(joined.count == segments.count)
            // The checksum's place holds the pseudo-header's sum for what is joined, and nothing much in the piece.
            var wanted = piece.bytes
            wanted[piece.tcp + 16...piece.tcp + 17] = joined.bytes[piece.tcp + 16...piece.tcp + 17]
            if isV4 { wanted[10...11] = joined.bytes[10...11] }
            #expect(joined.bytes == wanted)
            var header = piece.header
            header.headerByteCount = UInt16(headers)
            #expect(joined.header == header)
        }
    }

    private func expectRight(_ bytes: [UInt8], index: Int, of piece: Piece, isLast: Bool) {
        let tcp = piece.tcp
        bytes.withUnsafeBytes { raw in
            let packet = RawSpan(_unsafeBytes: raw)
            let segment = JoinableSegment(reading: packet)
            let isWhole = segment.isWhole(packet)
            #expect(isWhole)
            #expect(segment.isPushed == (isLast && piece.bytes[tcp + 13] & 8 != 0))
            let sequence = piece.bytes.withUnsafeBytes { RawSpan(_unsafeBytes: $0).bigEndian32(at: tcp + 4) }
            #expect(segment.sequence == sequence &+ UInt32(index * Int(piece.header.segmentByteCount)))
            if tcp == 20 {
                let sum = InternetChecksum.sum(packet, count: 20)
                let (length, identification) = (packet.bigEndian16(at: 2), packet.bigEndian16(at: 4))
                #expect(sum == 0xFFFF && length == UInt16(bytes.count))
                #expect(identification == 0xFFFE &+ UInt16(index))
            } else {
                let length = packet.bigEndian16(at: 4)
                #expect(length == UInt16(bytes.count - 40))
            }
        }
    }

    /// FIN and PSH belong to the last segment, CWR to the first, everything else to all.
    @Test func flagsGoWhereTheyBelong() throws {
        let piece = Piece(isV4: true, options: 0, payload: 2500, segment: 1000, flags: 0xD9, seed: 1)
        let segments = try #require(piece.split())
        #expect(segments.map { $0[33] } == [0xD0, 0x50, 0x59])
    }

    @Test func aPieceThatContradictsItselfIsRefused() {
        let good = Piece(isV4: true, options: 0, payload: 3000, segment: 1000, flags: 0x10, seed: 2)
        #expect(good.split()?.count == 3)
        func spoiled(_ spoil: (inout Piece) -> Void) -> Bool {
            var piece = good
            spoil(&piece)
            return piece.split() == nil
        }
        #expect(spoiled { $0.header.segmentByteCount = 0 })
        #expect(spoiled { $0.header.checksumStart = 19 })
        #expect(spoiled { $0.header.checksumStart = 24 })
        #expect(spoiled { $0.header.checksumStart = UInt16($0.bytes.count - 19) })
        #expect(spoiled { $0.header.segmentation = 3 })
        #expect(spoiled { $0.bytes[32] = 0x40 })
        #expect(spoiled { $0.bytes[0] = 0x55 })
        #expect(spoiled { $0.bytes = Array($0.bytes.prefix(39)) })
    }

    /// What would change a byte that the host sees, or its order, ends a run.
    @Test func onlyWhatBelongsTogetherIsJoined() throws {
        let piece = Piece(isV4: true, options: 12, payload: 3000, segment: 1000, flags: 0x10, seed: 3)
        let segments = try #require(piece.split())
        func joined(_ at: Int, isResealed: Bool = true, _ change: (inout [UInt8]) -> Void) -> Int? {
            var changed = segments
            change(&changed[at])
            if isResealed { Self.reseal(&changed[at]) }
            return Self.join(changed)?.count
        }
        #expect(joined(1) { _ in } == 3)
        #expect(joined(1) { $0[1] = 3 } == 1, "traffic class")
        #expect(joined(2) { $0[8] = 63 } == 2, "time to live")
        #expect(joined(1) { $0[20] ^= 1 } == 1, "source port")
        #expect(joined(1) { $0[15] ^= 1 } == 1, "source address")
        #expect(joined(2) { $0[27] &+= 1 } == 2, "number")
        #expect(joined(1) { $0[31] ^= 1 } == 1, "acknowledgement")
        #expect(joined(1) { $0[35] ^= 1 } == 1, "window")
        #expect(joined(1) { $0[39] ^= 1 } == 1, "urgent pointer")
        #expect(joined(1) { $0[41] ^= 1 } == 1, "option")
        for flag in [1, 2, 4, 32, 64, 128] as [UInt8] { #expect(joined(1) { $0[33] |= flag } == 1, "flag \(flag)") }
        #expect(joined(1) { $0[6] = 0x60 } == 1, "more fragments")
        #expect(joined(1) { $0[6] = 0 } == 1, "may be fragmented")
        #expect(joined(1) { $0.append(0) } == 1, "a byte behind the packet")
        #expect(joined(1) { $0[33] |= 8 } == 2, "pushed: the run's last")
        #expect(joined(1, isResealed: false) { $0[1000] ^= 1 } == 1, "payload that is not what was sent")
        #expect(joined(0, isResealed: false) { $0[1000] ^= 1 } == nil)
        // A short segment is the last, a longer one begins anew.
        let short = Array(segments[1].prefix(500))
        #expect(Self.join([segments[0], Self.shortened(short), segments[2]])?.count == 2)
        let number = segments[0].withUnsafeBytes { RawSpan(_unsafeBytes: $0).bigEndian32(at: 24) }
        var longer = segments[1]
        Self.renumber(&longer, number &+ 448)
        #expect(Self.join([Self.shortened(Array(segments[0].prefix(500))), longer])?.count == 1)
        #expect(
            Self.join([Self.shortened(Array(segments[0].prefix(500))), Self.shortened(Array(longer.prefix(500)))])?
                .count == 2)
    }

    /// A piece is an IP packet: no more than 65,535 bytes.
    @Test func aRunEndsAtTheLongestPacket() throws {
        let piece = Piece(isV4: true, options: 0, payload: 65_000, segment: 1400, flags: 0x10, seed: 4)
        var more = Piece(isV4: true, options: 0, payload: 2800, segment: 1400, flags: 0x10, seed: 5)
        let segments = try #require(piece.split())
        // The same connection, going on where the last whole segment ended.
        more.bytes[..<40] = piece.bytes[..<40]
        let whole = Array(segments.prefix(46))
        var rest = try #require(more.split())
        for index in rest.indices {
            let number = piece.bytes.withUnsafeBytes { RawSpan(_unsafeBytes: $0).bigEndian32(at: 24) }
            Self.renumber(&rest[index], number &+ UInt32((46 + index) * 1400))
        }
        #expect(whole.count == 46)
        #expect(Self.join(whole + rest)?.count == 46)
    }

    @Test func aChecksumIsFinished() {
        // UDP: 8 bytes of header and 4 of payload, behind 20 of IPv4.
        var packet = [UInt8](repeating: 0, count: 32)
        packet[20...] = [0, 53, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4]
        var header = VirtualNetHeader()
        (header.flags, header.checksumStart, header.checksumOffset) = (VirtualNetHeader.Flag.needsChecksum, 20, 6)
        func finish(_ header: VirtualNetHeader) -> [UInt8]? {
            let memory = FrameMemory(frameCount: 1, frameStride: 64)
            var bytes = memory.mutableBytes(at: 0, count: 32)
            for (at, byte) in packet.enumerated() { bytes.store(byte, at: at) }
            return SegmentSplitter.finishChecksum(of: &bytes, header) ? array(memory.bytes(at: 0, count: 32)) : nil
        }
        // 53 + 53 + 12 + 0x0102 + 0x0304
        #expect(finish(header)?[26...27] == [0xFB, 0x83])
        // What sums up to 0xFFFF would be 0, which in UDP says that there is none.
        packet[28...31] = [0xFF, 0x89, 0, 0]
        #expect(finish(header)?[26...27] == [0xFF, 0xFF])
        header.checksumStart = 26
        #expect(finish(header) == nil)
    }

    /// After a change that is not to be noticed by its checksum.
    private static func reseal(_ packet: inout [UInt8]) {
        packet[36...37] = [0, 0]
        let sum = packet.withUnsafeBytes { raw in
            let span = RawSpan(_unsafeBytes: raw)
            let pseudo = PseudoHeader.sum(
                source: IPAddress(v4: span.bigEndian32(at: 12)), destination: IPAddress(v4: span.bigEndian32(at: 16)),
                ipProtocol: 6, byteCount: packet.count - 20)
            return ~InternetChecksum.sum(span, from: 20, initial: pseudo)
        }
        packet[36...37] = [UInt8(sum >> 8), UInt8(sum & 255)]
    }

    private static func renumber(_ packet: inout [UInt8], _ number: UInt32) {
        for at in 0..<4 { packet[24 + at] = UInt8(truncatingIfNeeded: number >> (24 - 8 * at)) }
        reseal(&packet)
    }

    private static func shortened(_ packet: [UInt8]) -> [UInt8] {
        var packet = packet
        packet[2...3] = [UInt8(packet.count >> 8), UInt8(packet.count & 255)]
        reseal(&packet)
        return packet
    }
}

private func array(_ span: RawSpan) -> [UInt8] { (0..<span.byteCount).map { span.byte(at: $0) } }
