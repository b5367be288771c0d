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
    private static let empty: Int32 = -3

    private var slots: Slab<Slot>
    private let mask: Int
    private let hash = TableHash()

    init(dvipas: [IPAddress], gateways: [IPAddress]) {
        var size = 8
        while size < (dvipas.count + gateways.count) * 4 { size *= 2 }
        slots = Slab(repeating: Slot(address: IPAddress(high: 0, low: 0), place: Self.empty), count: size)
        mask = size - 1
        for (index, dvipa) in dvipas.enumerated() { insert(dvipa, Int32(index)) }
        for gateway in gateways where find(gateway) == Self.absent { insert(gateway, Self.gateway) }
    }

    private mutating func insert(_ address: IPAddress, _ place: Int32) {
        var at = home(address)
        while slots[at].place != Self.empty { at = (at + 1) & mask }
        slots[at] = Slot(address: address, place: place)
    }

    @inline(__always)
    private func home(_ address: IPAddress) -> Int { Int(truncatingIfNeeded: hash(address.high, address.low)) & mask }

    /// The DVIPA's index, or `gateway`, or `absent`.
    @inline(__always)
    func find(_ address: IPAddress) -> Int32 {
        var at = home(address)
        while true {
            let slot = slots[at]
            if slot.place == Self.empty { return Self.absent }
            if slot.address == address { return slot.place }
            at = (at + 1) & mask
        }
    }
}
