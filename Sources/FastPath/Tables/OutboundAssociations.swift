internal import Associations
internal import Wire

/// What the packet path knows of one outbound SA.
struct OutboundAssociation: BitwiseCopyable {
    /// From the lease it holds: the number that the next packet gets, and the one behind the last.
    var next: UInt64 = 0
    var end: UInt64 = 0
    /// Nanoseconds of CLOCK_MONOTONIC; then the rest of the lease is void.
    var validUntil: UInt64 = 0
    /// Packets and bytes (ESP header to ICV) sealed: the lifecount.
    var packets: UInt64 = 0
    var bytes: UInt64 = 0
    /// Where they end: the lifecount's grant.
    var lastPacket: UInt64 = .max
    var lastByte: UInt64 = .max
    var source = IPAddress(high: 0, low: 0)
    var destination = IPAddress(high: 0, low: 0)
    var selectors: Int32 = -1
    var spi = SPI(rawValue: 0)
    /// The salt's bytes as they lie in memory.
    var salt: UInt32 = 0
    var suite = CipherSuite.none
    var isTunnel = false
    /// The router's relay does it: packets go there in clear.
    var isRelayed = false
    /// Of the UDP header around ESP; 0 and 0 for none.
    var localPort: UInt16 = 0
    var remotePort: UInt16 = 0
    var isInUDP: Bool { remotePort != 0 }
    /// Bytes that a router on the way said fit, and the second it said so; 0 when none has.
    var pathMTU: UInt16 = 0
    var pathMTULearned: UInt32 = 0
    /// Its UDP has a checksum.
    var isInUDP6: Bool { isInUDP && !source.isV4 }
    /// For this host alone.
    var isOwn = false
    /// It was given numbers: from then on an own SA is the one that is used.
    var hasHadLease = false
    /// Packets were there for it before it had a lease, and went under a shared SA.
    var isMissed = false
    /// The next SA that is asked after this one, or the next free place; -1 for none.
    fileprivate var older: Int32 = -1
    fileprivate var younger: Int32 = -1

    /// Whether a packet of so many bytes would pass an end.
    @inline(__always)
    func isSpent(for byteCount: Int) -> Bool {
        packets >= lastPacket || bytes &+ UInt64(truncatingIfNeeded: byteCount) > lastByte
    }

    /// A tunnel between IPv4 addresses under AES-GCM, as it is: `Host.sealPlain` does it.
    @inline(__always)
    var isPlain: Bool {
        isTunnel && suite.isGCM && source.isV4 && !isInUDP && !isRelayed && pathMTU == 0
    }
}

/// The outbound SAs of a worker. A packet goes out under the first whose selectors allow it: those of its own before those
/// that are shared, and of either the youngest first, so that a rekeyed SA takes over at once (RFC 7296 §2.8).
///
/// An own SA is passed over until its first lease comes, since packets need not wait for what a shared one can carry now.
/// From then on it is the one, with or without numbers, until it is removed: packets of a connection that went now under
/// this SA and now under that would overtake one another.
struct OutboundAssociations: ~Copyable {
    var records: Slab<OutboundAssociation>
    private var selectors: SelectorTable
    private var index: SPIIndex
    private var youngestOwn: Int32 = -1
    private var youngestShared: Int32 = -1
    private var firstFree: Int32 = 0
    /// Some record's `isInUDP6`, now or before.
    private(set) var hasUDP6 = false
    /// Some record's `isMissed`, perhaps.
    private var hasMissed = false
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        records = Slab(repeating: OutboundAssociation(), count: capacity)
        for place in 0..<capacity { records[place].older = place + 1 < capacity ? Int32(place + 1) : -1 }
        selectors = SelectorTable(capacity: capacity * 2)
        index = SPIIndex(capacity: capacity)
    }

    mutating func install(_ association: SecurityAssociation, ciphers: borrowing CipherProvider) throws(InstallFailure)
    {
        let record = OutboundAssociation(
            source: association.source, destination: association.destination, spi: association.spi,
            salt: association.saltInMemory, suite: CipherSuite(association.transform, hasESN: association.hasESN),
            isTunnel: association.mode == .tunnel, localPort: association.udpEncapsulation?.localPort ?? 0,
            remotePort: association.udpEncapsulation?.remotePort ?? 0, isOwn: association.isOwn)
        let place = try enter(record, association.selectors, ciphers: ciphers)
        ciphers.install(association, at: place)
    }

    /// Takes an SA that the router's relay does; it stands among the others, so that the youngest that allows a packet
    /// carries it.
    mutating func install(_ relayed: RelayedAssociation, ciphers: borrowing CipherProvider) throws(InstallFailure) {
        let record = OutboundAssociation(spi: relayed.spi, isRelayed: true)
        _ = try enter(record, relayed.selectors, ciphers: ciphers)
    }

    /// The place of the youngest SA of its kind.
    private mutating func enter(
        _ record: OutboundAssociation, _ allowed: TrafficSelectors, ciphers: borrowing CipherProvider
    ) throws(InstallFailure) -> Int {
        // All that may fail comes first: an SA that cannot be replaced stays.
        guard place(of: record.spi) != nil || firstFree >= 0 else { throw .tableFull(capacity: capacity) }
        guard let chain = selectors.install(allowed) else { throw .selectorsDoNotFit }
        remove(record.spi, ciphers: ciphers)
        let place = Int(firstFree)
        firstFree = records[place].older
        records[place] = record
        if record.isInUDP6 { hasUDP6 = true }
        records[place].selectors = chain
        records[place].older = record.isOwn ? youngestOwn : youngestShared
        index.insert(record.spi, at: Int32(place))
        if records[place].older >= 0 { records[Int(records[place].older)].younger = Int32(place) }
        if record.isOwn { youngestOwn = Int32(place) } else { youngestShared = Int32(place) }
        return place
    }

    /// Takes numbers; nothing happens where there is no such SA. Those that do not fit into the SA's are not taken: a number
    /// that wraps would be one twice.
    mutating func lease(_ lease: SequenceLease, to spi: SPI) {
        guard let place = place(of: spi) else { return }
        records[place].next = lease.first
        records[place].end = records[place].suite.hasESN ? lease.end : min(lease.end, 1 << 32)
        records[place].validUntil = lease.validUntil
        records[place].hasHadLease = true
        records[place].isMissed = false
    }

    mutating func relocate(_ relocation: Relocation) {
        guard let place = place(of: relocation.spi) else { return }
        records[place].source = relocation.source
        records[place].destination = relocation.destination
        records[place].localPort = relocation.udpEncapsulation?.localPort ?? 0
        records[place].remotePort = relocation.udpEncapsulation?.remotePort ?? 0
        // Another way, and nothing is known of it.
        records[place].pathMTU = 0
        if records[place].isInUDP6 { hasUDP6 = true }
    }

    /// Takes the ends of an SA's lifecount; nothing happens where there is no such SA.
    mutating func allow(_ grant: LifecountGrant) {
        guard let place = place(of: grant.spi) else { return }
        records[place].lastPacket = grant.packets
        records[place].lastByte = grant.bytes
    }

    /// What went out under the SA at a place; nil where there is none or nothing went out.
    func usage(at place: Int) -> AssociationUsage? {
        let record = records[place]
        guard record.packets > 0 else { return nil }
        return AssociationUsage(spi: record.spi, direction: .outbound, packets: record.packets, bytes: record.bytes)
    }

    mutating func remove(_ spi: SPI, ciphers: borrowing CipherProvider) {
        guard let place = place(of: spi) else { return }
        let record = records[place]
        if record.older >= 0 { records[Int(record.older)].younger = record.younger }
        if record.younger >= 0 {
            records[Int(record.younger)].older = record.older
        } else if record.isOwn {
            youngestOwn = record.older
        } else {
            youngestShared = record.older
        }
        index.remove(spi)
        selectors.remove(record.selectors)
        records[place] = OutboundAssociation(older: firstFree)
        firstFree = Int32(place)
        ciphers.remove(at: place)
    }

    func place(of spi: SPI) -> Int? {
        let place = index.find(spi)
        return place < 0 ? nil : Int(place)
    }

    /// The place of the SA that is to carry `flow`, or -1.
    mutating func find(_ flow: Flow) -> Int {
        let selectors = selectors.reader
        return find { selectors.allow(flow, head: $0) }
    }

    /// As above, between IPv4 addresses.
    @inline(__always)
    mutating func find(_ flow: IPv4Flow) -> Int {
        let selectors = selectors.reader
        return find { selectors.allowIPv4(flow, head: $0) }
    }

    /// - Parameter allows: Whether the selectors whose chain begins there do.
    @inline(__always)
    private mutating func find(_ allows: (Int32) -> Bool) -> Int {
        let own = first(from: youngestOwn, allows)
        if own >= 0 && records[own].hasHadLease { return own }
        let shared = first(from: youngestShared, allows)
        if own >= 0 && shared >= 0 { (records[own].isMissed, hasMissed) = (true, true) }
        return shared >= 0 ? shared : own
    }

    /// One that was passed over since it was last taken; nil when there is none.
    mutating func takeMissed() -> SPI? {
        guard hasMissed else { return nil }
        var place = Int(youngestOwn)
        while place >= 0 {
            if records[place].isMissed {
                records[place].isMissed = false
                return records[place].spi
            }
            place = Int(records[place].older)
        }
        hasMissed = false
        return nil
    }

    @inline(__always)
    private func first(from youngest: Int32, _ allows: (Int32) -> Bool) -> Int {
        var place = Int(youngest)
        while place >= 0 {
            if allows(records[place].selectors) { return place }
            place = Int(records[place].older)
        }
        return -1
    }
}
