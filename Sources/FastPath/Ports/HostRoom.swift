/// Room around a packet in the frames of a target or an endpoint, whose packets begin at the IP header.
public enum HostRoom {
    /// Bytes in front, for what goes around the packet: IPv4 or IPv6, UDP (RFC 3948), ESP and its IV.
    public static let front = 128
    /// Bytes behind, for ESP's padding, trailer and ICV, and `Tailroom`.
    public static let back = 96
}
