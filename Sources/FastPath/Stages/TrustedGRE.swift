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
        guard let outer = read(frame) else { return .truncated }
        guard senders.contains(outer.source) else { return stranger }
        guard let gre = GREHeader(reading: frame, at: outer.byteCount) else { return .truncated }
        inner = outer.byteCount + GREHeader.byteCount
        guard outer.ipProtocol == IPProtocol.gre, gre.flagsAndVersion == GREHeader.keyOnly, frame.byteCount > inner,
            gre.type == IPHeader.etherType(ofFirst: frame.byte(at: inner)).rawValue
        else { return .malformedGRE }
        guard Epoch(rawValue: gre.key) >= epoch else { return .staleEpoch }
        return .pending
    }

    /// Either version; members put no extension headers there (RFC 7676 §3.1 asks for none).
    @inline(__always)
    private static func read(_ frame: RawSpan) -> (source: IPAddress, byteCount: Int, ipProtocol: UInt8)? {
        if let outer = IPv4Header(reading: frame), outer.version == 4, outer.byteCount >= IPv4Header.minimumByteCount {
            return (outer.source, outer.byteCount, outer.ipProtocol)
        }
        guard let outer = IPv6Header(reading: frame), outer.version == 6, !outer.source.isV4 else { return nil }
        return (outer.source, IPv6Header.byteCount, outer.nextHeader)
    }
}
