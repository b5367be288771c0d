internal import Wire

/// Where the ends of an established session are, and what they may do about it.
struct Mobility: Sendable {
    /// MOBIKE was agreed on (RFC 4555): the path changes when the initiator says so, and else never.
    var isAgreed: Bool
    /// Whether we began the first IKE SA: only that end moves (RFC 4555 §3.5), whoever rekeyed since.
    let isInitiator: Bool
    /// The peer is a client that goes where it is sent (RFC 5685).
    let takesRedirects: Bool
    /// Further addresses that the peer says it has; at most `maximumAddresses`.
    var peerAddresses: [IPAddress] = []
    /// What the peer's NAT_DETECTION_DESTINATION_IP last said of us; another one tells of another NAT mapping.
    var seenAs: [UInt8]?
    /// When the NAT before us wants to see something again; nil without one.
    var keepAliveAt: UInt64?

    static let maximumAddresses = 16

    init(isAgreed: Bool, isInitiator: Bool, takesRedirects: Bool = false) {
        self.takesRedirects = takesRedirects
        self.isAgreed = isAgreed
        self.isInitiator = isInitiator
    }

    /// The peer's ADDITIONAL_IP4_ADDRESS, ADDITIONAL_IP6_ADDRESS and NO_ADDITIONAL_ADDRESSES: all of them take the place
    /// of all before (RFC 4555 §3.6).
    mutating func noteAddresses(_ payloads: [IKEPayload]) {
        let told = payloads.notifications.filter {
            [.additionalIPv4Address, .additionalIPv6Address, .noAdditionalAddresses].contains($0.type)
        }
        guard !told.isEmpty else { return }
        peerAddresses = Array(told.compactMap(\.additionalAddress).prefix(Self.maximumAddresses))
    }
}

extension NotifyPayload {
    /// nil of another type, for data of another length, and for an IPv4 address in the form of an IPv6 one.
    var additionalAddress: IPAddress? {
        func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        switch (type, data.count) {
        case (.additionalIPv4Address, 4): return IPAddress(v4: UInt32(number(data[...])))
        case (.additionalIPv6Address, 16):
            let address = IPAddress(high: number(data[..<8]), low: number(data[8...]))
            return address.isV4 ? nil : address
        default: return nil
        }
    }
}
