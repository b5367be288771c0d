/// All limits of the link on one page.
public enum LinkBounds {
    /// Messages of one connection that have come and were not taken; then nothing more is read from it.
    public static let incomingMessages = 256
    /// Messages of one connection that wait to be written.
    public static let outgoingMessages = 65_536
    /// Bytes of one connection that wait to be written.
    public static let outgoingBytes = 64 << 20
    /// Bytes of one message; a longer one ends its connection.
    public static let messageBytes = 4 << 20
    /// Entries of one message.
    public static let entriesPerMessage = 1024
    /// Of each list in a report.
    public static let reportedItems = 16_384
    /// Bytes of a name or a text in a message.
    public static let textBytes = 1024
    /// Connections to a server, those without a name yet among them.
    public static let connections = 512
    /// Seconds from accepting a connection to its hello.
    public static let silence: Int64 = 5
    /// Seconds in which what was queued before `close` may still be written.
    public static let closing: Int64 = 5
    /// Refused connections that wait to be taken for the log; more are counted only.
    public static let refusalsToTell = 64
}
