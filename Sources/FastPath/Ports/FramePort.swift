/// Where a router's frames come from and go to. A port owns the frame memory; a frame belongs to the batch from
/// `receive` to `release`, and to the port otherwise.
public protocol FramePort: ~Copyable {
    /// The frames' home.
    var memory: FrameMemory { get }

    /// Appends what has arrived, up to the batch's room; never blocks. Each frame has at least `Headroom.byteCount`
    /// bytes in front of it and `Tailroom.byteCount` behind it that belong to it.
    mutating func receive(into batch: inout PacketBatch)

    /// Appends an empty frame for a packet that came from nowhere, its start behind the headroom; false when no frame is
    /// free now, or the batch is full. From then on it is as one that was received.
    mutating func lend(to batch: inout PacketBatch) -> Bool

    /// Hands the packets whose verdict steers to the trusted link. One that the link cannot take gets the verdict
    /// `transmitQueueFull` instead, which is why verdicts are counted only after this.
    mutating func transmit(_ batch: inout PacketBatch)

    /// Takes all frames back and empties the batch; those being sent come back by themselves once they are out.
    mutating func release(_ batch: inout PacketBatch)

    /// Sleeps until something arrives or `milliseconds` have passed.
    mutating func wait(milliseconds: Int32)

    /// What it is, for people: "AF_XDP, driver mode, copy" or "packet socket, TPACKET_V3".
    var summary: String { get }
}

/// What a frame must have in front of it: outer Ethernet, IPv4 or IPv6 and GRE with a key, less what is overwritten.
public enum Headroom { public static let byteCount = 64 }

/// What a frame must have behind it, for the length block that GHASH wants after the ciphertext
/// (`Stages/Authentication`): 12 bytes of padding and 16 of lengths, of which the ICV's own 16 are there anyhow.
public enum Tailroom { public static let byteCount = 16 }
