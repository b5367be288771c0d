public import Wire

/// Other outer addresses for the packets of an outbound SA whose peer has moved, or whose NAT has (RFC 4555 §3.5,
/// RFC 7296 §2.23). Key, numbers and selectors stay: to install the SA anew would begin its numbers a second time.
public struct Relocation: Sendable, Hashable {
    public var spi: SPI
    public var source: IPAddress
    public var destination: IPAddress
    /// nil for ESP by itself.
    public var udpEncapsulation: UDPEncapsulation?

    public init(spi: SPI, source: IPAddress, destination: IPAddress, udpEncapsulation: UDPEncapsulation?) {
        self.spi = spi
        self.source = source
        self.destination = destination
        self.udpEncapsulation = udpEncapsulation
    }
}
