internal import Wire

/// Our own addresses: a small table that says of an address whether it is ours and, if it is a DVIPA, which.
struct AddressTable: ~Copyable {
    struct Slot: BitwiseCopyable {
        var address: IPAddress
        /// DVIPA's index, `gateway`, or `empty`.
        var place: Int32
    }

    /// An address of ours that is no DVIPA.
    static let gateway: Int32 = -2
    /// Not ours.
    static let absent: Int32 = -1
    fileprivate static let empty: Int32 = -3

    private var slots: Slab<Slot>
    private let mask: Int
    private let shift: UInt64

    init(dvipas: [IPAddress], gateways: [IPAddress]) {
        var size = 8
        while size < (dvipas.count + gateways.count) * 4 { size *= 2 }
        slots = Slab(repeating: Slot(address: IPAddress(high: 0, low: 0), place: Self.empty), count: size)
        mask = size - 1
        shift = UInt64(64 - size.trailingZeroBitCount)
        for (index, dvipa) in dvipas.enumerated() { insert(dvipa, Int32(index)) }
        for gateway in gateways where find(gateway) == Self.absent { insert(gateway, Self.gateway) }
    }

    private mutating func insert(_ address: IPAddress, _ place: Int32) {
        var at = home(address)
        while slots[at].place != Self.empty { at = (at + 1) & mask }
        slots[at] = Slot(address: address, place: place)
    }

    private func home(_ address: IPAddress) -> Int { reader.home(address) }

    /// The table for the length of one loop.
    struct Reader: BitwiseCopyable {
        fileprivate let slots: SlabView<Slot>
        fileprivate let shift: UInt64
        /// The IPv4 address that was asked for last, and its place: packet upon packet asks for the same one. It begins with
        /// 0.0.0.0, which is nobody's (RFC 1122 §3.2.1.3).
        private var recent: UInt32 = 0
        private var recentPlace = AddressTable.absent

        @inline(__always)
        fileprivate init(slots: SlabView<Slot>, shift: UInt64) {
            self.slots = slots
            self.shift = shift
        }

        /// Fibonacci hashing: what is in the table is ours, so nobody can crowd one bucket.
        @inline(__always)
        fileprivate func home(_ address: IPAddress) -> Int {
            Int(truncatingIfNeeded: ((address.low ^ address.high) &* 0x9E37_79B9_7F4A_7C15) &>> shift)
        }

        /// The DVIPA's index, or `gateway`, or `absent`.
        @inline(__always)
        func find(_ address: IPAddress) -> Int32 {
            var at = home(address)
            while true {
                let slot = slots[at]
                if slot.place == AddressTable.empty { return AddressTable.absent }
                if slot.address == address { return slot.place }
                at = (at &+ 1) & (slots.count &- 1)
            }
        }

        /// As `find`, of an IPv4 address.
        @inline(__always)
        mutating func find(v4 address: UInt32) -> Int32 {
            if address != recent {
                recentPlace = find(IPAddress(v4: address))
                recent = address
            }
            return recentPlace
        }
    }

    @inline(__always)
    var reader: Reader { Reader(slots: slots.view, shift: shift) }

    func find(_ address: IPAddress) -> Int32 { reader.find(address) }
}
