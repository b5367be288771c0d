internal import Associations
internal import Wire

/// Each target with what is written in front of a packet for it: one cache line.
///
///     | Ethernet 14 | IPv4 20 | GRE 8 (key: epoch) | the ESP datagram, as it came
///
/// The template holds the 42 bytes with a total length of 0 and the header's checksum to match. On a trusted link of IPv6
/// the header is 20 bytes longer, and the templates lie beside (`TargetTemplates6`).
struct TargetTable: ~Copyable {
    struct Entry: BitwiseCopyable {
        /// Template bytes 0...39, as they lie in memory.
        var words: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)
        /// Template bytes 40 and 41.
        var lastBytes: UInt16 = 0
        /// Sum of the IPv4 header without its total length, folded and not complemented.
        var checksumBase: UInt16 = 0
        /// It has a neighbour, serves or drains, can do every SA, and no connection entry of before a loss is left:
        /// what its connections send goes there without another question.
        var isPlain = false
        /// As `isPlain`, of a target with an IPv6 address; for a loop of its own.
        var isPlain6 = false
        /// Frames sent to it, and their bytes.
        var packets: UInt64 = 0
        var bytes: UInt64 = 0

        /// Writes the template, with the length of the packet that begins behind its Ethernet header.
        @inline(__always)
        func writeHeaders(to bytes: inout MutableRawSpan, totalByteCount: Int) {
            bytes.storeBytes(of: words.0, toByteOffset: 0, as: UInt64.self)
            bytes.storeBytes(of: words.1, toByteOffset: 8, as: UInt64.self)
            bytes.storeBytes(of: words.2, toByteOffset: 16, as: UInt64.self)
            bytes.storeBytes(of: words.3, toByteOffset: 24, as: UInt64.self)
            bytes.storeBytes(of: words.4, toByteOffset: 32, as: UInt64.self)
            bytes.storeBytes(of: lastBytes, toByteOffset: 40, as: UInt16.self)
            let length = UInt16(truncatingIfNeeded: totalByteCount)
            let ip = EthernetHeader.byteCount
            bytes.storeBigEndian(length, at: ip + IPv4Header.Offset.totalLength)
            bytes.storeBigEndian(~InternetChecksum.add(checksumBase, length), at: ip + IPv4Header.Offset.checksum)
        }
    }

    static let templateByteCount = EthernetHeader.byteCount + IPv4Header.minimumByteCount + GREHeader.byteCount
    /// What GRE and its IPv4 header add to a datagram.
    static let overheadByteCount = IPv4Header.minimumByteCount + GREHeader.byteCount

    /// For the stages, which take a view of them.
    private(set) var entries: Slab<Entry>
    let targets: [Target]
    let source: IPAddress
    private(set) var templates6: TargetTemplates6
    private let sourceMAC: MACAddress
    private(set) var epoch: Epoch
    private var neighbours: [MACAddress?]
    private var standings: [TargetStanding]
    /// What each cannot do, by `TransformMask`.
    private var lacking: [UInt32]
    private var isLackingESN: [Bool]
    /// Packets that were handed to the relay for each.
    var relayed: [UInt64]

    init(_ targets: [Target], source: IPAddress, sourceMAC: MACAddress, epoch: Epoch) {
        self.targets = targets
        self.source = source
        self.sourceMAC = sourceMAC
        self.epoch = epoch
        neighbours = Array(repeating: nil, count: targets.count)
        standings = Array(repeating: TargetStanding(state: .serving), count: targets.count)
        lacking = Array(repeating: 0, count: targets.count)
        isLackingESN = Array(repeating: false, count: targets.count)
        relayed = Array(repeating: 0, count: targets.count)
        entries = Slab(repeating: Entry(), count: max(targets.count, 1))
        templates6 = TargetTemplates6(count: source.isV4 ? 0 : targets.count)
        precondition(targets.allSatisfy { $0.trustedAddress.isV4 == source.isV4 }, "one family on the trusted link")
    }

    /// The trusted link is IPv6; all of it, or nothing.
    var isIPv6: Bool { !source.isV4 }

    /// Takes a target's link-layer address, or that there is none.
    mutating func setNeighbour(_ name: String, _ address: MACAddress?) {
        guard let index = index(of: name) else { return }
        neighbours[index] = address
        if let address { writeTemplate(index, to: address) }
    }

    /// The index of the target of that name.
    func index(of name: String) -> Int? { targets.firstIndex { $0.name == name } }

    mutating func setStanding(_ index: Int, _ standing: TargetStanding) { standings[index] = standing }

    func standing(_ index: Int) -> TargetStanding { standings[index] }

    /// Decides anew which targets are plain; `connections` knows whose former entries are not swept away yet.
    mutating func judge(_ connections: borrowing ConnectionTable) {
        for index in targets.indices {
            let state = standings[index].state
            let isPlain =
                neighbours[index] != nil && lacking[index] == 0 && !isLackingESN[index]
                && (state == .serving || state == .draining) && !connections.hasFormer(of: index)
            entries[index].isPlain = isPlain && !isIPv6
            entries[index].isPlain6 = isPlain && isIPv6
        }
    }

    mutating func setLacking(_ index: Int, _ transforms: Set<Transform>) {
        lacking[index] = TransformMask.bits(transforms)
    }

    mutating func setLackingESN(_ index: Int, _ isLacking: Bool) { isLackingESN[index] = isLacking }

    /// Whether the relay does an SA for a target; only of a target that is not plain.
    func relays(_ index: Int, transform: UInt8, hasESN: Bool) -> Bool {
        TransformMask.contains(transform, in: lacking[index]) || hasESN && isLackingESN[index]
    }

    /// What keeps a connection's packets from a target; `.pending` when nothing does.
    func refusal(_ index: Int) -> Verdict {
        switch standings[index].state {
        case .serving, .draining: neighbours[index] == nil ? .noNeighbour : .pending
        case .quiesced: .targetQuiesced
        case .lost: .noTarget
        }
    }

    /// Writes a newer epoch into every template; an older one is passed over.
    mutating func setEpoch(_ newer: Epoch) {
        guard newer > epoch else { return }
        epoch = newer
        for (index, address) in neighbours.enumerated() {
            if let address { writeTemplate(index, to: address) }
        }
    }

    func neighbour(_ index: Int) -> MACAddress? { neighbours[index] }

    /// It may be given connections.
    func isUsable(_ index: Int) -> Bool { neighbours[index] != nil && standings[index].state == .serving }

    /// What a target is known by to every router.
    func identity(_ index: Int) -> UInt64 { Self.identity(targets[index].trustedAddress) }

    static func identity(_ trustedAddress: IPAddress) -> UInt64 { trustedAddress.low ^ trustedAddress.high }

    @inline(__always)
    subscript(index: Int) -> Entry {
        _read { yield entries[index] }
        _modify { yield &entries[index] }
    }

    private mutating func writeTemplate(_ index: Int, to destination: MACAddress) {
        if isIPv6 {
            return templates6.write(
                index, from: (sourceMAC, source), to: (destination, targets[index].trustedAddress), epoch: epoch)
        }
        let template = FrameMemory(frameCount: 1, frameStride: 64)
        var bytes = template.mutableBytes(at: 0, count: 48)
        bytes.storeBigEndian(UInt32(destination.rawValue >> 16), at: 0)
        bytes.storeBigEndian(UInt16(truncatingIfNeeded: destination.rawValue), at: 4)
        bytes.storeBigEndian(UInt32(sourceMAC.rawValue >> 16), at: 6)
        bytes.storeBigEndian(UInt16(truncatingIfNeeded: sourceMAC.rawValue), at: 10)
        bytes.storeBigEndian(EtherType.ipv4.rawValue, at: EthernetHeader.Offset.type)
        let ip = EthernetHeader.byteCount
        bytes.store(0x45, at: ip + IPv4Header.Offset.versionAndLength)
        // Don't fragment: a datagram that does not fit the trusted link is refused by name (`oversized`), and with it
        // the identification may stay 0 (RFC 6864 §4.1).
        bytes.storeBigEndian(UInt16(0x4000), at: ip + IPv4Header.Offset.fragment)
        bytes.store(64, at: ip + 8)
        bytes.store(IPProtocol.gre, at: ip + IPv4Header.Offset.ipProtocol)
        bytes.storeBigEndian(source.v4, at: ip + IPv4Header.Offset.source)
        bytes.storeBigEndian(targets[index].trustedAddress.v4, at: ip + IPv4Header.Offset.destination)
        GREHeader(type: .ipv4, epoch: epoch).write(to: &bytes, at: ip + IPv4Header.minimumByteCount)
        let written = template.bytes(at: 0, count: 48)
        func word(_ at: Int) -> UInt64 { written.bigEndian64(at: at).bigEndian }
        entries[index].words = (word(0), word(8), word(16), word(24), word(32))
        entries[index].lastBytes = written.bigEndian16(at: 40).bigEndian
        entries[index].checksumBase = InternetChecksum.sumOfPlainIPv4Header(written, at: ip)
    }
}
