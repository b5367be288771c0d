import Associations
import ControlPlane
import FastPath
import Synchronization
import Wire

/// What a host's loop reports, a few times a second.
struct HostReport: Sendable {
    var verdicts: [String: UInt64] = [:]
    var sequences: [String: UInt64] = [:]
    var rawSocket: [String: UInt64] = [:]
    var tun: [String: UInt64] = [:]
    var shadow: [String: UInt64] = [:]
    var waiting = 0
}

/// Where a host's loop leaves its latest report and hears that it should end.
final class HostDesk: Sendable {
    private let report = Mutex(HostReport())
    private let isEnding = Atomic(false)

    func end() { isEnding.store(true, ordering: .releasing) }
    var shouldEnd: Bool { isEnding.load(ordering: .acquiring) }
    var latestReport: HostReport { report.withLock { $0 } }
    func leave(_ new: HostReport) { report.withLock { $0 = new } }
}

/// One thread's loop: the network and the TUN device, a host between them, and its numbers.
struct HostLoop: ~Copyable {
    private var host: Host
    private var raw: RawIPSocket
    private var tun: TUNDevice
    private var numbers: SequenceSource
    /// Where SAs come from; nil for a host that has what its configuration says.
    private var shadow: ShadowLink?
    private let memory: FrameMemory
    private var pool: FramePool
    private var incoming = PacketBatch()
    /// What the host's stack sends; packets without a number wait in it, and while it is full the device is not read:
    /// the stack's own queue then holds its senders back.
    private var outgoing = PacketBatch(capacity: 256)
    private let clock = MonotonicClock()
    private var patience = Patience()

    private static let reportInterval: UInt64 = 200_000_000

    init(
        host: consuming Host, raw: consuming RawIPSocket, tun: consuming TUNDevice, numbers: consuming SequenceSource,
        shadow: consuming ShadowLink? = nil
    ) {
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
        _ = numbers.poll(&host, outgoing)
        while !desk.shouldEnd {
            wait()
            // Before the packets: an SA that has come is there for those that came behind it.
            shadow?.poll(&host, &numbers)
            receive()
            tun.receive(into: &outgoing, memory: memory, pool: &pool)
            send()
            let now = clock.now
            if now >= nextReport {
                nextReport = now + Self.reportInterval
                desk.leave(report())
            }
        }
        desk.leave(report())
    }

    /// Until something comes or a deadline passes.
    private func wait() {
        var descriptors = [raw.fileDescriptor]
        if outgoing.room > 0 { descriptors.append(tun.fileDescriptor) }
        if let link = numbers.fileDescriptor { descriptors.append(link) }
        let now = clock.now
        var deadline = min(numbers.deadline ?? .max, now + Self.reportInterval / 2)
        switch shadow {
        case .some(let link):
            descriptors.append(link.socket.descriptor)
            deadline = min(deadline, link.deadline)
        case .none: break
        }
        waitForReadable(descriptors, nanoseconds: deadline > now ? deadline - now : 0)
    }

    /// Network -> open -> the host's own stack.
    private mutating func receive() {
        raw.receive(into: &incoming, memory: memory, pool: &pool)
        if incoming.isEmpty { return }
        host.open(&incoming, in: memory, now: clock.now)
        for index in 0..<incoming.count where incoming[index].verdict == .delivered {
            Self.deliver(&incoming[index], from: memory, to: &tun)
        }
        host.account(incoming)
        for index in 0..<incoming.count { pool.give(incoming[index].start) }
        incoming.removeAll()
    }

    private static func deliver(_ packet: inout Packet, from memory: borrowing FrameMemory, to tun: inout TUNDevice) {
        let taken = tun.write(memory.bytes(at: packet.start, count: packet.byteCount))
        if !taken { packet.verdict = .transmitQueueFull }
    }

    /// The host's own stack -> seal -> network, as far as there are numbers; then ask for those that are missing.
    private mutating func send() {
        repeat {
            if !outgoing.isEmpty {
                host.seal(&outgoing, in: memory, now: clock.now)
                host.withholdLate(&outgoing, now: clock.now)
                raw.send(&outgoing, having: .sealed, memory: memory)
                giveUpOnOldPackets()
                host.account(outgoing)
                for index in 0..<outgoing.count where outgoing[index].verdict != .pending {
                    pool.give(outgoing[index].start)
                }
                outgoing.removeDecided()
            }
        } while numbers.poll(&host, outgoing) && !outgoing.isEmpty
    }

    private mutating func giveUpOnOldPackets() {
        var waiting = 0
        for index in 0..<outgoing.count where outgoing[index].verdict == .pending { waiting += 1 }
        let isMoving = waiting < outgoing.count
        guard patience.hasRunOut(isWaiting: waiting > 0, isMoving: isMoving, at: clock.now) else { return }
        for index in 0..<outgoing.count where outgoing[index].verdict == .pending {
            outgoing[index].verdict = .noSequenceNumber
        }
    }

    private func report() -> HostReport {
        var report = HostReport()
        report.verdicts = host.counters.snapshot()
        report.sequences = numbers.tallies
        report.rawSocket = raw.statistics()
        report.tun = tun.statistics()
        switch shadow {
        case .some(let link): report.shadow = link.tallies
        case .none: break
        }
        report.waiting = outgoing.count
        return report
    }
}
