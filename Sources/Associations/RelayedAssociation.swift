/// What a target is told of an SA that it cannot do and the router does in its place (docs/relay.md): which packets may
/// come from the router in clear, or go to it in clear. No key is in it.
public struct RelayedAssociation: Sendable, Hashable {
    public var spi: SPI
    public var direction: Direction
    public var selectors: TrafficSelectors

    public init(spi: SPI, direction: Direction, selectors: TrafficSelectors) {
        self.spi = spi
        self.direction = direction
        self.selectors = selectors
    }
}
