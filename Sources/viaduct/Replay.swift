import Associations
import CMachine
import Configuration
import FastPath
import Wire

/// A router over the frames of a capture.
struct Replay: ~Copyable {
    private var router: Router
    private var memory: FrameMemory
    private var batch = PacketBatch()
    private let cluster: ClusterConfiguration
    private var frameCount = 0
    private var ticks: UInt64 = 0

    /// Where a router has no interface, its frames bear these.
    private static let trustedMAC = MACAddress(rawValue: 0x0200_0000_0001)
    private static let trustedAddress = IPAddress(v4: 0xC000_0201)
    private static let trustedAddress6 = IPAddress(high: 0x2001_0DB8_0000_0000, low: 1)
    /// Larger than any frame, so that what a capture holds is judged by what is in it.
    private static let trustedMTU = 65535

    init(_ cluster: ClusterConfiguration) {
        self.cluster = cluster
        router = Router(
            RouterConfiguration(
                cluster, trustedAddress: cluster.routers.first?.trustedAddress ?? Self.trustedAddress(of: cluster),
                trustedMAC: Self.trustedMAC, trustedMTU: Self.trustedMTU))
        memory = FrameMemory(frameCount: 1, frameStride: 64)
        for target in cluster.targets {
            // A locally administered address made from the target's own: nobody has to be asked.
            publish(
                .neighbour(
                    target: target.name, MACAddress(rawValue: 0x0200_0000_0000 | UInt64(target.trustedAddress.v4))))
        }
    }

    /// Of the targets' family.
    private static func trustedAddress(of cluster: ClusterConfiguration) -> IPAddress {
        cluster.targets.allSatisfy(\.trustedAddress.isV4) ? trustedAddress : trustedAddress6
    }

    private mutating func publish(_ publication: Publication) {
        do throws(InstallFailure) {
            try router.apply(publication)
        } catch {
            // The tables were sized for this cluster.
            fatalError("cannot apply a configured publication: \(error)")
        }
    }

    /// Every SA anew, with an empty window.
    private mutating func installAssociations() {
        for configured in cluster.securityAssociations { publish(.install(configured.association)) }
    }

    /// One run: the verdict of every frame, in order; what is steered goes to `writer`.
    mutating func run(_ capture: CaptureFile, to writer: inout CaptureWriter) -> [ReplayedFrame] {
        let longest = capture.frames.map(\.range.count).max() ?? 0
        let stride = (Headroom.byteCount + longest + Tailroom.byteCount + 63) / 64 * 64
        memory = FrameMemory(frameCount: batch.capacity, frameStride: max(stride, 2240))
        var results: [ReplayedFrame] = []
        let targets = cluster.targets
        pass(capture) { router, batch, memory, frames in
            for index in 0..<batch.count {
                let packet = batch[index]
                var result = ReplayedFrame(fate: packet.verdict.name)
                if packet.verdict.steers {
                    result.target = targets[Int(packet.target)].name
                    result.inner = router.flow(ofPacket: index).map(InnerTuple.init)
                    writer.write(
                        memory.bytes(at: packet.start, count: packet.byteCount),
                        timestampNanoseconds: frames[index].timestampNanoseconds)
                }
                results.append(result)
            }
        }
        return results
    }

    /// One more run, for the clock.
    mutating func runAgain(_ capture: CaptureFile) { pass(capture) { _, _, _, _ in } }

    private mutating func pass(
        _ capture: CaptureFile,
        _ each: (borrowing Router, borrowing PacketBatch, borrowing FrameMemory, ArraySlice<CaptureFile.Frame>) -> Void
    ) {
        installAssociations()
        let origin = capture.frames.first?.timestampNanoseconds ?? 0
        var first = 0
        while first < capture.frames.count {
            let count = min(batch.capacity, capture.frames.count - first)
            for index in 0..<count {
                let start = index * memory.frameStride + Headroom.byteCount
                capture.copy(first + index, into: memory, at: start)
                batch.append(Packet(start: start, byteCount: capture.frames[first + index].range.count))
            }
            // Captures need not be in order of time; the router's clock does not go back.
            let elapsed = capture.frames[first].timestampNanoseconds
            let now = UInt32(truncatingIfNeeded: (elapsed > origin ? elapsed - origin : 0) / 1_000_000_000)
            let before = machine_ticks()
            router.process(&batch, in: memory, now: now)
            ticks += machine_ticks() - before
            frameCount += count
            router.account(batch)
            let frames = capture.frames[first..<first + count]
            each(router, batch, memory, ArraySlice(Array(frames)))
            batch.removeAll()
            first += count
        }
    }

    func summary(of results: [ReplayedFrame], loops: Int) -> ReplaySummary {
        var summary = ReplaySummary(frames: results.count, loops: loops, ciphers: router.cipherName)
        for result in results { summary.verdicts[result.fate, default: 0] += 1 }
        for (target, count) in zip(cluster.targets, router.connectionsByTarget()) {
            summary.connectionsByTarget[target.name] = count
        }
        summary.filter = router.filterTallies.map { $0.map(FilterStatus.init) }
        summary.cyclesPerPacket = frameCount == 0 ? 0 : Double(ticks) / Double(frameCount)
        return summary
    }
}
