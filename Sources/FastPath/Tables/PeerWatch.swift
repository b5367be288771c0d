internal import Associations
internal import Wire

/// From where the peers of SAs in UDP send (RFC 3948): a NAT that forgets gives a peer another port, or another address, and
/// nobody says so. Who verifies packets sees it, and reports it upwards (docs/nat.md).
///
/// Only the newest authentic packet of an SA speaks: one that was held back, repeated or forged comes from anywhere. Of an SA a
/// change is reported once a second at most, and of all SAs as many as the list has room for; what is not reported now is by a
/// later packet.
struct PeerWatch: ~Copyable {
    /// Where an SA's peer is, as was reported last; zeroes for an SA that is not in UDP.
    struct Place: BitwiseCopyable {
        var address: IPAddress
        var port: UInt16
        /// Seconds.
        var reportedAt: UInt32
    }

    struct Sighting: BitwiseCopyable {
        var spi: SPI
        var number: UInt64
        var address: IPAddress
        var port: UInt16
    }

    /// Changes that wait to be taken.
    static let listLimit = 256

    private var places: Slab<Place>
    private var list: Slab<Sighting>
    private(set) var listCount = 0
    /// SAs in UDP.
    private(set) var watchedCount = 0

    init(capacity: Int) {
        places = Slab(zeroed: capacity)
        list = Slab(
            repeating: Sighting(spi: SPI(rawValue: 0), number: 0, address: IPAddress(high: 0, low: 0), port: 0),
            count: Self.listLimit)
    }

    mutating func install(_ association: SecurityAssociation, at place: Int) {
        guard let encapsulation = association.udpEncapsulation else { return }
        watchedCount += 1
        places[place] = Place(address: association.source, port: encapsulation.remotePort, reportedAt: 0)
    }

    mutating func remove(at place: Int) {
        guard places[place].port != 0 else { return }
        watchedCount -= 1
        places[place].port = 0
    }

    func watches(_ place: Int) -> Bool { places[place].port != 0 }

    /// The newest authentic packet of the SA at a place came from there.
    mutating func note(
        _ spi: SPI, at place: Int, number: UInt64, from address: IPAddress, port: UInt16, now: UInt32,
        _ proof: AuthenticationProof
    ) {
        let known = places[place]
        guard known.address != address || known.port != port, port != 0, listCount < list.count,
            known.reportedAt == 0 || known.reportedAt != now
        else { return }
        places[place] = Place(address: address, port: port, reportedAt: now)
        list[listCount] = Sighting(spi: spi, number: number, address: address, port: port)
        listCount += 1
    }

    mutating func take() -> [PeerSighting] {
        if listCount == 0 { return [] }
        defer { listCount = 0 }
        return (0..<listCount).map {
            let seen = list[$0]
            return PeerSighting(spi: seen.spi, number: seen.number, address: seen.address, port: seen.port)
        }
    }
}

extension InboundAssociations {
    /// Looks at the works of a batch that were committed: which are the newest of their SA now, and came in UDP?
    @inline(never)
    mutating func watchPeers(
        _ works: borrowing Slab<CipherWork>, _ count: WorkCount, _ batch: borrowing PacketBatch,
        in memory: borrowing FrameMemory, now: UInt32, _ proof: AuthenticationProof
    ) {
        for at in count.first..<count.count {
            let place = Int(works[at].association)
            let packet = batch[Int(works[at].packet)]
            // A number that was recorded is once `pending`: what comes with it again is `replayed`.
            guard peers.watches(place), works[at].isAuthentic, packet.verdict == .pending,
                packet.sequenceNumber == records[place].top
            else { continue }
            let ip = packet.start + Int(packet.ipOffset)
            let before = memory.bytes(at: ip, count: Int(packet.espOffset - packet.ipOffset))
            // Behind IPv6's extension headers nobody looks for UDP.
            guard before.endsInUDP else { continue }
            peers.note(
                records[place].spi, at: place, number: packet.sequenceNumber,
                from: IPHeader.addresses(at: ip, in: memory).source,
                port: before.bigEndian16(at: before.byteCount - UDPHeader.byteCount), now: now, proof)
        }
    }
}

extension RawSpan {
    /// Of headers that were judged before, from IP to ESP.
    fileprivate var endsInUDP: Bool {
        if byte(at: 0) >> 4 == 6 {
            return byteCount == IPv6Header.byteCount + UDPHeader.byteCount
                && byte(at: IPv6Header.Offset.nextHeader) == IPProtocol.udp
        }
        return byte(at: IPv4Header.Offset.ipProtocol) == IPProtocol.udp
    }
}
