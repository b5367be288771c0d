import Associations
import Wire

@testable import ControlPlane

/// One router's publisher, some targets' subscribers, and links between them that carry in order or break, under one seed.
struct ShadowNetwork {
    struct Target {
        var subscriber: ShadowSubscriber
        /// The SAs that its packet path has; how often each was installed.
        var held: [ShadowEntry.Key: SecurityAssociation] = [:]
        var installations = 0
        /// Publications that the packet path has not done.
        var undone: [(number: UInt64, publication: Publication)] = []
        /// The packet path stands still.
        var isStalled = false
        var isLinked = false
        var relayed: [ShadowEntry.Key: RelayedAssociation] = [:]
        var grants: [LifecountGrant] = []
        /// What it was told of how far the numbers of SAs are.
        var floors: [SPI: UInt64] = [:]
        var refusal: LinkRefusal?
    }

    static let policyHash = [UInt8](repeating: 7, count: 32)

    var publisher: ShadowPublisher
    var targets: [HolderID: Target] = [:]
    /// What the router has published.
    var wanted: [ShadowEntry.Key: SecurityAssociation] = [:]
    let relay: HolderID?
    /// What targets lack, as the router said last.
    private(set) var lacking: [HolderID: Set<Associations.Transform>] = [:]
    private(set) var lackingESN: Set<HolderID> = []
    /// SAs of one target alone.
    var only: [ShadowEntry.Key: HolderID] = [:]
    var random: SeededGenerator
    /// Of a thousand messages: the link breaks with it.
    var breaking = 0
    var now: UInt64 = 1_000_000_000
    /// The next installation is refused.
    var refusing: ShadowRefusal?
    var transforms = MemberMessage.Hello.words(for: Transform.allCases)
    private(set) var settled: [ShadowPublisher.Ticket: [HolderID]] = [:]
    private(set) var refusals: [ShadowRefusal] = []
    private(set) var notLetIn: [LinkRefusal] = []
    private(set) var superseded: [Epoch] = []
    private(set) var disconnections: [String] = []
    private var underWay: [Carried] = []
    private var nextArrival: UInt64 = 0

    private struct Carried {
        var toRouter: MemberMessage?
        var toTarget: RouterMessage?
        var holder: HolderID
        var arrival: UInt64
    }

    /// - Parameter hasRelay: the relay is one more, behind the targets.
    init(targets count: Int, seed: UInt64, hasRelay: Bool = false) {
        random = SeededGenerator(seed: seed)
        let holders = (0..<count).map { HolderID(place: $0) }
        relay = hasRelay ? HolderID(place: count) : nil
        publisher = ShadowPublisher(
            holders: holders, relay: relay, incarnation: 1, epoch: Epoch(rawValue: 1), policyHash: Self.policyHash)
        for holder in holders + [relay].compactMap({ $0 }) { start(holder) }
    }

    /// A process that knows nothing.
    mutating func start(
        _ holder: HolderID, policyHash: [UInt8] = policyHash, epoch: UInt32 = 0, version: UInt32 = LinkVersion.current
    ) {
        cut(holder)
        let hello = MemberMessage.Hello(
            version: version, member: "t\(holder.rawValue)", incarnation: random.next(), epoch: Epoch(rawValue: epoch),
            policyHash: policyHash, transforms: transforms)
        targets[holder] = Target(subscriber: ShadowSubscriber(hello))
    }

    /// The link breaks; what was under way is lost. It comes back by itself.
    mutating func cut(_ holder: HolderID) {
        underWay.removeAll { $0.holder == holder }
        guard targets[holder]?.isLinked == true else { return }
        targets[holder]!.isLinked = false
        targets[holder]!.subscriber.disconnected()
        perform(publisher.disconnected(holder, at: now))
    }

    mutating func restartRouter(epoch: UInt32) {
        for holder in targets.keys.sorted() { cut(holder) }
        lackingESN = []
        publisher = ShadowPublisher(
            holders: targets.keys.filter { $0 != relay }, relay: relay, incarnation: random.next(),
            epoch: Epoch(rawValue: epoch),
            policyHash: Self.policyHash)
        wanted = [:]
        only = [:]
    }

    mutating func install(_ association: SecurityAssociation, only holder: HolderID? = nil) {
        let key = ShadowEntry.Key(spi: association.spi, direction: association.direction)
        wanted[key] = association
        only[key] = holder
        perform(publisher.publish(.install(association), only: holder))
    }

    mutating func remove(_ key: ShadowEntry.Key) {
        wanted[key] = nil
        only[key] = nil
        perform(publisher.publish(.remove(key.spi, key.direction)))
    }

    mutating func relocate(_ spi: SPI) {
        let relocation = Relocation(
            spi: spi, source: IPAddress("198.51.100.1")!,
            destination: IPAddress(v4: UInt32.random(in: 1..<1000, using: &random)),
            udpEncapsulation: random.chance(500) ? UDPEncapsulation(remotePort: 4502) : nil)
        wanted[ShadowEntry.Key(spi: spi, direction: .outbound)]?.relocate(relocation)
        perform(publisher.publish(.relocate(relocation)))
    }

    mutating func barrier() -> ShadowPublisher.Ticket {
        let (ticket, actions) = publisher.barrier(at: now)
        perform(actions)
        return ticket
    }

    mutating func perform(_ actions: [ShadowPublisher.Action]) {
        for action in actions {
            switch action {
            case .send(let message, let holder): carry(Carried(toTarget: message, holder: holder, arrival: 0))
            case .settled(let ticket, let missing): settled[ticket] = missing
            case .refused(_, _, let reason): refusals.append(reason)
            case .notLetIn(_, let refusal): notLetIn.append(refusal)
            case .superseded(let epoch): superseded.append(epoch)
            case .lacks(let holder, let transforms): lacking[holder] = transforms
            case .lacksESN(let holder, true): lackingESN.insert(holder)
            case .lacksESN(let holder, false): lackingESN.remove(holder)
            case .disconnect(let holder):
                if holder == relay { cut(holder) }
            case .joined, .left, .protect: break
            }
        }
    }

    private mutating func perform(_ actions: [ShadowSubscriber.Action], of holder: HolderID) {
        for action in actions {
            switch action {
            case .send(let message): carry(Carried(toRouter: message, holder: holder, arrival: 0))
            case .apply(let number, let publication): targets[holder]!.undone.append((number, publication))
            case .notLetIn(let refusal): targets[holder]!.refusal = refusal
            case .disconnect(let why):
                disconnections.append(why)
                cut(holder)
            case .welcomed: break
            }
        }
    }

    /// The packet path's turn.
    private mutating func work(_ holder: HolderID) {
        guard targets[holder]?.isStalled == false, let last = targets[holder]!.undone.last?.number else { return }
        let undone = targets[holder]!.undone
        targets[holder]!.undone = []
        for (_, publication) in undone {
            switch publication {
            case .install(let association):
                let key = ShadowEntry.Key(spi: association.spi, direction: association.direction)
                if let reason = refusing {
                    refusing = nil
                    targets[holder]!.subscriber.refused([MemberMessage.Refusal(key: key, reason: reason)])
                    continue
                }
                targets[holder]!.installations += 1
                targets[holder]!.held[key] = association
                targets[holder]!.relayed[key] = nil
            case .relay(let relayed):
                let key = ShadowEntry.Key(spi: relayed.spi, direction: relayed.direction)
                targets[holder]!.relayed[key] = relayed
                targets[holder]!.held[key] = nil
            case .relocate(let relocation):
                let key = ShadowEntry.Key(spi: relocation.spi, direction: .outbound)
                targets[holder]!.held[key]?.relocate(relocation)
            case .remove(let spi, let direction):
                targets[holder]!.held[ShadowEntry.Key(spi: spi, direction: direction)] = nil
                targets[holder]!.relayed[ShadowEntry.Key(spi: spi, direction: direction)] = nil
            case .allow(let grant): targets[holder]!.grants.append(grant)
            case .advance(let spi, let number): targets[holder]!.floors[spi] = number
            default: break
            }
        }
        if targets[holder]!.isLinked { targets[holder]!.subscriber.applied(upTo: last, at: now) }
    }

    private mutating func carry(_ carried: Carried) {
        guard targets[carried.holder]?.isLinked == true else { return }
        guard !random.chance(breaking) else {
            cut(carried.holder)
            return
        }
        var carried = carried
        // In order, as the link's streams are.
        nextArrival = max(nextArrival, now) + 10_000 + random.next() % 300_000
        carried.arrival = nextArrival
        underWay.append(carried)
    }

    mutating func run(for nanoseconds: UInt64) {
        let end = now + nanoseconds
        while true {
            for holder in targets.keys.sorted() where !targets[holder]!.isLinked {
                targets[holder]!.isLinked = true
                perform(targets[holder]!.subscriber.connected(at: now), of: holder)
            }
            for holder in targets.keys.sorted() {
                work(holder)
                perform(targets[holder]!.subscriber.tick(at: now) { MemberMessage.Report() }, of: holder)
            }
            perform(publisher.tick(at: now))
            let timers = [publisher.deadline].compactMap { $0 } + targets.values.compactMap(\.subscriber.deadline)
            let next = (underWay.map(\.arrival) + timers).min() ?? .max
            guard next <= end else { break }
            now = max(now, next)
            guard let index = underWay.firstIndex(where: { $0.arrival <= now }) else { continue }
            deliver(underWay.remove(at: index))
        }
        now = end
    }

    private mutating func deliver(_ carried: Carried) {
        let holder = carried.holder
        if let message = carried.toTarget {
            perform(targets[holder]!.subscriber.receive(message, at: now), of: holder)
        }
        switch carried.toRouter {
        case .hello(let hello):
            perform(
                publisher.hello(hello, from: holder, leaseKey: SecretBytes(random.nonce(byteCount: 32)), at: now))
        case .report(let report): perform(publisher.receive(report, from: holder, at: now))
        case .leaving, nil: break
        }
    }

    /// Whether every target holds what the router wants, key bytes and all, and knows what the relay does for it; and
    /// the relay holds what it does for somebody, and nothing more.
    var agrees: Bool {
        targets.allSatisfy { holder, target in
            let relayed = wanted.filter { only[$0.key] == nil && !can($0.value, holder) }
            let wanted = wanted.filter { key, association in
                if holder == relay { return only[key] == nil && !lacking.keys.allSatisfy { can(association, $0) } }
                return (only[key] == nil || only[key] == holder) && can(association, holder)
            }
            guard Set(target.relayed.keys) == Set(relayed.keys) else { return false }
            return target.held.count == wanted.count
                && wanted.allSatisfy { key, association in
                    target.held[key].map { ShadowEntry.install($0).bytes == ShadowEntry.install(association).bytes }
                        == true
                }
        }
    }

    /// As the router has said it.
    func can(_ association: SecurityAssociation, _ holder: HolderID) -> Bool {
        lacking[holder]?.contains(association.transform) != true
            && !(association.hasESN && lackingESN.contains(holder))
    }

    /// An SA with everything in it that an SA can have.
    mutating func association() -> SecurityAssociation {
        let transform = Associations.Transform.allCases[random.below(Associations.Transform.allCases.count)]
        let isTransport = random.chance(300)
        let hasESN = random.chance(500)
        var association = SecurityAssociation(
            name: "peer \(random.below(100))", spi: random.espSPI(),
            direction: random.chance(500) ? .inbound : .outbound,
            mode: isTransport ? .transport : .tunnel, source: IPAddress("198.51.100.1")!,
            destination: random.chance(500) ? IPAddress("203.0.113.9")! : IPAddress("2001:db8::7")!,
            transform: transform, key: SecretBytes(random.nonce(byteCount: 64).prefix(transform.keyByteCount)),
            salt: SecretBytes(Array(random.nonce()[..<transform.saltByteCount])),
            selectors: TrafficSelectors(
                remote: [AddressRange("10.1.0.0/16")!, AddressRange("10.9.0.3")!], local: [AddressRange("10.2.0.9")!],
                ipProtocol: random.chance(500) ? 6 : nil, remotePorts: [],
                localPorts: random.chance(500) ? [80...80, 8000...8999] : []),
            replayWindow: 64, udpEncapsulation: random.chance(500) ? UDPEncapsulation(remotePort: 4501) : nil,
            authenticationKey: SecretBytes(
                random.nonce(byteCount: 64).prefix(transform.authenticationKeyByteCount)))
        association.hasESN = hasESN
        return association
    }
}
