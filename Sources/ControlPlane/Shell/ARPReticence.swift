/// Keeps the kernel of a target from speaking for the DVIPA on its links. The address is a local one there, and Linux
/// answers for any local address on every interface, and puts it into its own requests, unless told otherwise: a
/// neighbour would then take the target for the DVIPA's owner.
///
/// The kernel follows the larger of an interface's own number and that of `all` (ip-sysctl, `arp_ignore` and
/// `arp_announce`), so that `all` is enough but for an interface set to 3 to 7 by hand.
public struct ARPReticence: Sendable, CustomStringConvertible {
    struct Change: Sendable, Hashable {
        var setting: NetworkSetting
        var before: Int
        var after: Int
    }

    private var changes: [Change] = []

    /// Answers only for the address of the link that the question came by (1), or less than that (2, 8). 3 would still
    /// answer for a DVIPA.
    private static let ignore = (setting: NetworkSetting("net.ipv4.conf.all.arp_ignore"), good: [1, 2, 8], value: 1)
    /// Asks in the name of the link's own address, always.
    private static let announce = (setting: NetworkSetting("net.ipv4.conf.all.arp_announce"), good: [2], value: 2)

    /// Sets what is not right yet. Call it before the DVIPA is put on any interface. What was set stays set when the
    /// second setting fails: it does no harm, and the host is about to end.
    public init() throws(SystemError) {
        for (setting, good, value) in [Self.ignore, Self.announce] {
            let before = try setting.value()
            if good.contains(before) { continue }
            try setting.set(value)
            changes.append(Change(setting: setting, before: before, after: value))
        }
    }

    /// Sets back what `init` set, unless somebody else has changed it since. Call it when the DVIPA is gone.
    public func undo() throws(SystemError) {
        for change in changes where try change.setting.value() == change.after {
            try change.setting.set(change.before)
        }
    }

    /// What was changed, or that nothing had to be.
    public var description: String {
        let said = changes.map { "\($0.setting) from \($0.before) to \($0.after)" }
        return said.isEmpty ? "ARP is quiet about the DVIPAs already" : "set " + said.joined(separator: ", ")
    }
}
