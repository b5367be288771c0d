internal import Wire

/// The addresses that are ours, for ports that must look by themselves: an open-addressing table of addresses that neither
/// hashes with secrets nor allocates. As many as one of the XDP program's maps holds.
struct OwnedAddresses: ~Copyable {
    /// At most half full, so that a search ends soon. :: is an empty place: it is nobody's destination.
    private var places = Slab<IPAddress>(repeating: Self.nobody, count: 8192)
    private var count = 0

    private static let nobody = IPAddress(high: 0, low: 0)

    /// Where the search for an address begins: a multiplicative hash (the odd number is 2^64 over the golden ratio).
    @inline(__always)
    private func first(_ address: IPAddress) -> Int {
        Int(truncatingIfNeeded: ((address.low ^ address.high) &* 0x9E37_79B9_7F4A_7C15) >> 51)
    }

    @inline(__always)
    func contains(_ address: IPAddress) -> Bool {
        var place = first(address)
        while places[place] != Self.nobody {
            if places[place] == address { return true }
            place = (place + 1) & 8191
        }
        return false
    }

    mutating func insert(_ address: IPAddress) throws(PortFailure) {
        guard address != Self.nobody, address != IPAddress(v4: 0) else {
            throw PortFailure("\(address): no host has this address")
        }
        if contains(address) { return }
        guard count < SteeringProgram.ownedCapacity else {
            throw PortFailure(
                "\(address): \(SteeringProgram.ownedCapacity) addresses are owned, there is no room for more")
        }
        put(address)
        count += 1
    }

    private mutating func put(_ address: IPAddress) {
        var place = first(address)
        while places[place] != Self.nobody { place = (place + 1) & 8191 }
        places[place] = address
    }

    mutating func remove(_ address: IPAddress) {
        guard address != Self.nobody, contains(address) else { return }
        // A gap would end the search for others: all are put in again.
        var others: [IPAddress] = []
        for place in 0..<places.count where places[place] != Self.nobody {
            if places[place] != address { others.append(places[place]) }
            places[place] = Self.nobody
        }
        for other in others { put(other) }
        count = others.count
    }
}
