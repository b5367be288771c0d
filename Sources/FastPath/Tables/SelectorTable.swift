internal import Associations
internal import Wire

/// One conjunction of selector ranges (RFC 4301 §4.4.1.1). An SA has a chain of them and passes what one allows.
struct SelectorRecord: BitwiseCopyable {
    var remote: AddressRange
    var local: AddressRange
    var remotePortFirst: UInt16 = 0
    var remotePortLast: UInt16 = .max
    var localPortFirst: UInt16 = 0
    var localPortLast: UInt16 = .max
    /// 0...255, or -1 for any.
    var ipProtocol: Int16 = -1
    /// The next record of the same SA, or -1.
    var next: Int32 = -1

    @inline(__always)
    func allows(_ flow: Flow) -> Bool {
        Self.contains(remote, flow.remote) && Self.contains(local, flow.local)
            && (ipProtocol < 0 || ipProtocol == Int16(flow.ipProtocol))
            && flow.remotePort &- remotePortFirst <= remotePortLast &- remotePortFirst
            && flow.localPort &- localPortFirst <= localPortLast &- localPortFirst
    }

    /// As `AddressRange.contains`, with one comparison where all three share their upper half, as IPv4 addresses do.
    @inline(__always)
    private static func contains(_ range: AddressRange, _ address: IPAddress) -> Bool {
        if (range.first.high ^ address.high) | (range.last.high ^ address.high) == 0 {
            return address.low &- range.first.low <= range.last.low &- range.first.low
        }
        return range.contains(address)
    }
}

/// The selectors of all SAs of a table. Bounded: `install` says when there is no room.
struct SelectorTable: ~Copyable {
    private var records: Slab<SelectorRecord>
    private var firstFree: Int32
    private var freeCount: Int

    init(capacity: Int) {
        let nowhere = AddressRange(first: IPAddress(high: 0, low: 0), last: IPAddress(high: 0, low: 0))
        records = Slab(repeating: SelectorRecord(remote: nowhere, local: nowhere), count: capacity)
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
                            remote: remote, local: local,
                            remotePortFirst: remotePort.lowerBound, remotePortLast: remotePort.upperBound,
                            localPortFirst: localPort.lowerBound, localPortLast: localPort.upperBound,
                            ipProtocol: selectors.ipProtocol.map(Int16.init) ?? -1, next: head)
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
    }

    @inline(__always)
    var reader: Reader { Reader(records: records.view) }

    func allow(_ flow: Flow, head: Int32) -> Bool { reader.allow(flow, head: head) }
}
