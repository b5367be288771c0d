public import Associations

/// One change of what a target's shadow cache holds (docs/link.md).
public enum ShadowEntry: Sendable {
    /// All that is to be there follows, up to `complete`; what is there and is not said again goes then.
    case begin
    case complete
    /// Take this SA, or replace the one with the same SPI and direction.
    case install(SecurityAssociation)
    /// The router's relay does this SA for this target, which cannot (docs/relay.md); in place of one with the same SPI
    /// and direction.
    case relay(RelayedAssociation)
    /// Send under this outbound SA to another address.
    case relocate(Relocation)
    /// Forget the SA and wipe its key.
    case remove(SPI, Direction)
    /// How much this target may process under an SA.
    case allow(LifecountGrant)
    /// The peer is past this number of an inbound SA with ESN (docs/esn.md).
    case advance(SPI, UInt64)

    var isInstallation: Bool {
        if case .install = self { true } else { false }
    }

    var key: Key? {
        switch self {
        case .begin, .complete: nil
        case .install(let association): Key(spi: association.spi, direction: association.direction)
        case .relay(let relayed): Key(spi: relayed.spi, direction: relayed.direction)
        case .relocate(let relocation): Key(spi: relocation.spi, direction: .outbound)
        case .remove(let spi, let direction): Key(spi: spi, direction: direction)
        case .allow(let grant): Key(spi: grant.spi, direction: grant.direction)
        case .advance(let spi, _): Key(spi: spi, direction: .inbound)
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

/// How one SA is at one target.
public enum ShadowState: Sendable, Hashable, CustomStringConvertible {
    case distributed
    /// On its way, or the target is not there.
    case notDistributed
    /// The target cannot do it: the router's relay does the IPsec, and both know.
    case usedAtRouter
    case refused(ShadowRefusal)

    public var description: String {
        switch self {
        case .distributed: "distributed"
        case .notDistributed: "not distributed"
        case .usedAtRouter: "not distributed, used at the router"
        case .refused(let reason): "refused: \(reason)"
        }
    }
}

/// Why a target does not hold an SA. The raw value is the one on the link.
public enum ShadowRefusal: UInt8, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    case tableFull = 1
    case selectorsDoNotFit = 2
    case windowTooWide = 3
    /// Something in the entry that this build does not know.
    case unreadable = 4

    public var description: String {
        switch self {
        case .tableFull: "its table of SAs is full"
        case .selectorsDoNotFit: "its table of selectors is full"
        case .windowTooWide: "it cannot keep so wide a replay window"
        case .unreadable: "it cannot read the entry: another version?"
        }
    }
}
