/// SK (RFC 7296 §3.14): an IV, sealed payloads and a check value, whose lengths only the algorithm knows.
///
/// ```
///  +---------------------------------------------------------------+
///  |                     Initialization Vector                     |
///  +---------------------------------------------------------------+
///  ~                    Encrypted IKE Payloads                     ~
///  +               +-----------------------------------------------+
///  |               |             Padding (0-255 octets)            |
///  +---------------+-----------------------------------------------+
///  |                                               |  Pad Length   |
///  +-----------------------------------------------+---------------+
///  ~                    Integrity Checksum Data                    ~
///  +---------------------------------------------------------------+
/// ```
public struct EncryptedPayload: Hashable, Sendable {
    /// The type of the first payload inside; `none` when there is nothing inside.
    public var first: PayloadType
    /// All of the above, as it came or will go.
    public var sealed: [UInt8]

    public init(first: PayloadType, sealed: [UInt8]) {
        self.first = first
        self.sealed = sealed
    }
}
