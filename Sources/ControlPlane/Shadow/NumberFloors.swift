internal import Associations

/// How far the numbers of inbound SAs with ESN are, for targets, which see a part of the packets only and infer the upper half
/// of a number from the highest that they know (docs/esn.md). A machine without I/O.
///
///     target's window          floor                          router's window
///     ------|------------------|<--------- 2^30 --------->|...|------------------> numbers
///                              told when the router is 2^31 beyond the last one
struct NumberFloors: Sendable {
    /// A floor lies so far below what the router has accepted: whatever is still on its way to a target lies above it.
    static let depth: UInt64 = 1 << 30
    /// So far beyond the last floor the next one is told: half of what the lower 32 bits tell apart is left for the way.
    static let stride: UInt64 = 1 << 31

    private var told: [SPI: UInt64] = [:]

    /// What the router's packet path has accepted. Returns the floors to be told.
    mutating func received(_ usage: [AssociationUsage]) -> [(SPI, UInt64)] {
        var floors: [(SPI, UInt64)] = []
        for part in usage where part.direction == .inbound && part.highest >= told[part.spi, default: 0] + Self.stride {
            let floor = part.highest - Self.depth
            told[part.spi] = floor
            floors.append((part.spi, floor))
        }
        return floors
    }

    /// The SA is gone.
    mutating func forget(_ spi: SPI) { told[spi] = nil }
}
