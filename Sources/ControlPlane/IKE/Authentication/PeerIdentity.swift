/// Who a peer may say to be.
public enum PeerIdentity: Sendable, Hashable {
    /// Anybody who can prove what he says.
    case any
    /// Type and data, byte for byte.
    case exact(IdentificationPayload)
    /// Every ID_FQDN with at least one label before this domain: `*.example` to operators, `example` here.
    case below(domain: String)

    public func allows(_ peer: IdentificationPayload) -> Bool {
        switch self {
        case .any: return true
        case .exact(let expected): return expected == peer
        case .below(let domain):
            guard peer.type == .fqdn else { return false }
            // Names are ASCII and their case says nothing (RFC 4343).
            let name = peer.data.map(Self.lowered)
            let end = [UInt8(ascii: ".")] + domain.utf8.map(Self.lowered)
            guard name.count > end.count, Array(name.suffix(end.count)) == end else { return false }
            let labels = name.dropLast(end.count).split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
            return labels.allSatisfy { !$0.isEmpty && !$0.contains(UInt8(ascii: "*")) && !$0.contains(0) }
        }
    }

    private static func lowered(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }

    /// What an initiator asks a responder to be (IDr); nil when that is open.
    var asked: IdentificationPayload? {
        if case .exact(let expected) = self { expected } else { nil }
    }
}

extension PeerIdentity: CustomStringConvertible {
    public var description: String {
        switch self {
        case .any: "anybody"
        case .exact(let expected): expected.words
        case .below(let domain): "*.\(domain)"
        }
    }
}
