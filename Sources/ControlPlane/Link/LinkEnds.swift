/// One connection of one end of the link, from its beginning to its end; never used twice by a process.
public struct LinkConnection: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public var description: String { "#\(rawValue)" }
}

/// The router's end of the XCF link, as the control thread sees it: nothing here waits.
public protocol RouterLink: Sendable {
    /// What has come since it was last asked, in order; for one caller.
    func takeEvents() -> [RouterLinkEvent]
    /// False when that connection's queue is full or it is over: end it, and the member comes back for everything.
    func send(_ message: RouterMessage, to connection: LinkConnection) -> Bool
    /// What was sent before still goes out.
    func close(_ connection: LinkConnection)
    /// By name, cumulative: what was refused, and why.
    var counts: [String: UInt64] { get }
    /// Ends all connections and waits until they are over.
    func stop()
}

public enum RouterLinkEvent: Sendable {
    /// A member whose certificate has its name; the newest connection is the one that counts.
    case joined(member: String, LinkConnection)
    case message(LinkConnection, MemberMessage)
    case left(LinkConnection, why: String)
    /// Somebody who was not let in: for the log.
    case turnedAway(String)
}

/// A target's end.
public protocol MemberLink: Sendable {
    func takeEvents() -> [MemberLinkEvent]
    /// False when the queue is full or there is no connection.
    func send(_ message: MemberMessage) -> Bool
    /// Ends this connection; another one is tried after a while.
    func disconnect()
    var counts: [String: UInt64] { get }
    func stop()
}

public enum MemberLinkEvent: Sendable {
    case connected
    case message(RouterMessage)
    /// An entry that could not be read, in its place between the others; its key where that can be seen.
    case unreadable(ShadowEntry.Key?)
    case disconnected(why: String)
}
