import Associations
import ControlPlane
import Foundation
import Testing
import Wire

/// The real thread, the real socket and the real file, over the loopback interface.
@Suite struct SequencerServiceTests {
    private let loopback = IPAddress("127.0.0.1")!
    private let spi = SPI(rawValue: 0xC472_877A)

    /// A sender that does what a target's loop does until it has sent `count` packets.
    private func send(_ count: Int, as holder: UInt16, to router: SocketAddress) throws -> [UInt64] {
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
                case .send(let message): try socket.send(message.bytes, to: router)
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
                let message = try #require(LeaseMessage(Array(buffer[..<length])))
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
        for process in 0..<2 {
            let service = try makeService(directory)
            async let first = send(300, as: 0, to: service.address)
            async let second = send(300, as: 1, to: service.address)
            let numbers = try await first + second
            #expect(Set(numbers).count == 600 && seen.isDisjoint(with: numbers))
            #expect(numbers.allSatisfy { $0 >= UInt64(process) << 20 + 1 })
            seen.formUnion(numbers)
            service.stop()
            #expect(service.report.failedReservations == 0 && service.report.socketFailure == nil)
        }
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
