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
    var keyByteCount: UInt8 = 0
    var isTunnel = false
    /// Of the UDP header around ESP; 0 and 0 for none.
    var localPort: UInt16 = 0
    var remotePort: UInt16 = 0
    var isInUDP: Bool { remotePort != 0 }
    var isInUse = false

    /// Whether a packet of so many bytes would pass an end.
    func isSpent(for byteCount: Int) -> Bool {
        packets >= lastPacket || bytes &+ UInt64(truncatingIfNeeded: byteCount) > lastByte
    }
}

/// The outbound SAs of a worker, the youngest first: a packet goes out under the first whose selectors allow it, so that a
/// rekeyed SA takes over at once (RFC 7296 §2.8).
struct OutboundAssociations: ~Copyable {
    var records: Slab<OutboundAssociation>
    private var selectors: SelectorTable
    /// Places in use, the youngest first.
    private(set) var order: Slab<Int32>
    private(set) var count = 0
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        records = Slab(repeating: OutboundAssociation(), count: capacity)
        selectors = SelectorTable(capacity: capacity * 2)
        order = Slab(repeating: -1, count: capacity)
    }

    mutating func install(_ association: SecurityAssociation, ciphers: borrowing CipherProvider) throws(InstallFailure)
    {
        // All that may fail comes first: an SA that cannot be replaced stays.
        guard place(of: association.spi) != nil || count < capacity else { throw .tableFull(capacity: capacity) }
        guard let chain = selectors.install(association.selectors) else { throw .selectorsDoNotFit }
        remove(association.spi, ciphers: ciphers)
        guard let place = (0..<capacity).first(where: { !records[$0].isInUse }) else {
            preconditionFailure("fewer than capacity are in use")
        }
        records[place] = OutboundAssociation(
            source: association.source, destination: association.destination, selectors: chain, spi: association.spi,
            salt: association.saltInMemory, keyByteCount: UInt8(association.transform.keyByteCount),
            isTunnel: association.mode == .tunnel, localPort: association.udpEncapsulation?.localPort ?? 0,
            remotePort: association.udpEncapsulation?.remotePort ?? 0, isInUse: true)
        ciphers.install(association, at: place)
        for index in stride(from: count, to: 0, by: -1) { order[index] = order[index - 1] }
        order[0] = Int32(place)
        count += 1
    }

    mutating func relocate(_ relocation: Relocation) {
        guard let place = place(of: relocation.spi) else { return }
        records[place].source = relocation.source
        records[place].destination = relocation.destination
        records[place].localPort = relocation.udpEncapsulation?.localPort ?? 0
        records[place].remotePort = relocation.udpEncapsulation?.remotePort ?? 0
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
        var kept = 0
        for index in 0..<count where Int(order[index]) != place {
            order[kept] = order[index]
            kept += 1
        }
        count = kept
        selectors.remove(records[place].selectors)
        records[place] = OutboundAssociation()
        ciphers.remove(at: place)
    }

    func place(of spi: SPI) -> Int? {
        for index in 0..<count {
            let place = Int(order[index])
            if records[place].spi == spi { return place }
        }
        return nil
    }

    /// The place of the youngest SA that may carry `flow`, or -1.
    func find(_ flow: Flow) -> Int {
        for index in 0..<count {
            let place = Int(order[index])
            if selectors.allow(flow, head: records[place].selectors) { return place }
        }
        return -1
    }
}
