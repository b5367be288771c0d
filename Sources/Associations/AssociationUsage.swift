/// What one packet path has done under one SA since it got it: the lifecount's part (RFC 4301 §4.4.2.1). Only grows.
public struct AssociationUsage: Sendable, Hashable {
    public var spi: SPI
    public var direction: Direction
    public var packets: UInt64
    /// ESP header to ICV.
    public var bytes: UInt64
    /// Of an inbound SA with ESN the highest number accepted; else 0.
    public var highest: UInt64

    public init(spi: SPI, direction: Direction, packets: UInt64, bytes: UInt64, highest: UInt64 = 0) {
        self.spi = spi
        self.direction = direction
        self.packets = packets
        self.bytes = bytes
        self.highest = highest
    }
}
