extension SessionPolicy {
    /// A limit that is foreseen, and one that is not passed.
    public struct Limit: Sendable, Hashable {
        /// From here on the SA is rekeyed.
        public var soft: UInt64
        /// Here it ends.
        public var hard: UInt64

        /// Traps unless `soft <= hard`.
        public init(soft: UInt64, hard: UInt64) {
            precondition(soft <= hard)
            self.soft = soft
            self.hard = hard
        }
    }

    /// How long SAs live, and what they may carry; nil for no limit. Durations in nanoseconds.
    ///
    /// Soft limits are drawn anew for each SA: of the session's initiator from the last tenth before the limit, of its
    /// responder from the second quarter of the way on to the hard one. So the initiator is almost always first, and
    /// rekeys that collide are rare.
    public struct Lifetimes: Sendable, Hashable {
        /// Of an IKE SA. At the hard limit the session is closed.
        public var ike: Limit?
        /// When the initiator's shell is told to authenticate anew, by another session. Rekeying does not put it off.
        public var reauthentication: UInt64?
        /// Of a Child SA, as all below. At a hard limit it is deleted at once.
        public var child: Limit?
        /// Bytes and packets in either direction, each of which has a key of its own.
        public var bytes: Limit?
        public var packets: Limit?
        /// The highest number sent. One whose hard end is `lastPlainNumber` is not for SAs with ESN.
        public var sequenceNumber: Limit?
        /// Whether a session's initiator makes a Child SA anew that ended at a hard limit.
        public var remakesChildren = true

        public init() {}

        /// What goes without saying: an IKE SA for four hours, a Child SA for one, or until three quarters of its sequence
        /// numbers are gone.
        public static let standard: Lifetimes = {
            let hour: UInt64 = 3_600_000_000_000
            var lifetimes = Lifetimes()
            lifetimes.ike = Limit(soft: 4 * hour, hard: 4 * hour + hour / 2)
            lifetimes.child = Limit(soft: hour, hard: hour + hour / 4)
            lifetimes.sequenceNumber = Limit(soft: 3 << 30, hard: lastPlainNumber)
            return lifetimes
        }()

        /// The last of 32 bits.
        static let lastPlainNumber: UInt64 = 0xFFFF_FFFF

        /// No limits.
        public static let unlimited = Lifetimes()
    }
}

/// What a Child SA has carried since it was made.
public struct ChildUsage: Sendable, Hashable {
    public var inboundBytes: UInt64 = 0
    public var outboundBytes: UInt64 = 0
    public var inboundPackets: UInt64 = 0
    public var outboundPackets: UInt64 = 0
    /// The highest outbound one that was given out, whether it was sent or not.
    public var sequenceNumber: UInt64 = 0

    public init() {}
}
