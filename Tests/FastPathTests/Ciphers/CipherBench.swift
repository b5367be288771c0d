import Associations
import TestSupport
import Wire

@testable import FastPath

/// A cipher provider on a table: ESP packets in frames, what it found, and what it left behind.
struct CipherBench: ~Copyable {
    static let capacity = 64
    /// In front of every packet and behind it: bytes that nobody may change.
    static let margin = 64
    private static let stride = 2240
    private static let filler: UInt8 = 0xA5

    let provider: CipherProvider
    let associations: [SecurityAssociation]
    private let memory = FrameMemory(frameCount: Self.capacity, frameStride: Self.stride)
    private var works = Slab<CipherWork>(repeating: .none, count: Self.capacity)
    private let heads = PeekedHeads(capacity: Self.capacity)

    init(_ provider: Provider, _ associations: [SecurityAssociation]) {
        self.provider = provider.make(capacity: associations.count, batchCapacity: Self.capacity)
        self.associations = associations
        for (index, association) in associations.enumerated() { self.provider.install(association, at: index) }
    }

    /// An ESP packet, and under which SA it is to be understood.
    struct Item {
        var packet: Bytes
        var association: Int
        /// The upper half of its number.
        var high: UInt32 = 0
    }

    /// What the provider said of one packet, and its frame afterwards, margins included.
    struct Finding: Equatable {
        var isAuthentic: Bool
        var padByteCount: UInt8
        var nextHeader: UInt8
        var head: Bytes
        var frame: Bytes
    }

    static func framed(_ packet: Bytes) -> Bytes {
        let margin = Bytes(repeating: filler, count: margin)
        return margin + packet + margin
    }

    private mutating func lay(_ items: [Item]) {
        for (index, item) in items.enumerated() {
            let frame = Self.framed(item.packet)
            precondition(frame.count <= Self.stride)
            memory.pointer(at: index * Self.stride, count: frame.count).copyMemory(from: frame, byteCount: frame.count)
            let association = associations[item.association]
            works[index] = CipherWork(
                packet: Int32(index), association: Int32(item.association), start: index * Self.stride + Self.margin,
                byteCount: item.packet.count, salt: association.saltInMemory,
                suite: CipherSuite(association.transform, hasESN: association.hasESN))
            works[index].high = item.high
        }
    }

    private func frame(_ index: Int) -> Bytes {
        let count = works[index].byteCount + 2 * Self.margin
        return Bytes(UnsafeRawBufferPointer(start: memory.pointer(at: index * Self.stride, count: count), count: count))
    }

    private func finding(_ index: Int) -> Finding {
        let work = works[index]
        let head = heads.plaintext(index, count: Int(work.headByteCount))
        return Finding(
            isAuthentic: work.isAuthentic, padByteCount: work.padByteCount, nextHeader: work.nextHeader,
            head: (0..<Int(work.headByteCount)).map { head.byte(at: $0) }, frame: frame(index))
    }

    mutating func verifyAndPeek(_ items: [Item]) -> [Finding] {
        lay(items)
        _ = provider.verifyAndPeek(&works, WorkCount(works, count: items.count), in: memory, into: heads)
        return items.indices.map { finding($0) }
    }

    mutating func peek(_ items: [Item]) -> [Finding] {
        lay(items)
        provider.peek(&works, WorkCount(works, count: items.count), in: memory, into: heads)
        return items.indices.map { finding($0) }
    }

    /// Of the packets of the last peek, the heads as long as they can be, asked for in the order given.
    mutating func extend(_ indices: [Int]) -> [Finding] {
        for index in indices { provider.extend(&works, index, in: memory, into: heads) }
        return indices.map { finding($0) }
    }

    mutating func open(_ items: [Item]) -> [Finding] {
        lay(items)
        for index in items.indices { works[index].headByteCount = 0 }
        _ = provider.open(&works, WorkCount(works, count: items.count), in: memory)
        return items.indices.map { finding($0) }
    }

    /// The frames of packets whose plaintext was sealed in place.
    mutating func seal(_ items: [Item]) -> [Bytes] {
        lay(items)
        provider.seal(works, WorkCount(works, count: items.count), in: memory)
        return items.indices.map { frame($0) }
    }
}
