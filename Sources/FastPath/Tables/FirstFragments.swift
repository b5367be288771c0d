internal import Wire

/// Ports of inner datagrams whose first fragment has been seen, for the fragments behind it, which have none: so they are
/// held against the same selectors, filter and services, and go the same way (RFC 4301 §7.3: stateful fragment checking).
///
/// Written for verified packets only. 512 buckets of 8 entries, taken at start; where a bucket is full the oldest
/// gives way, and the rest of its datagram is `innerFragment`.
struct FirstFragments: ~Copyable {
    struct Entry: BitwiseCopyable {
        var key = DatagramKey.none
        var isInUse = false
        /// Of IPv6 only the first piece says it.
        var ipProtocol: UInt8 = 0
        var sourcePort: UInt16 = 0
        var destinationPort: UInt16 = 0
        var seen: UInt32 = 0
    }

    static let bucketCount = 512
    static let entriesPerBucket = 8
    /// Seconds that an entry is good for (RFC 791 §3.2).
    static let timeoutSeconds: UInt32 = 15

    private var entries = Slab<Entry>(repeating: Entry(), count: bucketCount * entriesPerBucket)
    private let hash = TableHash()
    /// Seconds, on a clock that does not go back; the stages set it before they ask.
    var now: UInt32 = 0
    var digest: Int { entries.digest() }

    /// What becomes of a piece that `InnerPacket.read` called `innerFragment`: `pending` when its first one is known,
    /// and `flow` then has its ports; `innerFragment` otherwise.
    ///
    /// - Parameters:
    ///   - packet: the inner packet; its IP header is enough.
    ///   - flow: with its addresses, `remote` being the packet's source, and of IPv4 its protocol.
    func follow(_ packet: RawSpan, _ flow: inout Flow) -> Verdict {
        guard let fragment = InnerFragment(reading: packet) else { return .innerFragment }
        let key = Self.key(fragment, flow)
        let first = bucket(of: key)
        for at in first..<first + Self.entriesPerBucket
        where entries[at].isInUse && entries[at].key == key && now &- entries[at].seen <= Self.timeoutSeconds {
            flow.ipProtocol = entries[at].ipProtocol
            flow.remotePort = entries[at].sourcePort
            flow.localPort = entries[at].destinationPort
            return .pending
        }
        return .innerFragment
    }

    /// Remembers a first fragment; nothing happens for others.
    ///
    /// - Parameter flow: what was read of it, and found to be allowed; `remote` is the packet's source.
    mutating func note(_ fragment: InnerFragment, _ flow: Flow, _ proof: AuthenticationProof) {
        guard fragment.isFirst else { return }
        let key = Self.key(fragment, flow)
        let first = bucket(of: key)
        var place = first
        for at in first..<first + Self.entriesPerBucket {
            // The same identification again is another datagram: it takes the place of the one before.
            if !entries[at].isInUse || entries[at].key == key {
                place = at
                break
            }
            if now &- entries[at].seen > now &- entries[place].seen { place = at }
        }
        // The same key may stand behind an empty place: no two entries of one key are live.
        for at in first..<first + Self.entriesPerBucket where entries[at].key == key { entries[at].isInUse = false }
        entries[place] = Entry(
            key: key, isInUse: true, ipProtocol: flow.ipProtocol, sourcePort: flow.remotePort,
            destinationPort: flow.localPort, seen: now)
    }

    private func bucket(of key: DatagramKey) -> Int {
        let a = key.source.low ^ key.destination.high ^ UInt64(key.identification) << 32
        let b = key.destination.low.byteSwapped ^ key.source.high ^ UInt64(key.ipProtocol)
        return Int(truncatingIfNeeded: hash(a, b) & UInt64(Self.bucketCount - 1)) * Self.entriesPerBucket
    }

    private static func key(_ fragment: InnerFragment, _ flow: Flow) -> DatagramKey {
        DatagramKey(
            source: flow.remote, destination: flow.local, identification: fragment.identification,
            ipProtocol: flow.remote.isV4 ? flow.ipProtocol : IPProtocol.ipv6Fragment)
    }

    /// Entries in use, whether their time is over or not.
    var count: Int {
        var count = 0
        for at in 0..<entries.count where entries[at].isInUse { count += 1 }
        return count
    }
}
