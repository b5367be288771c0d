import Associations
import Wire

@testable import ControlPlane

/// One router's publisher, some targets' subscribers, and the trusted link between them, under one seed.
struct ShadowNetwork {
    struct Target {
        var subscriber: ShadowSubscriber
        /// The SAs that its packet path would have.
        var held: [ShadowEntry.Key: SecurityAssociation] = [:]
    }

    static let clusterKey = SecretBytes([UInt8](repeating: 7, count: 32))

    var publisher: ShadowPublisher
    var targets: [HolderID: Target] = [:]
    /// What the router has published.
    var wanted: [ShadowEntry.Key: SecurityAssociation] = [:]
    var random: SeededGenerator
    /// Of a thousand datagrams.
    var lost = 0, doubled = 0
    var now: UInt64 = 1_000_000_000
    private(set) var settled: [ShadowPublisher.Ticket: [HolderID]] = [:]
    private(set) var refusals: [ShadowRefusal] = []
    private(set) var usage: [AssociationUsage] = []
    private(set) var counted: [ShadowPublisher.Event] = []
    private var underWay: [(bytes: [UInt8], holder: HolderID, toRouter: Bool, arrival: UInt64)] = []

    init(targets count: Int, seed: UInt64) {
        random = SeededGenerator(seed: seed)
        let holders = (0..<count).map { HolderID(rawValue: UInt16($0)) }
        publisher = ShadowPublisher(
            holders: holders, clusterKey: Self.clusterKey, incarnation: Incarnation(using: &random))
        for holder in holders { start(holder) }
    }

    /// A process that knows nothing; what was under way to the one before still arrives.
    mutating func start(_ holder: HolderID) {
        targets[holder] = Target(
            subscriber: ShadowSubscriber(
                holder: holder, clusterKey: Self.clusterKey, incarnation: Incarnation(using: &random), at: now))
    }

    mutating func restartRouter() {
        publisher = ShadowPublisher(
            holders: Array(targets.keys), clusterKey: Self.clusterKey, incarnation: Incarnation(using: &random))
        wanted = [:]
    }

    mutating func install(_ association: SecurityAssociation) {
        publisher.publish(.install(association))
        wanted[ShadowEntry.Key(spi: association.spi, direction: association.direction)] = association
    }

    mutating func remove(_ key: ShadowEntry.Key) {
        publisher.publish(.remove(key.spi, key.direction))
        wanted[key] = nil
    }

    mutating func relocate(_ spi: SPI) {
        let relocation = Relocation(
            spi: spi, source: IPAddress("198.51.100.1")!,
            destination: IPAddress(v4: UInt32.random(in: 1..<1000, using: &random)),
            udpEncapsulation: random.chance(500) ? UDPEncapsulation(remotePort: 4502) : nil)
        publisher.publish(.relocate(relocation))
        wanted[ShadowEntry.Key(spi: spi, direction: .outbound)]?.relocate(relocation)
    }

    mutating func barrier() -> ShadowPublisher.Ticket {
        let (ticket, actions) = publisher.barrier(at: now)
        perform(actions)
        return ticket
    }

    mutating func perform(_ actions: [ShadowPublisher.Action]) {
        for action in actions {
            switch action {
            case .send(let bytes, let holder): carry(bytes, holder, toRouter: false)
            case .settled(let ticket, let missing): settled[ticket] = missing
            case .refused(_, _, let reason): refusals.append(reason)
            case .usage(_, let sent): usage += sent
            case .count(let event): counted.append(event)
            case .joined, .left: break
            }
        }
    }

    private mutating func perform(_ actions: [ShadowSubscriber.Action], of holder: HolderID) {
        for action in actions {
            switch action {
            case .send(let bytes): carry(bytes, holder, toRouter: true)
            case .apply(.install(let association)):
                let key = ShadowEntry.Key(spi: association.spi, direction: association.direction)
                targets[holder]!.held[key] = association
            case .apply(.relocate(let relocation)):
                let key = ShadowEntry.Key(spi: relocation.spi, direction: .outbound)
                targets[holder]!.held[key]?.relocate(relocation)
            case .apply(.remove(let spi, let direction)):
                targets[holder]!.held[ShadowEntry.Key(spi: spi, direction: direction)] = nil
            case .apply, .began, .count: break
            }
        }
    }

    private mutating func carry(_ bytes: [UInt8], _ holder: HolderID, toRouter: Bool) {
        for _ in 0..<(random.chance(doubled) ? 2 : 1) where !random.chance(lost) {
            underWay.append((bytes, holder, toRouter, now + 100_000 + random.next() % 3_000_000))
        }
    }

    mutating func inject(_ bytes: [UInt8], from holder: HolderID) {
        perform(publisher.receive(bytes, from: holder, at: now))
    }

    mutating func run(for nanoseconds: UInt64) {
        let end = now + nanoseconds
        while true {
            let timers = [publisher.deadline].compactMap { $0 } + targets.values.map(\.subscriber.deadline)
            let next = (underWay.map(\.arrival) + timers).min() ?? .max
            guard next <= end else { break }
            now = max(now, next)
            if let index = underWay.firstIndex(where: { $0.arrival <= now }) {
                let datagram = underWay.remove(at: index)
                if datagram.toRouter {
                    perform(publisher.receive(datagram.bytes, from: datagram.holder, at: now))
                } else if targets[datagram.holder] != nil {
                    perform(
                        targets[datagram.holder]!.subscriber.receive(datagram.bytes, at: now), of: datagram.holder)
                }
            }
            for holder in targets.keys.sorted() {
                perform(targets[holder]!.subscriber.tick(at: now), of: holder)
            }
            perform(publisher.tick(at: now))
        }
        now = end
    }

    /// Whether every target holds what the router wants, key bytes and all.
    var agrees: Bool {
        targets.values.allSatisfy { target in
            target.held.count == wanted.count
                && wanted.allSatisfy { key, association in
                    target.held[key].map { ShadowEntry.install($0).bytes == ShadowEntry.install(association).bytes }
                        == true
                }
        }
    }

    /// An SA with everything in it that an SA can have.
    mutating func association() -> SecurityAssociation {
        let transform = Associations.Transform.allCases[random.below(2)]
        let isTransport = random.chance(300)
        return SecurityAssociation(
            name: "peer \(random.below(100))", spi: random.espSPI(),
            direction: random.chance(500) ? .inbound : .outbound,
            mode: isTransport ? .transport : .tunnel, source: IPAddress("198.51.100.1")!,
            destination: random.chance(500) ? IPAddress("203.0.113.9")! : IPAddress("2001:db8::7")!,
            transform: transform, key: SecretBytes(random.nonce(byteCount: transform.keyByteCount)),
            salt: SecretBytes(Array(random.nonce()[..<transform.saltByteCount])),
            selectors: TrafficSelectors(
                remote: [AddressRange("10.1.0.0/16")!, AddressRange("10.9.0.3")!], local: [AddressRange("10.2.0.9")!],
                ipProtocol: random.chance(500) ? 6 : nil, remotePorts: [],
                localPorts: random.chance(500) ? [80...80, 8000...8999] : []),
            replayWindow: 64, udpEncapsulation: random.chance(500) ? UDPEncapsulation(remotePort: 4501) : nil)
    }
}
