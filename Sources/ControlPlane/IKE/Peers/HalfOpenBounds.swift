internal import Wire

/// How many IKE SAs may be half open: begun by a peer that has not shown who it is.
public struct HalfOpenLimits: Sendable, Hashable {
    /// From so many on a cookie is asked for (RFC 7296 §2.6); 0 for always.
    public var cookieThreshold = 100
    /// In all. Beyond it requests are ignored; a peer asks again.
    public var maximum = 1000
    /// Of one address: behind a cookie an address is a real one.
    public var maximumPerAddress = 10

    public init() {}
}

/// Counts them.
struct HalfOpenBounds: Sendable {
    let limits: HalfOpenLimits
    private(set) var count = 0
    private var perAddress: [IPAddress: Int] = [:]

    init(_ limits: HalfOpenLimits) { self.limits = limits }

    /// nil when one more is allowed.
    func refusal(of address: IPAddress) -> PeerSessions.Event? {
        if count >= limits.maximum { return .tooManyHalfOpen }
        if perAddress[address, default: 0] >= limits.maximumPerAddress { return .tooManyHalfOpenOfAddress }
        return nil
    }

    mutating func begin(_ address: IPAddress) {
        count += 1
        perAddress[address, default: 0] += 1
    }

    mutating func end(_ address: IPAddress) {
        count -= 1
        let left = perAddress[address, default: 0] - 1
        precondition(count >= 0 && left >= 0)
        perAddress[address] = left == 0 ? nil : left
    }
}
