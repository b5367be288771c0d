import Associations
import ControlPlane
import Foundation
import Synchronization
import Testing
import Wire

/// The real thread, the real socket and the real file, over the loopback interface.
@Suite struct SequencerServiceTests {
    private let loopback = IPAddress("127.0.0.1")!
    private let spi = SPI(rawValue: 0xC472_877A)

    /// A sender that does what a target's loop does until it has sent `count` packets.
    private func send(
        _ count: Int, as holder: UInt16, to router: SocketAddress, through channel: LeaseChannel? = nil
    ) throws -> [UInt64] {
        let socket = try UDPSocket(bind: SocketAddress(address: loopback, port: 0))
        let clock = MonotonicClock()
        var machine = LeaseHolder(spi: spi, holder: HolderID(rawValue: holder), incarnation: .random(in: 0 ... .max))
        var numbers: [UInt64] = []
        var lease: SequenceLease?
        var next: UInt64 = 0
        var buffer = [UInt8](repeating: 0, count: 256)
        func perform(_ actions: [LeaseHolder.Action]) throws {
            for action in actions {
                switch action {
                case .publish(_, let published): (lease, next) = (published, published.first)
                case .send(let message): try socket.send(channel?.seal(message) ?? message.bytes, to: router)
                }
            }
        }
        let finished = try eventually {
            if let lease, clock.now < lease.validUntil {
                while next < lease.end && numbers.count < count {
                    numbers.append(next)
                    next += 1
                }
            }
            try perform(machine.poll(queued: count - numbers.count, next: next, at: clock.now))
            while let (length, from) = try socket.receive(into: &buffer) {
                #expect(from == router)
                let bytes = Array(buffer[..<length])
                let message = try channel?.open(bytes) ?? #require(LeaseMessage(bytes))
                try perform(machine.receive(message, next: next, at: clock.now))
            }
            return numbers.count == count
        }
        #expect(finished)
        return numbers
    }

    private func makeService(_ directory: TemporaryDirectory, window: Int = 64) throws -> SequencerService {
        try SequencerService(
            local: SocketAddress(address: loopback, port: 0),
            holders: [HolderID(rawValue: 0): loopback, HolderID(rawValue: 1): loopback],
            associations: [.init(spi: spi, replayWindow: window, reservation: try directory.open())])
    }

    @Test func twoSendersShareTheNumbersAndARestartGoesOnBeyond() async throws {
        let directory = TemporaryDirectory()
        var seen: Set<UInt64> = []
        for process in 0..<3 {
            let service = try makeService(directory)
            async let first = send(300, as: 0, to: service.address)
            async let second = send(300, as: 1, to: service.address)
            let numbers = try await first + second
            #expect(Set(numbers).count == 600 && seen.isDisjoint(with: numbers))
            #expect(numbers.allSatisfy { $0 > seen.max() ?? 0 })
            seen.formUnion(numbers)
            service.stop()
            #expect(service.report.failedReservations == 0 && service.report.socketFailure == nil)
            // Stopped in order: the rest of the step is not lost.
            let mark = try directory.open().initialMark
            #expect(mark > numbers.max()! && mark < numbers.max()! + 3 * 4096, "\(process)")
        }
    }

    @Test func sealedMessagesOfEachConnection() async throws {
        let service = try SequencerService(
            local: SocketAddress(address: loopback, port: 0),
            holders: [HolderID(rawValue: 0): loopback, HolderID(rawValue: 1): loopback],
            associations: [.init(spi: spi, replayWindow: 64, reservation: nil)], protection: .sealed)
        defer { service.stop() }
        let keys = (0..<4).map { SecretBytes([UInt8](repeating: UInt8($0), count: 32)) }
        func channel(_ holder: UInt16, _ key: Int, epoch: UInt32 = 3) -> LeaseChannel {
            LeaseChannel(.holder, of: HolderID(rawValue: holder), key: keys[key], epoch: Epoch(rawValue: epoch))
        }
        let socket = try UDPSocket(bind: SocketAddress(address: loopback, port: 0))
        let request = LeaseMessage(
            spi: spi, holder: HolderID(rawValue: 0), incarnation: 1,
            body: .request(.init(identifier: 1, count: 1, askedAt: 0)))
        // Nobody has a key yet.
        try socket.send(channel(0, 0).seal(request), to: service.address)
        try socket.send(request.bytes, to: service.address)
        #expect(eventually { service.report.unprotected == 1 && service.report.malformed == 1 })

        let epoch = Epoch(rawValue: 3)
        service.protect(HolderID(rawValue: 0), key: keys[0], epoch: epoch)
        service.protect(HolderID(rawValue: 1), key: keys[1], epoch: epoch)
        async let first = send(300, as: 0, to: service.address, through: channel(0, 0))
        async let second = send(300, as: 1, to: service.address, through: channel(1, 1))
        let numbers = try await first + second
        #expect(Set(numbers).count == 600)

        // The next connection of the first, and what is left of the one before.
        service.protect(HolderID(rawValue: 0), key: keys[2], epoch: epoch)
        let more = try send(300, as: 0, to: service.address, through: channel(0, 2))
        #expect(Set(more).isDisjoint(with: numbers))
        try socket.send(channel(0, 0).seal(request), to: service.address)
        service.advance(to: Epoch(rawValue: 4))
        #expect(eventually { service.report.sealFaults[.otherKey] == 1 })
        let before = service.report.sequencers[spi]
        try socket.send(channel(1, 1, epoch: 3).seal(request), to: service.address)
        try socket.send([UInt8](channel(1, 1, epoch: 4).seal(request).dropLast()) + [0], to: service.address)
        #expect(eventually { service.report.sealFaults[.unauthentic] == 1 })
        #expect(service.report.sealFaults[.epochIsOver, default: 0] >= 1)
        #expect(service.report.sequencers[spi] == before)
        service.unprotect(HolderID(rawValue: 1))
        try socket.send(channel(1, 1, epoch: 4).seal(request), to: service.address)
        #expect(eventually { service.report.unprotected == 2 })
    }

    /// The coupling facility answers from a thread of its own, late, in another order and twice.
    @Test func reservationsOfTheCouplingFacility() throws {
        let asked = Mutex<[SequencerService.Reserving]>([])
        let returned = Mutex<[SPI: [UInt64]]>([:])
        let service = try SequencerService(
            local: SocketAddress(address: loopback, port: 0), holders: [HolderID(rawValue: 0): loopback],
            associations: [],
            hooks: .init(
                reserve: { reserving in asked.withLock { $0.append(reserving) } },
                giveBack: { spi, mark, next in returned.withLock { $0[spi] = [mark, next] } }))
        // The first step came along with the SA: it is granted from at once.
        service.add(.init(spi: spi, replayWindow: 64, marks: .coupled(first: 1, upTo: 1 + 1 << 20)))
        #expect(try send(200, as: 0, to: service.address).max() == 200)
        #expect(asked.withLock { $0.isEmpty })
        // This one has nothing yet, and waits for its answer.
        let other = SPI(rawValue: spi.rawValue + 1)
        service.add(.init(spi: other, replayWindow: 64, marks: .coupled(first: 5, upTo: 5)))
        #expect(eventually { asked.withLock { $0.count == 1 } })
        let first = asked.withLock { $0[0] }
        #expect(first.spi == other && first.from == 5 && first.upTo == 5 + 1 << 20)
        // Replaced by another SA of the same SPI: the old answer is not its own.
        service.add(.init(spi: other, replayWindow: 64, marks: .coupled(first: 1, upTo: 1)))
        #expect(eventually { asked.withLock { $0.count == 2 } })
        service.reserved(first)
        #expect(eventually { service.report.staleReservations == 1 })
        let second = asked.withLock { $0[1] }
        service.reservationFailed(second)
        #expect(eventually { service.report.unreserved == [other] && service.report.failedReservations == 1 })
        let socket = try UDPSocket(bind: SocketAddress(address: loopback, port: 0))
        let request = LeaseMessage(
            spi: other, holder: HolderID(rawValue: 0), incarnation: 1,
            body: .request(.init(identifier: 1, count: 1, askedAt: 0)))
        try socket.send(request.bytes, to: service.address)
        // Asked again after a while, by who still wants numbers.
        #expect(
            try eventually {
                try socket.send(request.bytes, to: service.address)
                return asked.withLock { $0.count == 3 }
            })
        let third = asked.withLock { $0[2] }
        #expect(third.from == 1 && third.upTo == 1 + 1 << 20)
        service.reserved(third)
        service.reserved(third)
        #expect(eventually { service.report.unreserved.isEmpty })
        service.stop()
        let marks = returned.withLock { $0 }
        #expect(marks[spi]?[0] == 1 + 1 << 20 && (marks[spi]?[1] ?? 0) > 200 && (marks[spi]?[1] ?? 0) < 9000)
        #expect(marks[other]?[0] == 1 + 1 << 20)
    }

    @Test func associationsComeAndGoWhileItRuns() throws {
        let service = try SequencerService(
            local: SocketAddress(address: loopback, port: 0), holders: [HolderID(rawValue: 0): loopback],
            associations: [])
        defer { service.stop() }
        service.add(.init(spi: spi, replayWindow: 64, reservation: nil))
        #expect(try send(500, as: 0, to: service.address).max() == 500)
        service.remove(spi)
        #expect(eventually { service.report.sequencers.isEmpty })
    }

    @Test func whatWasGrantedIsToldOnce() throws {
        let service = try SequencerService(
            local: SocketAddress(address: loopback, port: 0), holders: [HolderID(rawValue: 0): loopback],
            associations: (1...50).map {
                .init(spi: SPI(rawValue: spi.rawValue + $0), replayWindow: 64, reservation: nil)
            } + [.init(spi: spi, replayWindow: 64, reservation: nil)])
        defer { service.stop() }
        #expect(try send(500, as: 0, to: service.address).max() == 500)
        var ends: [SPI: UInt64] = [:]
        // The sender has its lease a moment before this is told.
        #expect(
            eventually {
                ends.merge(service.takeGrantedEnds()) { $1 }
                return ends[spi] != nil
            })
        #expect(ends.keys.elementsEqual([spi]) && ends[spi]! > 500)
        #expect(eventually { service.takeGrantedEnds().isEmpty })
        #expect(eventually { service.report.sequencers.count == 51 })
    }

    @Test func oddDatagramsAreCountedAndAnswerNothing() throws {
        let service = try makeService(TemporaryDirectory())
        defer { service.stop() }
        let socket = try UDPSocket(bind: SocketAddress(address: loopback, port: 0))
        let request = LeaseMessage.Body.request(.init(identifier: 1, count: 1, askedAt: 0))
        let stranger = LeaseMessage(spi: spi, holder: HolderID(rawValue: 9), incarnation: 1, body: request)
        try socket.send([1, 2, 3], to: service.address)
        try socket.send(stranger.bytes + [0], to: service.address)
        try socket.send(stranger.bytes, to: service.address)
        #expect(eventually { service.report.malformed == 2 && service.report.strange == 1 })
        let unknown = LeaseMessage(spi: SPI(rawValue: 1), holder: HolderID(rawValue: 0), incarnation: 1, body: request)
        try socket.send(unknown.bytes, to: service.address)
        var buffer = [UInt8](repeating: 0, count: 256)
        var answer: LeaseMessage?
        _ = try eventually {
            if let (count, _) = try socket.receive(into: &buffer) { answer = LeaseMessage(Array(buffer[..<count])) }
            return answer != nil
        }
        #expect(answer?.body == .refusal(request: 1, .unknownAssociation))
    }

    @Test func aFullDiskIsToldAndRefused() throws {
        let directory = TemporaryDirectory()
        _ = try directory.open()
        try FileManager.default.createSymbolicLink(atPath: directory.file + ".new", withDestinationPath: "/dev/full")
        let service = try makeService(directory)
        defer { service.stop() }
        #expect(eventually { service.report.reservationFailure?.code == ENOSPC })
        let socket = try UDPSocket(bind: SocketAddress(address: loopback, port: 0))
        let request = LeaseMessage.Body.request(.init(identifier: 1, count: 1, askedAt: 0))
        let message = LeaseMessage(spi: spi, holder: HolderID(rawValue: 0), incarnation: 1, body: request)
        try socket.send(message.bytes, to: service.address)
        var buffer = [UInt8](repeating: 0, count: 256)
        var answer: LeaseMessage?
        _ = try eventually {
            if let (count, _) = try socket.receive(into: &buffer) { answer = LeaseMessage(Array(buffer[..<count])) }
            return answer != nil
        }
        #expect(answer?.body == .refusal(request: 1, .notReserved))
    }

    @Test func aPortInUseIsTold() throws {
        let socket = try UDPSocket(bind: SocketAddress(address: loopback, port: 0))
        let local = socket.localAddress
        let address = try #require(local)
        #expect { _ = try UDPSocket(bind: address) } throws: { "\($0)".contains("Address already in use") }
    }
}
