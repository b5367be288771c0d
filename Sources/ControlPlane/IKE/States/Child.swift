internal import Associations

/// A Child SA of a session.
struct Child: Sendable {
    let spis: ChildSPIs
    let selectors: TrafficSelectors
    let hasESN: Bool
    /// The one that takes its place, from when it is made until the DELETE of this one.
    var replacement: SPI?
    /// Whether our traffic goes through it, as far as the session said so.
    var isUsed: Bool

    /// nil until it is drawn.
    var lifetime: ChildLifetime?
    /// What the shell told last.
    var usage = ChildUsage()

    init(_ associations: ChildSecurityAssociations, isUsed: Bool) {
        spis = associations.spis
        selectors = associations.inbound.selectors
        hasESN = associations.outbound.hasESN
        self.isUsed = isUsed
    }
}

extension ChildSecurityAssociations {
    /// The names of both halves.
    public var spis: ChildSPIs { ChildSPIs(inbound: inbound.spi, outbound: outbound.spi) }
}
