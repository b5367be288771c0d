/// Keeps steps in the order in which they came while one of them waits for the coupling facility.
///
/// ```
///   install outbound, after 7      done = 6: waits
///   barrier                        waits behind it
///   remove inbound                 waits behind both
/// ```
struct PublicationOrder<Step: Sendable>: Sendable {
    private var waiting: ArraySlice<(step: Step, ticket: UInt64)> = []
    private var isCarryingOut = false

    init() {}

    /// true: it may be carried out at once. Otherwise it is kept for `next`. `ticket` 0 waits for nothing but its turn.
    mutating func mayPass(_ step: Step, after ticket: UInt64, done: UInt64) -> Bool {
        if waiting.isEmpty, ticket <= done { return true }
        waiting.append((step, ticket))
        return false
    }

    /// The next step that waits no more, to be carried out before `carriedOut` is called; nil while there is none, and
    /// while another one is under way, whose own effects come first.
    mutating func next(done: UInt64) -> Step? {
        guard !isCarryingOut, let first = waiting.first, first.ticket <= done else { return nil }
        waiting.removeFirst()
        isCarryingOut = true
        return first.step
    }

    mutating func carriedOut() { isCarryingOut = false }

    var count: Int { waiting.count }
}
