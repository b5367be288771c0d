public import Wire

/// A verified packet of a peer behind a NAT that came from elsewhere than the ones before it, and whose number is the newest
/// (docs/nat.md).
public struct PeerSighting: Sendable, Hashable {
    /// Of the inbound SA.
    public var spi: SPI
    /// Of the packet: of two sightings the one with the higher number is the later one.
    public var number: UInt64
    public var address: IPAddress
    /// UDP port.
    public var port: UInt16

    public init(spi: SPI, number: UInt64, address: IPAddress, port: UInt16) {
        self.spi = spi
        self.number = number
        self.address = address
        self.port = port
    }
}
