internal import Wire

/// The addresses that are ours, for ports that must look by themselves: an open-addressing table of IPv4 addresses
/// that neither hashes with secrets nor allocates. As many as the XDP program's map holds.
struct OwnedAddresses: ~Copyable {
    /// At most half full, so that a search ends soon. 0 is an empty place: 0.0.0.0 is nobody's destination.
    private var places = Slab<UInt32>(repeating: 0, count: 8192)
    private var count = 0

    /// Where the search for an address begins: a multiplicative hash (the odd number is 2^32 over the golden ratio).
    @inline(__always)
    private func first(_ v4: UInt32) -> Int { Int((v4 &* 0x9E37_79B1) >> 19) }

    /// `v4` is in host byte order.
    @inline(__always)
    func contains(_ v4: UInt32) -> Bool {
        var place = first(v4)
        while places[place] != 0 {
            if places[place] == v4 { return true }
            place = (place + 1) & 8191
        }
        return false
    }

    mutating func insert(_ address: IPAddress) throws(PortFailure) {
        guard address.isV4, address.v4 != 0 else { throw PortFailure("\(address): only IPv4 addresses can be owned") }
        if contains(address.v4) { return }
        guard count < SteeringProgram.ownedCapacity else {
            throw PortFailure(
                "\(address): \(SteeringProgram.ownedCapacity) addresses are owned, there is no room for more")
        }
        var place = first(address.v4)
        while places[place] != 0 { place = (place + 1) & 8191 }
        places[place] = address.v4
        count += 1
    }

    mutating func remove(_ address: IPAddress) {
        guard address.isV4, contains(address.v4) else { return }
        // A gap would end the search for others: all are put in again.
        var others: [UInt32] = []
        for place in 0..<places.count where places[place] != 0 {
            if places[place] != address.v4 { others.append(places[place]) }
            places[place] = 0
        }
        for v4 in others {
            var place = first(v4)
            while places[place] != 0 { place = (place + 1) & 8191 }
            places[place] = v4
        }
        count = others.count
    }
}
