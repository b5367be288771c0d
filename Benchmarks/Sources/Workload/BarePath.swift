import Associations
import CTwin
public import FastPath

/// The ciphers of AES-128-GCM-16 alone, over the same bytes: no header is read and no tag compared.
public struct BarePath: PacketPath, ~Copyable {
    public enum Work: Sendable { case open, seal, verify }

    private let bare: OpaquePointer
    private let work: Work
    private let espOffset: Int
    private let textByteCount: Int
    private let starts = UnsafeMutablePointer<Int64>.allocate(capacity: Int(TWIN_BATCH))
    private var count = 0
    public private(set) var steeredCount: UInt64 = 0

    /// - Parameters:
    ///   - espOffset: From a frame's start to its ESP header; where frames have none, any that leaves room for it.
    ///   - inner: Bytes of the packet inside.
    public init(_ work: Work, _ peer: Cluster.Peer, espOffset: Int, inner: Int) {
        self.work = work
        self.espOffset = espOffset
        textByteCount = PacketMill.textByteCount(inner: inner)
        bare = twin_bare_create(peer.key, peer.salt)!
    }

    deinit {
        twin_bare_destroy(bare)
        starts.deallocate()
    }

    public mutating func renewWindows() {}
    public mutating func learn(_ flow: Flow, servedBy target: Int) {}
    public mutating func clear() { count = 0 }

    @inline(__always)
    public mutating func append(_ packet: Packet) {
        starts[count] = Int64(packet.start + espOffset)
        count += 1
    }

    @inline(never)
    public mutating func process(in memory: borrowing FrameMemory) {
        var bytes = memory.mutableBytes(at: 0, count: memory.byteCount)
        bytes.withUnsafeMutableBytes { bytes in
            let start = bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
            switch work {
            case .open: twin_bare_gcm(bare, false, start, starts, count, textByteCount)
            case .seal: twin_bare_gcm(bare, true, start, starts, count, textByteCount)
            case .verify: twin_bare_verify(bare, start, starts, count, textByteCount)
            }
        }
        steeredCount &+= UInt64(count)
    }

    public func steered(_ index: Int) -> (start: Int, byteCount: Int, target: Int)? { nil }
}
