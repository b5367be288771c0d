internal import Associations
public import Wire

/// One entry of the peer authorization database (RFC 4301 §4.4.3): with whom, at which addresses, under which policy.
public struct Connection: Sendable {
    public var policy: SessionPolicy
    /// Where the peer may find us; nil for every address that we listen at.
    public var local: IPAddress?
    /// Where peers may be; nil for anywhere.
    public var remote: AddressRange?
    /// Whether we begin, and begin again when it is lost; then `local` and one remote address are needed.
    public var isInitiator: Bool
    /// Packets: our own window for what the peer sends. `policy.replayWindow` is the peer's, which leases must fit.
    public var ownReplayWindow: Int
    /// Whether each target may get a Child SA for itself (`PerTargetChildren`).
    public var perTarget = false

    public init(
        _ policy: SessionPolicy, local: IPAddress? = nil, remote: AddressRange? = nil, isInitiator: Bool = false,
        ownReplayWindow: Int = 128
    ) {
        self.policy = policy
        self.local = local
        self.remote = remote
        self.isInitiator = isInitiator
        self.ownReplayWindow = ownReplayWindow
        precondition(!isInitiator || canInitiate)
    }

    /// Whether it says whom to begin with, and where from.
    var canInitiate: Bool { local != nil && remote.map { $0.first == $0.last } == true }

    func covers(_ path: Path) -> Bool {
        (local ?? path.local.address) == path.local.address && remote?.contains(path.remote.address) != false
    }
}
