import Associations
import ControlPlane
import FastPath
import Foundation
import TestSupport
import Testing
import Wire

@testable import viaduct

/// A host's packet path, its numbers, and the service that has them, over loopback.
@Suite struct SequenceSourceTests {
    private static let loopback = IPAddress("127.0.0.1")!
    private static let holder = HolderID(rawValue: 0)
    private static let epoch = Epoch(rawValue: 3)

    /// Each to another network behind the peer.
    private static let associations = (0..<20).map { place in
        association(
            spi: 0xD000_0001 + UInt32(place), .outbound, from: "198.51.100.1", to: "198.51.100.10",
            remote: "10.71.\(place).0/24", local: "10.72.0.0/24")
    }

    private struct Bench: ~Copyable {
        var host: FastPath.Host
        var batch = PacketBatch()
        let memory = FrameMemory(frameCount: PacketBatch.defaultCapacity, frameStride: 4096)

        init() throws {
            host = FastPath.Host(HostConfiguration(ingress: .direct, addresses: [], dvipas: []))
            for association in SequenceSourceTests.associations { try host.apply(.install(association)) }
        }

        /// A packet for the SA at each of these places.
        mutating func offer(_ places: [Int]) {
            for place in places {
                let packet = ipv4(from: "10.72.0.10", to: "10.71.\(place).7", protocol: 6, tcp(80, 40000))
                let start = batch.count * 4096 + 256
                var bytes = memory.mutableBytes(at: start, count: packet.count)
                for (offset, byte) in packet.enumerated() { bytes.store(byte, at: offset) }
                batch.append(Packet(start: start, byteCount: packet.count))
            }
        }

        /// One round of a host's loop, with nobody to send to. How many were sealed.
        mutating func round(_ numbers: inout SequenceSource) -> Int {
            var sealed = 0
            host.seal(&batch, in: memory, now: MonotonicClock().now)
            for index in 0..<batch.count where batch[index].verdict == .sealed { sealed += 1 }
            numbers.note(&host, batch)
            batch.removeDecided()
            _ = numbers.poll(&host)
            return sealed
        }

        mutating func rounds(_ numbers: inout SequenceSource, until wanted: Int) -> Int {
            var sealed = 0
            let limit = Date().addingTimeInterval(20)
            while sealed < wanted && Date() < limit { sealed += round(&numbers) }
            return sealed
        }
    }

    private func service(_ protection: LeaseProtection) throws -> SequencerService {
        try SequencerService(
            local: SocketAddress(address: Self.loopback, port: 0), holders: [Self.holder: Self.loopback],
            associations: Self.associations.map { .init(spi: $0.spi, replayWindow: 64, reservation: nil) },
            protection: protection)
    }

    private func source(_ service: SequencerService, _ protection: LeaseProtection) throws -> SequenceSource {
        .leased(
            LeasedSequences(
                Self.associations.map { LeaseHolder(spi: $0.spi, holder: Self.holder, incarnation: 9) },
                socket: try UDPSocket(bind: SocketAddress(address: Self.loopback, port: 0)),
                sequencer: service.address, protection: protection))
    }

    @Test(arguments: [LeaseProtection.none, .sealed]) func everySAGetsItsNumbers(_ protection: LeaseProtection) throws {
        let service = try service(protection)
        defer { service.stop() }
        var numbers = try source(service, protection)
        let key = SecretBytes([UInt8](repeating: 5, count: 32))
        service.protect(Self.holder, key: key, epoch: Self.epoch)
        numbers.protect(Self.holder, key: key, epoch: Self.epoch)
        var bench = try Bench()
        for first in [0, 6, 12, 16] {
            bench.offer((first..<first + 6).map { $0 % 20 } + [first, first])
            #expect(bench.rounds(&numbers, until: 8) == 8)
        }
        #expect(numbers.tallies["leases"]! >= 20 && numbers.tallies["unsent"] == 0)
        for association in Self.associations { #expect(bench.host.nextNumber(of: association.spi)! > 1) }
    }

    /// Nobody waits for the first lease of an SA of this host's own, since a shared one carries its packets; asked for it is.
    @Test func anOwnSAIsAskedFor() throws {
        var own = Self.associations[0]
        own.spi = SPI(rawValue: 0xD000_0100)
        own.isOwn = true
        let service = try service(.none)
        defer { service.stop() }
        service.add(.init(spi: own.spi, replayWindow: 64, reservation: nil))
        var numbers = try source(service, .none)
        var bench = try Bench()
        try bench.host.apply(.install(own))
        numbers.add(LeaseHolder(spi: own.spi, holder: Self.holder, incarnation: 10))
        let limit = Date().addingTimeInterval(20)
        while bench.host.nextNumber(of: own.spi) ?? 0 <= 1 && Date() < limit {
            if bench.batch.isEmpty { bench.offer([0]) }
            _ = bench.round(&numbers)
        }
        #expect(bench.host.nextNumber(of: own.spi)! > 1)
    }

    @Test func betweenConnectionsPacketsWait() throws {
        let service = try service(.sealed)
        defer { service.stop() }
        var numbers = try source(service, .sealed)
        var bench = try Bench()
        let keys = (0..<2).map { SecretBytes([UInt8](repeating: 5 + UInt8($0), count: 32)) }
        bench.offer([0, 1])
        for _ in 0..<50 { #expect(bench.round(&numbers) == 0) }
        for key in keys {
            service.protect(Self.holder, key: key, epoch: Self.epoch)
            numbers.protect(Self.holder, key: key, epoch: Self.epoch)
            #expect(bench.rounds(&numbers, until: 2) == 2)
            numbers.unprotect()
            service.unprotect(Self.holder)
            // Of an SA that has no lease yet.
            bench.offer(key.count == 32 && key === keys[0] ? [2, 3] : [4, 5])
            for _ in 0..<50 { #expect(bench.round(&numbers) == 0) }
        }
        #expect(numbers.tallies["unsent"]! > 0)
    }

    /// An endpoint that ends in order leaves behind what it did not use.
    @Test func localNumbersAreGivenBack() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "viaduct-test-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        func open() throws -> ReservationFile {
            try ReservationFile(
                directory: StateDirectory(path: folder.path), spi: Self.associations[0].spi,
                destination: Self.associations[0].destination, fingerprint: "0123456789abcdef")
        }
        var next: UInt64 = 1
        for _ in 0..<3 {
            let file = try open()
            #expect(file.initialMark == next)
            var numbers = SequenceSource.local(
                LocalSequences([
                    .init(
                        sequence: LocalSequence(
                            spi: Self.associations[0].spi, reservation: Reservation(mark: file.initialMark)), file: file
                    )
                ]))
            var bench = try Bench()
            bench.offer([0, 0, 0])
            #expect(bench.rounds(&numbers, until: 3) == 3)
            numbers.giveBack(bench.host)
            next += 3
        }
    }
}
