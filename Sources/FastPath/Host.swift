public import Associations
public import Wire

/// How sealed packets come to a host.
public enum Ingress: Sendable {
    /// A target's: in GRE from these addresses, with this epoch or a later one in the key, until a later one is published.
    case gre(routers: [IPAddress], epoch: Epoch)
    /// An endpoint's: as they are.
    case direct
    /// A target's whose kernel takes GRE and ESP itself: to us come the routers' probes alone, as they were in GRE.
    case kernel
}

/// What a host must know before its first packet.
public struct HostConfiguration: Sendable {
    public var ingress: Ingress
    /// Outer addresses at which it takes ESP: for a target the DVIPAs and gateways, for an endpoint its own.
    public var addresses: [IPAddress]
    /// For a target: inner addresses that it serves. Others are refused, so that a wide SA does not make it a router.
    /// Empty for an endpoint: what its SAs allow.
    public var dvipas: [IPAddress]
    /// nil where nothing is filtered here: there is no filter, or the routers have it.
    public var filter: Filter?
    /// Of a target, who authenticates. Where it is the targets alone, the router knows of windows and connections what
    /// this host says, so it says all of it.
    public var verification = Verification.router
    /// Of a target: its own address on the trusted link, from which packets in clear go to the router; nil: none go.
    public var trustedAddress: IPAddress?
    /// Bytes of the longest IP packet on the way to peers, and (for a target) on the trusted link: segments of TCP are made to
    /// fit, and a packet that must not be cut and does not fit is answered.
    public var pathMTU = 65535
    /// Bytes of the longest packet that the host's own stack is to get or send: its device's MTU.
    public var innerMTU = 65535
    public var associationCapacity = 256
    public var maximumReplayWindow = 4096
    public var batchCapacity = PacketBatch.defaultCapacity
    /// Of a target: connections that it follows to report their ends.
    public var connectionCapacity = 1 << 15

    public init(ingress: Ingress, addresses: [IPAddress], dvipas: [IPAddress]) {
        self.ingress = ingress
        self.addresses = addresses
        self.dvipas = dvipas
    }
}

/// The packet path of a host that does its own IPsec: a target with its shadow SAs, or an endpoint. One worker's worth.
///
///     in:   (GRE ->) ESP -> SA -> window -> open whole -> tunnel check (-> filter) -> the host's own TCP/IP
///     out:  the host's own TCP/IP -> policy -> SA -> number from the lease -> seal -> straight to the peer
///
/// Frames begin with an IP header, in both directions.
public struct Host: ~Copyable {
    let ingress: Ingress
    /// From here to there go packets in clear of SAs that the router's relay does.
    let clearWay: ClearWay
    /// What may come from it in clear.
    var relayed: RelayedSelectors
    /// The number of the last probe that came through GRE; 0 before the first.
    public internal(set) var lastProbe: UInt64 = 0
    /// Nothing of an older one is taken.
    public private(set) var epoch = Epoch(rawValue: 0)
    let ours: AddressTable
    let served: AddressTable
    let servesAll: Bool
    /// By their index in `served`.
    let dvipas: [IPAddress]
    let filter: FilterTable
    var connections: TrackedConnections
    var toldNumbers: ToldNumbers
    var firstFragments: FirstFragments
    var sentNumbers: SentNumbers
    let pathMTU: Int
    let innerMTU: Int
    var inbound: InboundAssociations
    var outbound: OutboundAssociations
    let inboundCiphers: CipherProvider
    let outboundCiphers: CipherProvider
    var works: Slab<CipherWork>
    /// Off in tests alone: then every packet goes the whole way.
    var usesPlainWay = true
    public internal(set) var counters = VerdictCounters()

    /// Takes all memory now.
    public init(_ configuration: HostConfiguration) {
        let capacity = configuration.associationCapacity
        let batch = configuration.batchCapacity
        self.init(
            configuration, inbound: .best(capacity: capacity, batchCapacity: batch),
            outbound: .best(capacity: capacity, batchCapacity: batch))
    }

    /// With ciphers made for the configuration's capacities.
    public init(
        _ configuration: HostConfiguration, inbound inboundCiphers: consuming CipherProvider,
        outbound outboundCiphers: consuming CipherProvider
    ) {
        ingress = configuration.ingress
        if case .gre(_, let epoch) = configuration.ingress { self.epoch = epoch }
        clearWay = ClearWay(configuration)
        relayed = RelayedSelectors(capacity: configuration.hasClearWay ? configuration.associationCapacity : 1)
        ours = AddressTable(dvipas: [], gateways: configuration.addresses)
        served = AddressTable(dvipas: configuration.dvipas, gateways: [])
        servesAll = configuration.dvipas.isEmpty
        dvipas = configuration.dvipas
        filter = FilterTable(configuration.filter)
        let isWitness = configuration.verification == .target
        connections = TrackedConnections(
            capacity: configuration.dvipas.isEmpty ? 1 : configuration.connectionCapacity, isWitness: isWitness)
        toldNumbers = ToldNumbers(capacity: isWitness ? configuration.associationCapacity : 0)
        firstFragments = FirstFragments()
        sentNumbers = SentNumbers()
        pathMTU = configuration.pathMTU
        innerMTU = configuration.innerMTU
        inbound = InboundAssociations(
            capacity: configuration.associationCapacity, maximumReplayWindow: configuration.maximumReplayWindow,
            batchCapacity: configuration.batchCapacity)
        outbound = OutboundAssociations(capacity: configuration.associationCapacity)
        self.inboundCiphers = inboundCiphers
        self.outboundCiphers = outboundCiphers
        works = Slab(repeating: .none, count: configuration.batchCapacity)
    }

    /// Takes what the control plane says, between batches.
    public mutating func apply(_ publication: Publication) throws(InstallFailure) {
        switch publication {
        case .install(let association):
            switch association.direction {
            case .inbound:
                toldNumbers.forget(try inbound.install(association, ciphers: inboundCiphers))
                relayed.remove(association.spi)
            case .outbound: try outbound.install(association, ciphers: outboundCiphers)
            }
        case .relay(let association):
            guard clearWay.isThere else { return }
            switch association.direction {
            case .inbound:
                try relayed.install(association)
                inbound.remove(association.spi, ciphers: inboundCiphers)
            case .outbound: try outbound.install(association, ciphers: outboundCiphers)
            }
        case .relocate(let relocation): outbound.relocate(relocation)
        case .remove(let spi, .inbound):
            inbound.remove(spi, ciphers: inboundCiphers)
            relayed.remove(spi)
        case .remove(let spi, .outbound): outbound.remove(spi, ciphers: outboundCiphers)
        case .lease(let spi, let lease):
            outbound.lease(lease, to: spi)
        case .advance(let spi, let number): inbound.advance(spi, to: number)
        case .allow(let grant):
            switch grant.direction {
            case .inbound: inbound.allow(grant)
            case .outbound: outbound.allow(grant)
            }
        case .epoch(let newer): epoch = max(epoch, newer)
        case .neighbour, .standing, .closed, .alive, .probe, .lacks, .lacksESN, .verified:
            break  // For routers; the kernel finds its own neighbours here.
        }
    }

    mutating func advance(to newer: Epoch) { epoch = max(epoch, newer) }

    /// The number that the next packet of an SA would get: every number of its lease below it is used. nil without the SA.
    public func nextNumber(of spi: SPI) -> UInt64? {
        outbound.place(of: spi).map { outbound.records[$0].next }
    }

    /// What came and went under the SAs at `count` places of the tables from `place` on, which is moved behind them, or to
    /// the beginning when that was the end: inbound SAs first, then outbound ones. SAs without traffic are left out.
    public func usage(from place: inout Int, count: Int) -> [AssociationUsage] {
        let end = min(place + count, inbound.capacity + outbound.capacity)
        defer { place = end == inbound.capacity + outbound.capacity ? 0 : end }
        return (place..<end).compactMap { index in
            index < inbound.capacity ? inbound.usage(at: index) : outbound.usage(at: index - inbound.capacity)
        }
    }

    /// All of it at once.
    public var usage: [AssociationUsage] {
        var place = 0
        return usage(from: &place, count: .max / 2)
    }

    /// Ends an SA's lease at once; returns `nextNumber`. No number of it is used after this.
    public mutating func withdrawLease(of spi: SPI) -> UInt64? {
        guard let place = outbound.place(of: spi) else { return nil }
        outbound.records[place].end = outbound.records[place].next
        return outbound.records[place].next
    }

    /// Counts the verdicts of a batch; after its packets were delivered or sent.
    public mutating func account(_ batch: borrowing PacketBatch) {
        for index in 0..<batch.count where batch[index].verdict != .pending { counters.count(batch[index].verdict) }
    }

    public var cipherName: String { inboundCiphers.name }

    /// What each rule of the filter decided on; nil where nothing is filtered here.
    public var filterTallies: [FilterTally]? { filter.tallies }
}
