import Associations
import ControlPlane
import Foundation
import Wire
import Workload

/// The shadow link over loopback, all ends on one thread: from the moment that an SA is published to when every target has
/// said that it holds it.
enum Barrier {
    static func run(_ counts: [Int], rounds: Int) throws {
        let association = try sample()
        for count in counts {
            let samples = try measure(targets: count, rounds: rounds, association)
            try Figure(
                name: "ike/barrier/\(count)target\(count == 1 ? "" : "s")", value: samples.median, unit: "µs",
                samples: samples
            ).record()
            print("\(count) targets: \(Int(samples.median)) µs (\(Int(samples.min()!)) to \(Int(samples.max()!)))")
        }
    }

    /// An SA as IKE makes one.
    private static func sample() throws -> SecurityAssociation {
        let ends = try Ends(.psk, folder: nil)
        var responder = Responder(ends.responder, at: 1)
        let client = SocketAddress(address: IPAddress("10.0.0.1")!, port: 500)
        var initiator = Client(
            try ends.client(0), gatewayKey: [], over: Path(local: client, remote: Responder.address))
        var saying = initiator.start(at: 1)
        while !saying.isEmpty {
            saying = saying.flatMap {
                responder.answer($0.bytes, over: Path(local: Responder.address, remote: client), at: 1)
            }
            .flatMap { initiator.receive($0, over: initiator.path, at: 1) }
        }
        return responder.installed!
    }

    private struct Target {
        var subscriber: ShadowSubscriber
        let box: Box
        var held = 0
    }

    private final class Box {
        let socket: UDPSocket
        init(_ socket: consuming UDPSocket) { self.socket = socket }
    }

    private static func measure(
        targets count: Int, rounds: Int, _ association: SecurityAssociation
    ) throws -> [Double] {
        let clock = MonotonicClock()
        var random = KernelRandom()
        let key = SecretBytes(random.nonce())
        let loopback = SocketAddress(address: IPAddress("127.0.0.1")!, port: 0)
        let router = Box(try UDPSocket(bind: loopback))
        let routerAddress = router.socket.localAddress!
        let holders = (0..<count).map { HolderID(rawValue: UInt16($0)) }
        var publisher = ShadowPublisher(
            holders: holders, clusterKey: key, incarnation: Incarnation(using: &random))
        var targets: [Target] = []
        var addresses: [HolderID: SocketAddress] = [:]
        var places: [SocketAddress: HolderID] = [:]
        for holder in holders {
            let box = Box(try UDPSocket(bind: loopback))
            addresses[holder] = box.socket.localAddress!
            places[box.socket.localAddress!] = holder
            targets.append(
                Target(
                    subscriber: ShadowSubscriber(
                        holder: holder, clusterKey: key, incarnation: Incarnation(using: &random), at: clock.now),
                    box: box))
        }
        var buffer = [UInt8](repeating: 0, count: 4096)
        var settled: Set<ShadowPublisher.Ticket> = []
        var joined = 0

        func carry(_ actions: [ShadowPublisher.Action]) throws {
            for action in actions {
                switch action {
                case .send(let bytes, let holder): try router.socket.send(bytes, to: addresses[holder]!)
                case .settled(let ticket, let missing):
                    guard missing.isEmpty else { IKEBench.fail("\(missing) has not taken the SA") }
                    settled.insert(ticket)
                case .joined: joined += 1
                default: break
                }
            }
        }
        func turn() throws {
            for place in targets.indices {
                func carry(_ actions: [ShadowSubscriber.Action]) throws {
                    for action in actions {
                        switch action {
                        case .send(let bytes): try targets[place].box.socket.send(bytes, to: routerAddress)
                        case .apply: targets[place].held += 1
                        default: break
                        }
                    }
                }
                while let (length, _) = try targets[place].box.socket.receive(into: &buffer) {
                    try carry(targets[place].subscriber.receive(Array(buffer[..<length]), at: clock.now))
                }
                try carry(targets[place].subscriber.tick(at: clock.now))
            }
            while let (length, source) = try router.socket.receive(into: &buffer) {
                try carry(publisher.receive(Array(buffer[..<length]), from: places[source]!, at: clock.now))
            }
            try carry(publisher.tick(at: clock.now))
        }

        while joined < count { try turn() }
        var samples: [Double] = []
        for _ in 0..<rounds {
            let begin = clock.now
            publisher.publish(.install(association))
            let (ticket, actions) = publisher.barrier(at: clock.now)
            try carry(actions)
            while !settled.contains(ticket) { try turn() }
            samples.append(Double(clock.now - begin) / 1000)
            publisher.publish(.remove(association.spi, association.direction))
            let (gone, others) = publisher.barrier(at: clock.now)
            try carry(others)
            while !settled.contains(gone) { try turn() }
        }
        return samples
    }
}
