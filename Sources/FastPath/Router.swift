public import Associations
public import Wire

/// What a router must know before its first packet.
public struct RouterConfiguration: Sendable {
    public var dvipas: [IPAddress]
    /// Tunnel endpoints of ours that are no DVIPAs.
    public var gateways: [IPAddress]
    public var services: [Service]
    public var targets: [Target]
    public var epoch: Epoch
    /// Our own address on the trusted link, IPv4.
    public var trustedAddress: IPAddress
    public var trustedMAC: MACAddress
    /// Bytes of the largest IP packet on the trusted link.
    public var trustedMTU: Int
    public var verification = Verification.router
    /// nil where nothing is filtered here: there is no filter, or the targets have it.
    public var filter: Filter?
    /// Bounds: what does not fit is refused by name.
    public var associationCapacity = 4096
    public var connectionCapacity = 1 << 17
    /// Connections that only began: all together, and those under one SA. nil: a quarter of the capacity, and an eighth of
    /// that, but 4,096 at least.
    public var halfOpenCapacity: Int?
    public var halfOpenLimit: Int?
    /// Clients whose affinity is remembered; nil: 65,536.
    public var affinityCapacity: Int?
    public var maximumReplayWindow = 1024
    public var batchCapacity = PacketBatch.defaultCapacity

    public init(
        dvipas: [IPAddress], gateways: [IPAddress], services: [Service], targets: [Target], epoch: Epoch,
        trustedAddress: IPAddress, trustedMAC: MACAddress, trustedMTU: Int
    ) {
        self.dvipas = dvipas
        self.gateways = gateways
        self.services = services
        self.targets = targets
        self.epoch = epoch
        self.trustedAddress = trustedAddress
        self.trustedMAC = trustedMAC
        self.trustedMTU = trustedMTU
    }
}

/// The packet path of a routing node: one worker's worth, with all its tables.
///
/// Each stage goes over the whole batch before the next begins, and asks for the memory that the next one reads. Nothing
/// here allocates, locks, retains or calls the system; what is not authenticated changes nothing.
public struct Router: ~Copyable {
    let ours: AddressTable
    var associations: InboundAssociations
    let ciphers: CipherProvider
    var connections: ConnectionTable
    var services: ServiceTable
    var targets: TargetTable
    let trustedMTU: Int
    let verification: Verification
    /// Seconds of the last batch.
    private var clock: UInt32 = 0
    let filter: FilterTable

    var reassembler: Reassembler
    var firstFragments: FirstFragments

    var works: Slab<CipherWork>
    let heads: PeekedHeads
    var steeringWorks: Slab<SteeringWork>
    /// Who sent the ICMP errors of a batch, by packet.
    var errorSenders: Slab<IPAddress>
    /// How many works the last batch had.
    var steeringCount = 0
    /// Packets of the last batch that are the relay's.
    private(set) var relayedCount = 0
    /// Errors in the last batch that are for the targets.
    var tooBigCount = 0
    /// Entries of lost targets may be left.
    private var isSweeping = false
    /// By their index.
    let dvipas: [IPAddress]
    /// Beside other workers (Workers/Router+Owners.swift): with whom, as which of them, and each SA's group by its place.
    var crew: WorkerCrew?
    var seat = 0
    var groups: Slab<Int32>
    var isShared = false
    var turn = 0
    /// Packets of the last batch that other workers own.
    var handedOverCount = 0
    /// Frames that others handed over, since the start.
    var takenOverCount: UInt64 = 0
    public private(set) var counters = VerdictCounters()

    /// Takes all memory now. `ciphers` must have been made for the configuration's capacities.
    public init(_ configuration: RouterConfiguration, ciphers: consuming CipherProvider) {
        ours = AddressTable(dvipas: configuration.dvipas, gateways: configuration.gateways)
        associations = InboundAssociations(
            capacity: configuration.associationCapacity, maximumReplayWindow: configuration.maximumReplayWindow,
            batchCapacity: configuration.batchCapacity)
        self.ciphers = ciphers
        connections = ConnectionTable(
            capacity: configuration.connectionCapacity, targetCount: configuration.targets.count,
            associationCount: configuration.associationCapacity, halfOpen: configuration.halfOpenCapacity,
            halfOpenLimit: configuration.halfOpenLimit)
        services = ServiceTable(
            configuration.services, dvipas: configuration.dvipas, targets: configuration.targets,
            affinityCapacity: configuration.affinityCapacity ?? AffinityTable.defaultCapacity)
        targets = TargetTable(
            configuration.targets, source: configuration.trustedAddress, sourceMAC: configuration.trustedMAC,
            epoch: configuration.epoch)
        reassembler = Reassembler()
        firstFragments = FirstFragments()
        trustedMTU = configuration.trustedMTU
        verification = configuration.verification
        filter = FilterTable(configuration.filter)
        dvipas = configuration.dvipas
        groups = Slab(repeating: -1, count: 1)
        let capacity = configuration.batchCapacity
        works = Slab(repeating: .none, count: capacity)
        heads = PeekedHeads(capacity: capacity)
        let none = SteeringWork(packet: 0, dvipa: 0, home: 0, key: ConnectionKey(.none, dvipa: 0), tcpFlags: 0)
        steeringWorks = Slab(repeating: none, count: capacity)
        errorSenders = Slab(repeating: IPAddress(high: 0, low: 0), count: capacity)
    }

    /// With the fastest ciphers of this machine.
    public init(_ configuration: RouterConfiguration) {
        self.init(
            configuration,
            ciphers: .best(capacity: configuration.associationCapacity, batchCapacity: configuration.batchCapacity))
    }

    /// Gives every packet of the batch a verdict, and those that steer their GRE header. Frames begin with Ethernet.
    ///
    /// - Parameter now: Seconds on any clock that does not go back, of which the lower 31 bits count; ages connections.
    public mutating func process(_ batch: inout PacketBatch, in memory: borrowing FrameMemory, now: UInt32) {
        let now = now & ~ConnectionTable.Entry.halfOpen
        clock = now
        let fragments = classify(&batch, in: memory)
        tooBigCount = 0
        handedOverCount = 0
        if fragments > 0 {
            if isShared { separateFragments(&batch, in: memory) }
            reassemble(&batch, in: memory, now: now)
        }
        associations.find(&batch)
        if isShared { separate(&batch, in: memory) }
        var admitted = associations.admit(&batch, to: &works)
        var proof: AuthenticationProof?
        switch verification {
        case .router:
            let verified = ciphers.verifyAndPeek(&works, admitted, in: memory, into: heads)
            associations.commit(works, admitted, &batch, verified)
            if associations.peers.watchedCount > 0 {
                associations.watchPeers(works, admitted, batch, in: memory, now: now, verified)
            }
            proof = verified
        case .target:
            ciphers.peek(&works, admitted, in: memory, into: heads)
        }
        if associations.restart > 0 { admitted = admitRest(&batch, behind: admitted, in: memory) }
        age(now: now)
        relayedCount = 0
        var inspected = inspect(&batch, count: admitted.count, in: memory, proof)
        if filter.isActive { inspected = sift(&batch, count: inspected) }
        steer(&batch, count: inspected, now: now, proof)
        encapsulate(&batch, count: inspected, in: memory, now: now, proof)
    }

    /// The packets from where `admit` stopped: those before them have moved the windows by now.
    @inline(never)
    private mutating func admitRest(
        _ batch: inout PacketBatch, behind admitted: WorkCount, in memory: borrowing FrameMemory
    ) -> WorkCount {
        var count = admitted
        while associations.restart > 0 {
            count = associations.admit(&batch, from: associations.restart, to: &works, behind: count.count)
            switch verification {
            case .router:
                let verified = ciphers.verifyAndPeek(&works, count, in: memory, into: heads)
                associations.commit(works, count, &batch, verified)
                if associations.peers.watchedCount > 0 {
                    associations.watchPeers(works, count, batch, in: memory, now: clock, verified)
                }
            case .target: ciphers.peek(&works, count, in: memory, into: heads)
            }
        }
        return count
    }

    private mutating func age(now: UInt32) {
        ageFragments(now: now)
        guard isSweeping else { return connections.age(ConnectionTable.walkCount, now: now) }
        connections.age(ConnectionTable.sweepCount, now: now)
        isSweeping = connections.formerCount > 0
        targets.judge(connections)
    }

    /// Enters a connection that a target reports, or that another router knew: authenticated there. False when the table
    /// has no room, or the DVIPA or the target is not of this cluster. Where targets verify nothing else makes entries.
    public mutating func learn(_ flow: Flow, servedBy target: String, now: UInt32) -> Bool {
        let dvipa = ours.find(flow.local)
        guard dvipa >= 0, let index = targets.index(of: target), targets.standing(index).state != .lost else {
            return false
        }
        let key = ConnectionKey(flow, dvipa: dvipa)
        let home = connections.home(of: key)
        let at = connections.find(key, home: home)
        if at >= 0 {
            if connections.isFormer(at: at) {
                connections.reassign(at: at, to: index, now: now, closing: false, AuthenticationProof.ofReport)
            } else if connections.target(at: at) == index {
                connections.revive(at: at, now: now, AuthenticationProof.ofReport)
            }
            return true
        }
        return connections.insert(
            key, home: home, target: index, now: now, closing: false, AuthenticationProof.ofReport)
    }

    /// Counts the verdicts of a batch; after the port has transmitted it.
    public mutating func account(_ batch: borrowing PacketBatch) {
        for index in 0..<batch.count {
            let verdict = batch[index].verdict
            counters.count(verdict)
            if verdict.steers {
                let target = Int(batch[index].target)
                targets[target].packets &+= 1
                targets[target].bytes &+= UInt64(truncatingIfNeeded: batch[index].byteCount)
            } else if verdict == .relayed {
                targets.relayed[Int(batch[index].target)] &+= 1
            }
        }
    }

    /// Takes what the control plane says, between batches.
    public mutating func apply(_ publication: Publication) throws(InstallFailure) {
        switch publication {
        case .install(let association):
            guard association.direction == .inbound else { return }
            noteGroup(of: association, at: try associations.install(association, ciphers: ciphers))
        case .remove(let spi, let direction):
            if direction == .inbound { associations.remove(spi, ciphers: ciphers) }
        case .neighbour(let target, let address):
            targets.setNeighbour(target, address)
            targets.judge(connections)
        case .allow(let grant):
            if grant.direction == .inbound { associations.allow(grant) }
        case .epoch(let epoch): targets.setEpoch(epoch)
        case .standing(let target, let standing): take(standing, of: target)
        case .closed(let connection, let target): close(connection, servedBy: target)
        case .alive(let connection, let target): _ = learn(Flow(connection), servedBy: target, now: clock)
        case .verified(let numbers): if verification == .target { for part in numbers { associations.merge(part) } }
        case .probe:
            break  // The worker's: it has the port's frames.
        case .lacks(let target, let transforms):
            guard let index = targets.index(of: target) else { return }
            targets.setLacking(index, transforms)
            targets.judge(connections)
        case .lacksESN(let target, let isLacking):
            guard let index = targets.index(of: target) else { return }
            targets.setLackingESN(index, isLacking)
            targets.judge(connections)
        case .lease, .relocate, .relay, .advance:
            break  // A router sends nothing under an SA; its relay does.
        }
    }

    /// Nothing happens where there is no such target.
    private mutating func take(_ standing: TargetStanding, of target: String) {
        guard let index = targets.index(of: target) else { return }
        if standing.state == .lost && targets.standing(index).state != .lost {
            connections.lose(index)
            isSweeping = true
        }
        targets.setStanding(index, standing)
        targets.judge(connections)
    }

    /// A connection that its target calls over gets the time of one that closes. Nothing happens when another target serves
    /// it by now, or none.
    private mutating func close(_ connection: ConnectionName, servedBy target: String) {
        let dvipa = ours.find(connection.local)
        guard dvipa >= 0, let index = targets.index(of: target) else { return }
        let key = ConnectionKey(Flow(connection), dvipa: dvipa)
        let at = connections.find(key, home: connections.home(of: key))
        guard at >= 0, connections.target(at: at) == index, !connections.isFormer(at: at) else { return }
        connections.close(at: at)
    }

    /// Peers behind NATs that send from elsewhere now, since the last call.
    public mutating func takeSightings() -> [PeerSighting] { associations.peers.take() }

    /// Hands what the relay is to open over to it; one that does not fit is `transmitQueueFull`.
    mutating func handOver(
        _ batch: inout PacketBatch, to relay: borrowing RelaySender, from memory: borrowing FrameMemory
    ) {
        for index in 0..<batch.count where batch[index].verdict == .relayed {
            if !relay.send(batch[index], from: memory) { batch[index].verdict = .transmitQueueFull }
        }
    }

    mutating func countRelayed() { relayedCount &+= 1 }

    var targetCount: Int { targets.targets.count }

    public var cipherName: String { ciphers.name }

    /// What each rule of the filter decided on; nil where nothing is filtered here.
    public var filterTallies: [FilterTally]? { filter.tallies }
}
