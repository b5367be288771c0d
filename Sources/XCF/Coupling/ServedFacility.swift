public import ControlPlane

/// A coupling facility that a `LinkServer` serves beside the link, on the same port and by the same certificates
/// (docs/coupling.md).
public struct ServedFacility: Sendable {
    public var facility: any CouplingFacility
    /// Who may commit and hold leases, by the names in their certificates: the routers. Members who are not among them may
    /// list and watch.
    public var writers: Set<String>

    public init(_ facility: any CouplingFacility, writers: [String]) {
        self.facility = facility
        self.writers = Set(writers)
    }
}

/// All limits of the served facility on one page.
enum CouplingPages {
    /// Entries of one page.
    static let entries = 1000
    /// Bytes of a page's keys and values; the last entry may go beyond, and fits into a message still.
    static let bytes = 1 << 20
    /// Bytes of a failure's detail.
    static let detail = 1000
    /// Calls of one connection at a time, the link's own among them.
    static let calls = 64
}
