public import Associations
import FastPath
import Wire

/// The same packets in other clothes: as a target gets them, as its own stack sends them, and under other transforms.
extension PacketStore {
    private static let ethernetByteCount = 14, ipByteCount = 20, greByteCount = 8

    /// The pass's packets as a target finds them: in GRE, without Ethernet.
    public var framesInGRE: Frames {
        let around = Self.ipByteCount + Self.greByteCount
        let kept = frames.frameByteCount - Self.ethernetByteCount
        let result = Frames(count: frames.count, frameByteCount: around + kept)
        for index in 0..<frames.count {
            let frame = result.frame(index)
            frame.storeIPv4(
                at: 0, total: around + kept, ipProtocol: 47, source: Cluster.trustedAddress.v4,
                destination: Cluster.targets[0].trustedAddress.v4)
            frame.store(UInt16(0x2000), at: 20)
            frame.store(UInt16(0x0800), at: 22)
            frame.store(Cluster.epoch.rawValue, at: 24)
            UnsafeMutableRawBufferPointer(rebasing: frame[around...]).copyMemory(
                from: UnsafeRawBufferPointer(rebasing: frames.frame(index)[Self.ethernetByteCount...]))
        }
        return result
    }

    /// From the start of a frame in GRE to the ESP header.
    public static let espOffsetInGRE = 48

    /// What the hosts' own stacks would send: the same segments in clear, from the service to its clients.
    public var answers: Frames { clear(isAnswer: true) }

    /// What the clients would send in clear.
    public var questions: Frames { clear(isAnswer: false) }

    private func clear(isAnswer: Bool) -> Frames {
        let inner = scenario.innerByteCount
        let result = Frames(count: frames.count, frameByteCount: inner)
        for index in 0..<frames.count {
            let flow = cluster.flow(of: connections[index])
            let (client, service) = ((flow.remote.v4, flow.remotePort), (flow.local.v4, flow.localPort))
            let (source, destination) = isAnswer ? (service, client) : (client, service)
            let frame = result.frame(index)
            frame.storeIPv4(at: 0, total: inner, ipProtocol: 6, source: source.0, destination: destination.0)
            frame.storeTCP(
                at: Self.ipByteCount, byteCount: inner - Self.ipByteCount, source: source.1,
                destination: destination.1, number: UInt32(index), flags: PacketMill.ack)
        }
        return result
    }

    /// The first segments and a pass, sealed under another SA by an endpoint of ours, as the router gets them. Of a store of
    /// one SA.
    ///
    /// - Parameter association: As the router has it.
    public func sealed(under association: SecurityAssociation) throws -> (openings: Frames, frames: Frames) {
        var sealer = try Sealer(association)
        let first = clearOpenings
        return (sealer.seal(first), sealer.seal(questions))
    }

    private var clearOpenings: Frames {
        let result = Frames(count: scenario.connections, frameByteCount: 40)
        for connection in 0..<scenario.connections {
            let flow = cluster.flow(of: connection)
            result.frame(connection).storeIPv4(
                at: 0, total: 40, ipProtocol: 6, source: flow.remote.v4, destination: flow.local.v4)
            result.frame(connection).storeTCP(
                at: Self.ipByteCount, byteCount: 20, source: flow.remotePort, destination: flow.localPort, number: 0,
                flags: PacketMill.syn)
        }
        return result
    }

    /// An endpoint of ours at the SA's other end.
    private struct Sealer: ~Copyable {
        var host: Host
        let memory = FrameMemory(frameCount: 1, frameStride: 4096)

        init(_ association: SecurityAssociation) throws {
            host = Host(HostConfiguration(ingress: .direct, addresses: [association.source], dvipas: []))
            try host.apply(.install(association.mirrored))
            let all = SequenceLease(identifier: 1, first: 1, end: 1 << 32, validUntil: .max)
            try host.apply(.lease(association.spi, all))
        }

        mutating func seal(_ clear: Frames) -> Frames {
            var result: Frames?
            for index in 0..<clear.count {
                let start = FrameBed.headroom
                var bytes = memory.mutableBytes(at: start, count: clear.frameByteCount)
                bytes.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(clear.frame(index))) }
                var batch = PacketBatch(capacity: 1)
                batch.append(Packet(start: start, byteCount: clear.frameByteCount))
                host.seal(&batch, in: memory, now: 1)
                guard batch[0].verdict == .sealed else { fatalError("not sealed: \(batch[0].verdict.name)") }
                let whole = PacketStore.ethernetByteCount + batch[0].byteCount
                let frames = result ?? Frames(count: clear.count, frameByteCount: whole)
                result = frames
                precondition(frames.frameByteCount == whole)
                let frame = frames.frame(index)
                frame.store(Cluster.routerMAC, at: 0)
                frame.store(Cluster.clientMAC, at: 6)
                frame.store(UInt16(0x0800), at: 12)
                memory.bytes(at: batch[0].start, count: batch[0].byteCount).withUnsafeBytes {
                    UnsafeMutableRawBufferPointer(rebasing: frame[PacketStore.ethernetByteCount...]).copyMemory(
                        from: $0)
                }
            }
            return result!
        }
    }
}

extension SecurityAssociation {
    /// The SA of the other direction, under the same key.
    public mutating func turn() {
        direction = direction == .inbound ? .outbound : .inbound
        (source, destination) = (destination, source)
    }
}
