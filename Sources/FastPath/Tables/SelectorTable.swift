internal import Associations
internal import Wire

/// One conjunction of selector ranges (RFC 4301 §4.4.1.1). An SA has a chain of them and passes what one allows.
struct SelectorRecord: BitwiseCopyable {
    /// The same ranges for IPv4 addresses, as first value and distance to the last: one subtraction and one comparison
    /// answers each question, and a packet reads half a cache line.
    private var remoteFirst: UInt32 = 0
    private var remoteSpan: UInt32 = 0
    private var localFirst: UInt32 = 0
    private var localSpan: UInt32 = 0
    private var remotePortFirst: UInt16 = 0
    private var remotePortSpan: UInt16 = .max
    private var localPortFirst: UInt16 = 0
    private var localPortSpan: UInt16 = .max
    /// 0...255, or -1 for any.
    private var ipProtocol: Int16 = -1
    private var isIPv4 = false
    /// The next record of the same SA (or the next free one), or -1.
    var next: Int32 = -1
    private var remote: AddressRange
    private var local: AddressRange

    init() {
        let nowhere = IPAddress(high: 0, low: 0)
        remote = AddressRange(first: nowhere, last: nowhere)
        local = remote
    }

    init(
        remote: AddressRange, local: AddressRange, remotePorts: ClosedRange<UInt16>, localPorts: ClosedRange<UInt16>,
        ipProtocol: UInt8?, next: Int32
    ) {
        self.remote = remote
        self.local = local
        remotePortFirst = remotePorts.lowerBound
        remotePortSpan = remotePorts.upperBound - remotePorts.lowerBound
        localPortFirst = localPorts.lowerBound
        localPortSpan = localPorts.upperBound - localPorts.lowerBound
        self.ipProtocol = ipProtocol.map(Int16.init) ?? -1
        self.next = next
        isIPv4 = remote.first.isV4 && local.first.isV4
        if isIPv4 {
            remoteFirst = remote.first.v4
            remoteSpan = remote.last.v4 - remote.first.v4
            localFirst = local.first.v4
            localSpan = local.last.v4 - local.first.v4
        }
    }

    @inline(__always)
    func allows(_ flow: Flow) -> Bool {
        // IPv4 addresses are kept within IPv6's: a range of all IPv6 addresses is still one of that family.
        isIPv4 == flow.local.isV4 && remote.contains(flow.remote) && local.contains(flow.local)
            && allowsPorts(flow.remotePort, flow.localPort, flow.ipProtocol)
    }

    /// As `allows`, of a packet between IPv4 addresses.
    @inline(__always)
    func allowsIPv4(_ flow: IPv4Flow) -> Bool {
        isIPv4 && flow.remote &- remoteFirst <= remoteSpan && flow.local &- localFirst <= localSpan
            && allowsPorts(flow.remotePort, flow.localPort, flow.ipProtocol)
    }

    @inline(__always)
    private func allowsPorts(_ remotePort: UInt16, _ localPort: UInt16, _ ipProtocol: UInt8) -> Bool {
        (self.ipProtocol < 0 || self.ipProtocol == Int16(ipProtocol))
            && remotePort &- remotePortFirst <= remotePortSpan && localPort &- localPortFirst <= localPortSpan
    }
}

/// The connection of an IPv4 packet, in registers.
struct IPv4Flow {
    var remote: UInt32
    var local: UInt32
    var remotePort: UInt16
    var localPort: UInt16
    var ipProtocol: UInt8
    var tcpFlags: UInt8

    /// As `Flow.reversed`.
    @inline(__always)
    var reversed: IPv4Flow {
        IPv4Flow(
            remote: local, local: remote, remotePort: localPort, localPort: remotePort, ipProtocol: ipProtocol,
            tcpFlags: tcpFlags)
    }
}

/// The selectors of all SAs of a table. Bounded: `install` says when there is no room.
struct SelectorTable: ~Copyable {
    private var records: Slab<SelectorRecord>
    private var firstFree: Int32
    private var freeCount: Int

    init(capacity: Int) {
        records = Slab(repeating: SelectorRecord(), count: capacity)
        for index in 0..<capacity { records[index].next = index + 1 < capacity ? Int32(index + 1) : -1 }
        firstFree = 0
        freeCount = capacity
    }

    /// Writes an SA's selectors as a chain; the index of its first record, or nil where there is no room.
    mutating func install(_ selectors: TrafficSelectors) -> Int32? {
        let anyPort: [ClosedRange<UInt16>] = [0...UInt16.max]
        let remotePorts = selectors.remotePorts.isEmpty ? anyPort : selectors.remotePorts
        let localPorts = selectors.localPorts.isEmpty ? anyPort : selectors.localPorts
        let needed = selectors.remote.count * selectors.local.count * remotePorts.count * localPorts.count
        guard needed > 0, needed <= freeCount else { return nil }
        var head: Int32 = -1
        for remote in selectors.remote {
            for local in selectors.local {
                for remotePort in remotePorts {
                    for localPort in localPorts {
                        let index = firstFree
                        firstFree = records[Int(index)].next
                        records[Int(index)] = SelectorRecord(
                            remote: remote, local: local, remotePorts: remotePort, localPorts: localPort,
                            ipProtocol: selectors.ipProtocol, next: head)
                        head = index
                    }
                }
            }
        }
        freeCount -= needed
        return head
    }

    mutating func remove(_ head: Int32) {
        var at = head
        while at >= 0 {
            let next = records[Int(at)].next
            records[Int(at)].next = firstFree
            firstFree = at
            freeCount += 1
            at = next
        }
    }

    /// The table for the length of one loop.
    struct Reader: BitwiseCopyable {
        fileprivate let records: SlabView<SelectorRecord>

        @inline(__always)
        func prefetch(_ head: Int32) { records.prefetch(Int(head)) }

        /// The tunnel check: whether the SA whose chain begins at `head` may carry `flow` (RFC 4301 §5.2 step 4).
        @inline(__always)
        func allow(_ flow: Flow, head: Int32) -> Bool {
            var at = head
            while at >= 0 {
                if records[Int(at)].allows(flow) { return true }
                at = records[Int(at)].next
            }
            return false
        }

        /// As `allow`, of a packet between IPv4 addresses.
        @inline(__always)
        func allowIPv4(_ flow: IPv4Flow, head: Int32) -> Bool {
            var at = head
            while at >= 0 {
                if records[Int(at)].allowsIPv4(flow) { return true }
                at = records[Int(at)].next
            }
            return false
        }
    }

    @inline(__always)
    var reader: Reader { Reader(records: records.view) }

    func allow(_ flow: Flow, head: Int32) -> Bool { reader.allow(flow, head: head) }
}
