/// How much of anything one message may hold. A real message has a tenth of it; more is a flood or a fault.
public enum MessageBounds {
    public static let payloads = 64
    public static let proposals = 32
    /// In one proposal.
    public static let transforms = 128
    /// In one transform.
    public static let transformAttributes = 8
    /// In one Traffic Selector payload.
    public static let trafficSelectors = 128
    /// Of an SA, on each side: what goes to the targets in one datagram, and into the packet path's tables. A longer offer
    /// is narrowed to the first of them (RFC 7296 §2.9).
    public static let narrowedSelectors = 16
    /// In one Delete payload.
    public static let deletedSPIs = 1024
    /// In one Configuration payload.
    public static let configurationAttributes = 128
    /// Of one message (RFC 7383); with the smallest fragments that RFC 7383 §2.5.1 has in mind still 64 KiB.
    public static let fragments = 128
    /// Bytes that the fragments of one message may hold, all together.
    public static let reassembledByteCount = 65_536
    /// Bytes of a nonce (RFC 7296 §3.9).
    public static let nonceByteCounts = 16...256
}
