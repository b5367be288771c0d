// libFuzzer over the table of outer fragments (scripts/fuzz.sh). Every five bytes are a piece:
//
//     [0]  bits 0-1: of whom, 2-3: which datagram, 4: the last, 5: a second later, 6: four seconds later, 7: IPv6
//     [1]  its offset, in 8 bytes      [2]  its length, in 8 bytes      [3]  bytes less than that, of the last
//     [4]  from what its bytes are made
//
// What must hold: what becomes whole is made of pieces that came, each in its place, no byte of it from elsewhere;
// nobody has more than a bucket; and no trap or bad access, which the sanitizer sees.
import FuzzDriver
import TestSupport
import Wire

@testable import FastPath

private struct SentPiece {
    var key: DatagramKey
    var offset: Int
    var bytes: Bytes
}

/// A table that lives through all runs, as a real one does; every run has identifications of its own.
private final class Bench {
    var table = Reassembler()
    var now: UInt32 = 0
    var run: UInt32 = 0

    func run(_ input: Bytes) {
        run &+= 1
        var sent: [SentPiece] = []
        for start in stride(from: 0, to: input.count - input.count % 5, by: 5) {
            let piece = Bytes(input[start..<start + 5])
            if piece[0] & 0x20 != 0 { now &+= 1 }
            if piece[0] & 0x40 != 0 { now &+= 4 }
            add(piece, &sent)
            table.age(now: now)
            precondition(table.count >= 0 && table.count <= Reassembler.capacity)
        }
    }

    private func add(_ input: Bytes, _ sent: inout [SentPiece]) {
        let sender = UInt64(input[0] & 3)
        let source =
            input[0] & 0x80 != 0
            ? IPAddress(high: 0x2001_0DB8_0000_0000 | sender, low: 1) : IPAddress(v4: 0xC633_6400 | UInt32(sender))
        let key = DatagramKey(
            source: source, destination: IPAddress(v4: 0xCB00_7101),
            identification: run &* 4 &+ UInt32(input[0] >> 2 & 3),
            ipProtocol: 50)
        let isLast = input[0] & 0x10 != 0
        let count = max(Int(input[2]) * 8 - (isLast ? Int(input[3] & 7) : 0), 1)
        // Before the last there are multiples of 8 only: the stage has seen to that.
        let byteCount = isLast ? count : max(count / 8 * 8, 8)
        let offset = Int(input[1]) * 8
        let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: (offset + $0) &* 31) ^ input[4] }
        let outcome = bytes.withUnsafeBytes { payload in
            table.add(
                Reassembler.Piece(key: key, offset: offset, isLast: isLast),
                payload: RawSpan(_unsafeBytes: payload), headers: RawSpan(_unsafeBytes: payload).extracting(0..<1),
                now: now)
        }
        sent.append(SentPiece(key: key, offset: offset, bytes: bytes))
        guard case .whole(let place) = outcome else { return }
        var whole = Bytes(repeating: 0, count: table.payloadByteCount(at: place))
        whole.withUnsafeMutableBytes { room in
            var span = MutableRawSpan(_unsafeBytes: room)
            table.copyPayload(at: place, to: &span)
        }
        table.release(place)
        precondition(Self.isMade(whole, of: sent.filter { $0.key == key }), "a datagram that nobody sent")
    }

    /// Whether pieces, one behind the other, give these bytes.
    private static func isMade(_ whole: Bytes, of pieces: [SentPiece]) -> Bool {
        var reached: Set<Int> = [0]
        for end in 1...whole.count {
            for piece in pieces where piece.offset + piece.bytes.count == end && reached.contains(piece.offset) {
                if whole[piece.offset..<end].elementsEqual(piece.bytes) { reached.insert(end) }
            }
        }
        return reached.contains(whole.count)
    }
}

nonisolated(unsafe) private let bench = Bench()

@_cdecl("ReassemblerFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    fuzz(count, arguments) { bench.run($0) }
}
