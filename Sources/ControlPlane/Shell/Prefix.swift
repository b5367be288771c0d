public import Wire

/// An address and the number of its leading bits that count, as routes and rules have it.
public struct Prefix: Hashable, Sendable, CustomStringConvertible {
    /// The first address; the bits beyond `length` are 0.
    public let address: IPAddress
    public let length: UInt8

    /// A single address.
    public init(_ address: IPAddress) {
        self.address = address
        length = address.width
    }

    private init(bits: UInt128, length: Int, isV4: Bool) {
        address = IPAddress(high: UInt64(truncatingIfNeeded: bits >> 64), low: UInt64(truncatingIfNeeded: bits))
        self.length = UInt8(isV4 ? length - 96 : length)
    }

    public var description: String { "\(address)/\(length)" }

    /// The fewest prefixes that hold exactly the addresses of `range`, in order.
    public static func covering(_ range: AddressRange) -> [Prefix] {
        func bits(_ address: IPAddress) -> UInt128 { UInt128(address.high) << 64 | UInt128(address.low) }
        let isV4 = range.first.isV4
        let last = bits(range.last)
        var first = bits(range.first)
        var prefixes: [Prefix] = []
        while true {
            // As large as the first address is aligned and as the range is long.
            var host = isV4 ? min(first.trailingZeroBitCount, 32) : min(first.trailingZeroBitCount, 128)
            while host > 0 && last - first < mask(host) { host -= 1 }
            prefixes.append(Prefix(bits: first, length: 128 - host, isV4: isV4))
            guard last - first > mask(host) else { return prefixes }
            first += mask(host) + 1
        }
    }

    /// `count` ones.
    private static func mask(_ count: Int) -> UInt128 { count == 128 ? .max : (1 << UInt128(count)) - 1 }
}
