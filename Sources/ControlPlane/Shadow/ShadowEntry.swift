public import Associations

/// One change of what a target's shadow cache holds (docs/shadow-link.md).
public enum ShadowEntry: Sendable {
    /// What was there before is void: all that is to be there follows.
    case begin
    /// Take this SA, or replace the one with the same SPI and direction.
    case install(SecurityAssociation)
    /// Send under this outbound SA to another address.
    case relocate(Relocation)
    /// Forget the SA and wipe its key.
    case remove(SPI, Direction)

    var key: Key? {
        switch self {
        case .begin: nil
        case .install(let association): Key(spi: association.spi, direction: association.direction)
        case .relocate(let relocation): Key(spi: relocation.spi, direction: .outbound)
        case .remove(let spi, let direction): Key(spi: spi, direction: direction)
        }
    }

    /// What an SA is known by.
    public struct Key: Hashable, Sendable {
        public var spi: SPI
        public var direction: Direction
        public init(spi: SPI, direction: Direction) {
            self.spi = spi
            self.direction = direction
        }
    }
}

/// The process at one end of a link: sixteen random bytes, drawn at its start, so that what was meant for an earlier
/// process of the same host is not taken for its successor's.
public struct Incarnation: Sendable, Hashable {
    static let byteCount = 16
    let bytes: [UInt8]

    public init(using random: inout some IKERandomness) { bytes = random.nonce(byteCount: Self.byteCount) }

    init(bytes: [UInt8]) {
        precondition(bytes.count == Self.byteCount)
        self.bytes = bytes
    }
}
