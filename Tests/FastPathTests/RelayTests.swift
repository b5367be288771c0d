import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// A target that lacks a transform, and the router's relay in its place.
@Suite struct RelayTests {
    // MARK: The router's worker

    /// The first target cannot do the tunnel's AES-128: its packets are the relay's, untouched; all others go as ever.
    @Test func whatATargetCannotDoIsHandedOverAsItCame() throws {
        var bench = Example.bench()
        try bench.router.apply(.lacks(target: "t1", [.aes128gcm16]))
        let frames = (0..<3).map {
            Example.tunnelFrame(number: UInt64($0 + 1), Example.innerTCP(port: UInt16(40000 + $0)))
        }
        let outcomes = bench.send(frames)
        #expect(outcomes.map(\.verdict) == [.relayed, .steered, .steered])
        #expect(outcomes[0].bytes == frames[0])
        #expect(outcomes[1].bytes == Example.encapsulated(frames[1], target: 1))
        #expect(bench.router.relayedCount == 1)
        let again = bench.send(Example.tunnelFrame(number: 4, Example.innerTCP(port: 40000, flags: TCPFlags.ack)))
        #expect(again.verdict == .relayed, "the connection keeps its target")
        #expect(bench.router.report().targets.map(\.relayed) == [2, 0, 0])
        #expect(bench.router.counters.snapshot() == ["relayed": 2, "steered": 2])
    }

    @Test func anSAThatTheTargetCanDoGoesThereAsEver() throws {
        var bench = Example.bench()
        try bench.router.apply(.lacks(target: "t1", [.aes128gcm16]))
        let frame = Example.tunnelFrame(number: 1, Example.innerTCP(source: "10.71.9.5"), under: Example.narrow)
        let outcome = bench.send(frame)
        #expect(outcome.verdict == .steered && outcome.bytes == Example.encapsulated(frame, target: 0))
    }

    /// A target that is there again, with the transform.
    @Test func whatIsSaidOfATargetReplacesWhatWasSaidBefore() throws {
        var bench = Example.bench()
        try bench.router.apply(.lacks(target: "t1", [.aes128gcm16, .aes256gcm16]))
        #expect(bench.send(Example.tunnelFrame(number: 1)).verdict == .relayed)
        try bench.router.apply(.lacks(target: "t1", []))
        #expect(bench.send(Example.tunnelFrame(number: 2)).verdict == .steered)
        try bench.router.apply(.lacks(target: "t9", [.aes128gcm16]))
        #expect(bench.send(Example.tunnelFrame(number: 3)).verdict == .steered)
    }

    @Test func whatIsRefusedIsNotHandedOver() throws {
        var bench = Example.bench()
        try bench.router.apply(.lacks(target: "t1", [.aes128gcm16]))
        #expect(bench.send(Example.tunnelFrame(number: 1, espFault: ESPFault(otherKey: true))).verdict == .badICV)
        #expect(bench.send(Example.tunnelFrame(number: 1)).verdict == .relayed)
        #expect(bench.send(Example.tunnelFrame(number: 1)).verdict == .replayed)
        let inner = Example.innerTCP(source: "10.99.0.1")
        #expect(bench.send(Example.tunnelFrame(number: 2, inner)).verdict == .tunnelCheckFailed)
        try bench.router.apply(.standing(target: "t1", TargetStanding(state: .quiesced)))
        let held = Example.tunnelFrame(number: 3, Example.innerTCP(flags: TCPFlags.ack))
        #expect(bench.send(held).verdict == .targetQuiesced)
    }

    // MARK: The pipe

    @Test func thePipeKeepsPacketsWholeAndTheirTargets() throws {
        var bench = Example.bench()
        for target in ["t1", "t2", "t3"] { try bench.router.apply(.lacks(target: target, [.aes128gcm16])) }
        let frames = (0..<3).map {
            Example.tunnelFrame(number: UInt64($0 + 1), Example.innerTCP(port: UInt16(40000 + $0), payload: 300 * $0))
        }
        var ends = try RelayPipe.open()
        let sender = ends.takeSender()!
        var receiver = ends.takeReceiver()!
        for (index, frame) in frames.enumerated() {
            let start = index * 4096 + 256
            var bytes = bench.memory.mutableBytes(at: start, count: frame.count)
            for (offset, byte) in frame.enumerated() { bytes.store(byte, at: offset) }
            bench.batch.append(Packet(start: start, byteCount: frame.count))
        }
        bench.router.process(&bench.batch, in: bench.memory, now: 1000)
        bench.router.handOver(&bench.batch, to: sender, from: bench.memory)
        let memory = FrameMemory(frameCount: 4, frameStride: 2048)
        var pool = FramePool(frameCount: 4, frameStride: 2048)
        var batch = PacketBatch()
        receiver.receive(into: &batch, memory: memory, pool: &pool)
        #expect(batch.count == 3)
        for index in 0..<batch.count {
            let bytes = memory.bytes(at: batch[index].start, count: batch[index].byteCount)
            #expect((0..<bytes.byteCount).map { bytes.byte(at: $0) } == Bytes(frames[index].dropFirst(14)))
            #expect(batch[index].target == Int32(index))
        }
        #expect(pool.count == 1, "a frame for each packet, and no more")
    }

    @Test func aPipeThatNobodyReadsIsFullBeforeLong() throws {
        var ends = try RelayPipe.open()
        let sender = ends.takeSender()!
        let memory = FrameMemory(frameCount: 1, frameStride: 2048)
        var packet = Packet(start: 256, byteCount: 1500)
        (packet.ipOffset, packet.espOffset, packet.espByteCount, packet.target) = (14, 34, 1400, 0)
        var sent = 0
        while sent < 100_000, sender.send(packet, from: memory) { sent += 1 }
        #expect(sent > 10 && sent < 100_000)
        _ = ends.takeReceiver()
        let isTaken = sender.send(packet, from: memory)
        #expect(!isTaken, "without a reader there is no room either")
    }

    // MARK: The target

    private static let relayedIn = RelayedAssociation(
        spi: Example.tunnel.spi, direction: .inbound, selectors: Example.tunnel.selectors)
    private static let relayedOut = RelayedAssociation(
        spi: Example.outTunnel.spi, direction: .outbound, selectors: Example.outTunnel.selectors)

    private static func target() -> HostBench {
        var configuration = Example.targetConfiguration()
        configuration.trustedAddress = address("192.0.2.11")
        return HostBench(configuration)
    }

    /// A packet in clear, as the relay sends it to the first target.
    private static func clear(_ inner: Bytes, from router: String = Example.routerAddress, key: UInt32 = 7) -> Bytes {
        ipv4(from: router, to: "192.0.2.11", protocol: 47, gre(key: key, inner))
    }

    @Test func inClearComesOnlyWhatTheRouterSaidItRelays() throws {
        var bench = Self.target()
        let inner = Example.innerTCP(payload: 100)
        #expect(bench.open(Self.clear(inner)).verdict == .passed, "no SA is relayed")
        try bench.host.apply(.relay(Self.relayedIn))
        #expect(bench.open(Self.clear(inner)) == HostBench.Result(verdict: .deliveredInClear, bytes: inner))
        func verdict(_ packet: Bytes) -> Verdict { bench.open(packet).verdict }
        #expect(verdict(Self.clear(inner, from: "192.0.2.12")) == .notFromRouter)
        #expect(verdict(Self.clear(inner, key: 6)) == .staleEpoch)
        #expect(verdict(Self.clear(Example.innerTCP(source: "10.99.0.1"))) == .tunnelCheckFailed)
        #expect(verdict(Self.clear(Example.innerTCP(destination: "10.72.0.11"))) == .notDVIPA)
        #expect(verdict(Self.clear(Bytes(inner.prefix(30)))) == .truncated)
        #expect(verdict(Self.clear(Bytes(inner.prefix(12)))) == .truncated)
        var fragment = inner
        fragment[7] = 4
        #expect(verdict(Self.clear(fragment)) == .innerFragment)
        fragment[6...7] = [0x20, 0]
        #expect(verdict(Self.clear(fragment)) == .deliveredInClear)
        fragment[6...7] = [0, 4]
        #expect(verdict(Self.clear(fragment)) == .deliveredInClear, "its first one came")
        // With its key it does the IPsec itself, and nothing comes in clear.
        try bench.host.apply(.install(Example.tunnel))
        #expect(verdict(Self.clear(inner)) == .passed)
        #expect(verdict(Example.wrapped(Example.tunnelFrame(number: 1))) == .delivered)
        try bench.host.apply(.relay(Self.relayedIn))
        #expect(verdict(Example.wrapped(Example.tunnelFrame(number: 2))) == .unknownSPI)
        try bench.host.apply(.remove(Example.tunnel.spi, .inbound))
        #expect(verdict(Self.clear(inner)) == .passed)
    }

    @Test func whatTheRelaySealsGoesToItInClear() throws {
        var bench = Self.target()
        try bench.host.apply(.relay(Self.relayedOut))
        let answer = Example.innerTCP(port: 80, to: 40000, source: Example.dvipa, destination: Example.inner)
        let expected = ipv4(from: "192.0.2.11", to: Example.routerAddress, protocol: 47, gre(key: 7, answer))
        #expect(bench.seal(answer) == HostBench.Result(verdict: .sentInClear, bytes: expected))
        let elsewhere = Example.innerTCP(source: Example.dvipa, destination: "10.99.0.1")
        #expect(bench.seal(elsewhere).verdict == .noPolicy)
        // The youngest SA carries it, of whatever kind it is.
        try bench.host.apply(.install(Example.outTunnel2))
        try bench.host.apply(.lease(Example.outTunnel2.spi, Example.lease(1, 10)))
        #expect(bench.seal(answer).verdict == .sealed)
        try bench.host.apply(.remove(Example.outTunnel2.spi, .outbound))
        #expect(bench.seal(answer).verdict == .sentInClear)
        try bench.host.apply(.remove(Self.relayedOut.spi, .outbound))
        #expect(bench.seal(answer).verdict == .noPolicy)
    }

    /// Its connections are followed as if it opened and sealed itself.
    @Test func connectionsInClearAreFollowed() throws {
        var bench = Self.target()
        try bench.host.apply(.relay(Self.relayedIn))
        try bench.host.apply(.relay(Self.relayedOut))
        #expect(bench.open(Self.clear(Example.innerTCP())).verdict == .deliveredInClear)
        let answer = Example.innerTCP(
            port: 80, to: 40000, flags: TCPFlags.syn | TCPFlags.ack, source: Example.dvipa, destination: Example.inner)
        #expect(bench.seal(answer).verdict == .sentInClear)
        #expect(bench.host.takeConnectionEvents().map(\.kind) == [.opened])
    }

    // MARK: The relay

    private static func host(_ provider: Provider = .openSSL) -> Host {
        var configuration = HostConfiguration(
            ingress: .direct, addresses: [Example.gateway, Example.outerDVIPA].map(address),
            dvipas: [Example.dvipa, Example.outerDVIPA].map(address))
        configuration.associationCapacity = 16
        var host = Host(
            configuration, inbound: provider.make(capacity: 16), outbound: provider.make(capacity: 16))
        try! host.apply(.epoch(Epoch(rawValue: 7)))
        for association in [Example.tunnel, Example.transport, Example.outTunnel, Example.outTransport] {
            try! host.apply(.install(association))
        }
        return host
    }

    /// One packet and what becomes of it; `target` of one that the worker handed over.
    private struct Table: ~Copyable {
        var host: Host
        let relay = Relay(
            trustedAddress: address(Example.routerAddress), targets: Example.targets.map(\.trustedAddress))
        let memory = FrameMemory(frameCount: 1, frameStride: 4096)
        var batch = PacketBatch()

        init(_ host: consuming Host) { self.host = host }

        mutating func put(_ bytes: Bytes, target: Int32 = -1) {
            var room = memory.mutableBytes(at: 512, count: bytes.count)
            for (offset, byte) in bytes.enumerated() { room.store(byte, at: offset) }
            var packet = Packet(start: 512, byteCount: bytes.count)
            packet.target = target
            batch.append(packet)
        }

        mutating func take() -> HostBench.Result {
            let packet = batch[0]
            batch.removeAll()
            let bytes = memory.bytes(at: packet.start, count: packet.byteCount)
            return HostBench.Result(verdict: packet.verdict, bytes: (0..<packet.byteCount).map { bytes.byte(at: $0) })
        }

        mutating func open(_ packet: Bytes, for target: Int32) -> HostBench.Result {
            put(packet, target: target)
            relay.open(&batch, through: &host, in: memory, now: 0)
            return take()
        }

        mutating func seal(_ packet: Bytes) -> HostBench.Result {
            put(packet)
            relay.receive(&batch, for: host, in: memory)
            if batch[0].verdict == .pending { host.seal(&batch, in: memory, now: 0) }
            return take()
        }
    }

    @Test(arguments: Provider.available) func theRelayOpensAndTheTargetGetsThePacketInClear(_ provider: Provider) {
        var table = Table(Self.host(provider))
        let inner = Example.innerTCP(payload: 200)
        let result = table.open(Bytes(Example.tunnelFrame(number: 1, inner).dropFirst(14)), for: 0)
        #expect(result == HostBench.Result(verdict: .relayed, bytes: Self.clear(inner)))
        let segment = tcp(40000, 80, flags: TCPFlags.syn, [1, 2, 3])
        let rebuilt = ipv4(from: Example.client, to: Example.outerDVIPA, protocol: 6, segment)
        let transport = table.open(Bytes(Example.transportFrame(number: 1, segment).dropFirst(14)), for: 0)
        #expect(transport == HostBench.Result(verdict: .relayed, bytes: Self.clear(rebuilt)))
        // It checks for itself.
        let again = Bytes(Example.tunnelFrame(number: 1, inner).dropFirst(14))
        #expect(table.open(again, for: 0).verdict == .replayed)
        let forged = Example.tunnelFrame(number: 2, espFault: ESPFault(otherKey: true))
        #expect(table.open(Bytes(forged.dropFirst(14)), for: 0).verdict == .badICV)
        let nobody = Bytes(Example.tunnelFrame(number: 3).dropFirst(14))
        #expect(table.open(nobody, for: 3).verdict == .noTarget)
    }

    @Test(arguments: Provider.available) func whatATargetSendsInClearThePeerOpens(_ provider: Provider) throws {
        var table = Table(Self.host(provider))
        try table.host.apply(.lease(Example.outTunnel.spi, Example.lease(5, 10)))
        try table.host.apply(.lease(Example.outTransport.spi, Example.lease(7, 10)))
        var peer = Example.endpoint(provider)
        let answer = Example.innerTCP(port: 80, to: 40000, source: Example.dvipa, destination: Example.inner)
        func fromTarget(_ inner: Bytes, _ source: String = "192.0.2.12", key: UInt32 = 7) -> Bytes {
            ipv4(from: source, to: Example.routerAddress, protocol: 47, gre(key: key, inner))
        }
        let sealed = table.seal(fromTarget(answer))
        #expect(sealed.verdict == .sealed)
        #expect(peer.open(sealed.bytes) == HostBench.Result(verdict: .delivered, bytes: answer))
        let plain = ipv4(from: Example.outerDVIPA, to: Example.client, protocol: 6, tcp(80, 40000, [9]))
        let transport = table.seal(fromTarget(plain))
        #expect(transport.verdict == .sealed)
        #expect(peer.open(transport.bytes).verdict == .delivered)
        #expect(table.seal(fromTarget(answer, "192.0.2.66")).verdict == .notFromTarget)
        #expect(table.seal(fromTarget(answer, key: 6)).verdict == .staleEpoch)
        let strange = Example.innerTCP(source: "10.99.0.1", destination: Example.inner)
        #expect(table.seal(fromTarget(strange)).verdict == .noPolicy)
        try table.host.apply(.epoch(Epoch(rawValue: 9)))
        #expect(table.seal(fromTarget(answer, key: 8)).verdict == .staleEpoch)
    }
}
