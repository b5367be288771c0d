import Associations
import ControlPlane
import FastPath
import Synchronization
import Wire

/// One thread's loop: the network and the TUN device, a host between them, and its numbers.
struct HostLoop: ~Copyable {
    private var host: Host
    private var raw: RawIPSocket
    private var tun: TUNDevice
    private var numbers: SequenceSource
    /// For the SAs that come while it runs; nil for a host that has what its configuration says.
    private var shadow: ShadowIntake?
    /// Opens what comes, in our place; nil where we do.
    private let kernel: KernelDelivery?
    private let memory: FrameMemory
    private var pool: FramePool
    private var incoming = PacketBatch()
    /// What the host's stack sends; packets without a number wait in it, and while it is full the device is not read:
    /// the stack's own queue then holds its senders back.
    private var outgoing = SealingQueue()
    private let clock = MonotonicClock()

    private static let reportInterval: UInt64 = 100_000_000

    init(
        host: consuming Host, raw: consuming RawIPSocket, tun: consuming TUNDevice, numbers: consuming SequenceSource,
        shadow: ShadowIntake? = nil, kernel: KernelDelivery? = nil
    ) {
        self.kernel = kernel
        self.host = host
        self.raw = raw
        self.tun = tun
        self.numbers = numbers
        self.shadow = shadow
        // Room for a full batch each way and the headers around the largest TUN packet.
        memory = FrameMemory(frameCount: 512, frameStride: 10048)
        pool = FramePool(frameCount: 512, frameStride: 10048)
    }

    mutating func run(_ desk: HostDesk) {
        var nextReport: UInt64 = 0
        _ = numbers.poll(&host)
        while !desk.shouldEnd {
            wait(desk)
            desk.countRound()
            // Before the packets: an SA that has come is there for those that came behind it.
            shadow?.take(from: desk, &host, &numbers, kernel)
            receive()
            tun.receive(into: &outgoing.batch, memory: memory, pool: &pool)
            send()
            let now = clock.now
            if now >= nextReport {
                nextReport = now + Self.reportInterval
                desk.leave(report())
                shadow?.note(&host, kernel, at: desk)
            }
        }
        numbers.giveBack(host)
        desk.leave(report())
    }

    /// Until something comes or a deadline passes.
    private func wait(_ desk: HostDesk) {
        var descriptors = raw.fileDescriptors + [desk.alarm.descriptor]
        if outgoing.batch.room > 0 { descriptors.append(tun.fileDescriptor) }
        if let link = numbers.fileDescriptor { descriptors.append(link) }
        let now = clock.now
        var deadline = min(numbers.deadline ?? .max, now + Self.reportInterval)
        if tun.hasMore && outgoing.batch.room > 0 { deadline = now }
        waitForReadable(descriptors, nanoseconds: deadline > now ? deadline - now : 0)
    }

    /// Network -> open -> the host's own stack.
    private mutating func receive() {
        raw.receive(into: &incoming, memory: memory, pool: &pool)
        if incoming.isEmpty { return }
        host.open(&incoming, in: memory, now: clock.now)
        tun.write(&incoming, from: memory)
        host.account(incoming)
        for index in 0..<incoming.count { pool.give(incoming[index].start) }
        incoming.removeAll()
    }

    /// The host's own stack -> seal -> network.
    private mutating func send() {
        outgoing.send(from: &tun, through: &host, and: .sentInClear, over: &raw, &numbers, memory, &pool)
    }

    private func report() -> HostReport {
        var report = HostReport()
        report.verdicts = host.counters.snapshot()
        report.filter = host.filterTallies
        report.sequences = numbers.tallies
        report.rawSocket = raw.statistics()
        report.tun = tun.statistics()
        report.shadow = shadow?.tallies ?? [:]
        report.waiting = outgoing.batch.count
        kernel?.look()
        report.kernel = kernel?.tallies
        return report
    }
}
