import Associations
import FastPath

/// One rule of a filter in a status file, in the order of the rules; the last, `default`, is for what none matched.
struct FilterStatus: Encodable {
    var rule: String
    var action: String
    /// That it decided on.
    var packets: UInt64

    init(_ tally: FilterTally) {
        rule = tally.rule
        action = tally.action.rawValue
        packets = tally.packets
    }
}
