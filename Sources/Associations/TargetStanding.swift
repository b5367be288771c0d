/// What a router's packet path may send to a target.
public struct TargetStanding: Sendable, Hashable {
    public enum State: Sendable, Hashable {
        /// Its connections, and new ones by its weight.
        case serving
        /// Its connections, no new ones.
        case draining
        /// Nothing, but its connections keep their places: it is to come back as it was.
        case quiesced
        /// Nothing: its connections are forgotten, and what comes for them goes to another target, whose TCP answers it
        /// with a reset.
        case lost
    }

    public var state: State
    /// Its share of new connections beside the others'; 0 gets none while another target has more.
    public var weight: UInt16

    public init(state: State, weight: UInt16 = 1) {
        self.state = state
        self.weight = weight
    }
}
