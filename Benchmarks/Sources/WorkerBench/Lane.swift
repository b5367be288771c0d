import Associations
import CMachine
import FastPath
import Workload

/// A port without a link: it receives packets of a store, each copied into a frame as a card would, and sends nowhere.
struct StorePort: ~Copyable, FramePort {
    let memory = FrameMemory(frameCount: 512, frameStride: 2_240)
    private var pool = FramePool(frameCount: 512, frameStride: 2_240)
    private var frames: PacketStore.Frames?
    private var order: [Int] = []
    private var next = 0
    let summary = "a store"

    /// These packets of `frames` arrive from now on.
    mutating func offer(_ frames: PacketStore.Frames, _ order: [Int]) {
        (self.frames, self.order, next) = (frames, order, 0)
    }

    var received: Int { next }

    mutating func receive(into batch: inout PacketBatch) {
        guard let frames else { return }
        while next < order.count, lend(to: &batch) {
            let at = batch.count - 1
            var room = memory.mutableBytes(at: batch[at].start, count: frames.frameByteCount)
            room.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(frames.frame(order[next]))) }
            batch[at].byteCount = frames.frameByteCount
            next += 1
        }
    }

    mutating func lend(to batch: inout PacketBatch) -> Bool {
        guard batch.room > 0, let frame = pool.take() else { return false }
        batch.append(Packet(start: frame + 256, byteCount: 0))
        return true
    }

    mutating func transmit(_ batch: inout PacketBatch) {}

    mutating func release(_ batch: inout PacketBatch) {
        for at in 0..<batch.count { pool.give(batch[at].start) }
        batch.removeAll()
    }

    mutating func wait(milliseconds: Int32) {}
}

/// One worker: used by one thread at a time, which `Contest` sees to.
final class Lane: @unchecked Sendable {
    private var router: Router
    private var port = StorePort()
    private var batch = PacketBatch()
    private let associations: [SecurityAssociation]
    private let desk: WorkerDesk
    let isShared: Bool

    init(_ store: PacketStore, _ desks: WorkerDesks, _ associations: [SecurityAssociation], seat: Int) throws {
        var configuration = RouterPath.configuration(for: store, verifies: true)
        configuration.maximumReplayWindow = SecurityAssociation.replayWindowRange.upperBound
        router = Router(configuration)
        if let crew = desks.crew { router.join(crew, as: seat) }
        isShared = desks.crew != nil
        desk = desks.desks[seat]
        self.associations = associations
        for (target, mac) in zip(Cluster.targets, Cluster.targetMACs) {
            try router.apply(.neighbour(target: target.name, mac))
        }
        try renewWindows()
    }

    func renewWindows() throws { for association in associations { try router.apply(.install(association)) } }

    func offer(_ frames: PacketStore.Frames, _ order: [Int]) { port.offer(frames, order) }

    /// A round as a worker's: false when nothing has come. Returns through `settled` the packets that were judged for good.
    ///
    /// - Parameter isHeldBack: takes only what is handed over.
    func round(settled: inout Int, isHeldBack: Bool = false) -> Bool {
        if isShared { router.takeOver(into: &batch, port: &port) }
        if !isHeldBack { port.receive(into: &batch) }
        guard !batch.isEmpty else { return false }
        router.process(&batch, in: port.memory, now: 1)
        if isShared { router.passOn(&batch, from: port.memory) }
        port.transmit(&batch)
        router.account(batch)
        for at in 0..<batch.count where batch[at].verdict != .handedOver { settled += 1 }
        port.release(&batch)
        return true
    }

    /// Packets of its own queue that it has taken.
    var received: Int { port.received }
    var steered: UInt64 { router.counters[.steered] }
    var handedOver: UInt64 { router.counters[.handedOver] }
    var refused: UInt64 { router.counters[.handOverQueueFull] }
    var verdicts: [String: UInt64] { router.counters.snapshot() }
}
