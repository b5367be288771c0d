public import Wire

/// What an operator allows of MOBIKE (RFC 4555): an initiator that goes to another address and takes its SAs along.
public struct MobilityPolicy: Sendable {
    /// Whether an initiator must show that it is at its new address before our traffic goes there (RFC 4555 §3.7).
    public var checksRoutability = true
    /// Whether a NAT on the new way is refused, by NO_NATS_ALLOWED (RFC 4555 §3.9).
    public var forbidsNAT = false
    /// Where an initiator may be; nil for anywhere.
    public var allowed: [AddressRange]?

    public init() {}

    func allows(_ address: IPAddress) -> Bool {
        guard let allowed else { return true }
        return allowed.contains { $0.first.isV4 == address.isV4 && $0.first <= address && address <= $0.last }
    }
}

/// NO_NATS_ALLOWED's data (RFC 4555 §4.2.5): source and destination addresses, then both ports, as the sender has them.
enum UntranslatedPath {
    static func data(_ path: Path) -> [UInt8] {
        var data = path.local.address.bytes + path.remote.address.bytes
        data.append(bigEndian: path.local.port)
        data.append(bigEndian: path.remote.port)
        return data
    }

    /// Whether a message that said this came over `path` as it was sent.
    static func matches(_ data: [UInt8], _ path: Path) -> Bool {
        data == Self.data(Path(local: path.remote, remote: path.local))
    }
}
