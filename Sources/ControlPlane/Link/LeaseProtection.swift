/// How lease messages go over the trusted link.
public enum LeaseProtection: Sendable, Hashable {
    /// As they are. For SAs that stand in the configuration, in a cluster without an XCF link: nobody else reaches the
    /// trusted link then, and a holder is known by its address alone.
    case none
    /// In a `LeaseChannel` of each holder's connection; a holder without one is neither heard nor answered.
    case sealed
}
