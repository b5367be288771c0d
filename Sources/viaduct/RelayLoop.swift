import Associations
import ControlPlane
import FastPath
import Wire

/// The relay's thread: what the worker hands over goes to the targets in clear, what they send in clear goes to the
/// peers sealed.
struct RelayLoop: ~Copyable {
    private let relay: Relay
    private var host: Host
    /// GRE from the targets; GRE to them and ESP to the peers.
    private var raw: RawIPSocket
    private var pipe: RelayReceiver
    private var numbers: SequenceSource
    private var shadow: ShadowIntake
    private let memory: FrameMemory
    private var pool: FramePool
    private var incoming = PacketBatch()
    private var arriving = PacketBatch()
    /// Packets of targets; those without a number wait in it, and while it is full nothing more is read from the
    /// socket.
    private var outgoing = SealingQueue()
    private let clock = MonotonicClock()

    private static let reportInterval: UInt64 = 100_000_000

    init(
        relay: Relay, host: consuming Host, raw: consuming RawIPSocket, pipe: consuming RelayReceiver,
        numbers: consuming SequenceSource, shadow: ShadowIntake
    ) {
        self.relay = relay
        self.host = host
        self.raw = raw
        self.pipe = pipe
        self.numbers = numbers
        self.shadow = shadow
        memory = FrameMemory(frameCount: 512, frameStride: 10048)
        pool = FramePool(frameCount: 512, frameStride: 10048)
    }

    mutating func run(_ desk: HostDesk) {
        var nextReport: UInt64 = 0
        while !desk.shouldEnd {
            wait(desk)
            desk.countRound()
            // Before the packets: an SA that has come is there for those that came behind it.
            shadow.take(from: desk, &host, &numbers)
            open()
            receive()
            send()
            let now = clock.now
            if now >= nextReport {
                nextReport = now + Self.reportInterval
                desk.leave(report())
                shadow.note(&host, at: desk)
            }
        }
        numbers.giveBack(host)
        desk.leave(report())
    }

    /// Until something comes or a deadline passes.
    private func wait(_ desk: HostDesk) {
        var descriptors = [pipe.fileDescriptor, desk.alarm.descriptor]
        if outgoing.batch.room >= arriving.capacity { descriptors += raw.fileDescriptors }
        if let link = numbers.fileDescriptor { descriptors.append(link) }
        let now = clock.now
        let deadline = min(numbers.deadline ?? .max, now + Self.reportInterval)
        waitForReadable(descriptors, nanoseconds: deadline > now ? deadline - now : 0)
    }

    /// The worker -> open -> GRE -> the target.
    private mutating func open() {
        pipe.receive(into: &incoming, memory: memory, pool: &pool)
        if incoming.isEmpty { return }
        relay.open(&incoming, through: &host, in: memory, now: clock.now)
        raw.send(&incoming, having: .relayed, memory: memory)
        host.account(incoming)
        for index in 0..<incoming.count { pool.give(incoming[index].start) }
        incoming.removeAll()
    }

    /// A target -> GRE -> what is to be sealed.
    private mutating func receive() {
        guard outgoing.batch.room >= arriving.capacity else { return }
        raw.receive(into: &arriving, memory: memory, pool: &pool)
        relay.receive(&arriving, for: host, in: memory)
        host.account(arriving)
        for index in 0..<arriving.count {
            if arriving[index].verdict == .pending {
                outgoing.batch.append(arriving[index])
            } else {
                pool.give(arriving[index].start)
            }
        }
        arriving.removeAll()
    }

    /// Seal -> the peer.
    private mutating func send() {
        var nobody = NoSource()
        outgoing.send(from: &nobody, through: &host, over: &raw, &numbers, memory, &pool)
    }

    private func report() -> HostReport {
        var report = HostReport()
        report.verdicts = host.counters.snapshot()
        report.sequences = numbers.tallies
        report.rawSocket = raw.statistics()
        report.shadow = shadow.tallies
        report.waiting = outgoing.batch.count
        return report
    }
}
