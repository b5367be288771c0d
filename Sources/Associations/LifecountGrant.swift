/// How much one packet path may process under an SA: totals since it got the SA, as in `AssociationUsage`, so that the same
/// grant said twice is one grant (docs/lifecounts.md). The packet that would pass an end is refused.
public struct LifecountGrant: Sendable, Hashable {
    public var spi: SPI
    public var direction: Direction
    /// Bytes from ESP header to ICV; `.max` for no end.
    public var bytes: UInt64
    /// `.max` for no end.
    public var packets: UInt64

    public init(spi: SPI, direction: Direction, bytes: UInt64 = .max, packets: UInt64 = .max) {
        self.spi = spi
        self.direction = direction
        self.bytes = bytes
        self.packets = packets
    }
}
