internal import Associations
internal import Wire

/// GRE of another member on the trusted link: a router's to a target, a target's to the relay.
enum TrustedGRE {
    /// The key is not authentic, so a later epoch is let through but not believed: it changes nothing here.
    ///
    /// - Parameters:
    ///   - frame: from the outer IP header on.
    ///   - stranger: the verdict of what comes from nobody of `senders`.
    ///   - inner: the offset of what is inside, when the result is `.pending`.
    @inline(__always)
    static func read(
        _ frame: RawSpan, from senders: [IPAddress], orElse stranger: Verdict, epoch: Epoch, inner: inout Int
    ) -> Verdict {
        guard let outer = IPv4Header(reading: frame), outer.version == 4, outer.byteCount >= IPv4Header.minimumByteCount
        else { return .truncated }
        guard senders.contains(outer.source) else { return stranger }
        guard let gre = GREHeader(reading: frame, at: outer.byteCount) else { return .truncated }
        guard outer.ipProtocol == IPProtocol.gre, gre.flagsAndVersion == GREHeader.keyOnly,
            gre.type == EtherType.ipv4.rawValue
        else { return .malformedGRE }
        guard Epoch(rawValue: gre.key) >= epoch else { return .staleEpoch }
        inner = outer.byteCount + GREHeader.byteCount
        return .pending
    }
}
