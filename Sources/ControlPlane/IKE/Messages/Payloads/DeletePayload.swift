public import Associations
internal import Wire

/// SAs that the sender has closed (RFC 7296 §3.11).
///
/// ```
///  +---------------+---------------+-------------------------------+
///  | Protocol ID   |   SPI Size    |          Num of SPIs          |
///  +---------------+---------------+-------------------------------+
///  |               Security Parameter Index(es) (SPI)              |
///  +---------------------------------------------------------------+
/// ```
public enum DeletePayload: Hashable, Sendable {
    /// The IKE SA that the message belongs to, and with it all its Child SAs.
    case ikeSA
    /// Child SAs by the SPIs that the sender of this payload receives with.
    case esp([SPI])
    case ah([SPI])

    static let headerByteCount = 4

    public init(reading body: RawSpan) throws(IKEMessageFault) {
        guard body.byteCount >= Self.headerByteCount else { throw .truncatedPayload(.delete) }
        let protocolID = ProtocolID(rawValue: body.byte(at: 0))
        let spiByteCount = Int(body.byte(at: 1))
        let count = Int(body.bigEndian16(at: 2))
        guard [.ike, .esp, .ah].contains(protocolID) else { throw .unknownDeleteProtocol(protocolID) }
        guard spiByteCount == (protocolID == .ike ? 0 : 4) else {
            throw .spiLength(.delete, protocolID, spiByteCount)
        }
        guard body.byteCount - Self.headerByteCount == count * spiByteCount, protocolID != .ike || count == 0 else {
            throw .wrongCount(.delete)
        }
        guard count <= MessageBounds.deletedSPIs else { throw .tooMany(.delete) }
        var spis: [SPI] = []
        for index in 0..<count {
            spis.append(SPI(rawValue: body.bigEndian32(at: Self.headerByteCount + 4 * index)))
        }
        self =
            switch protocolID {
            case .esp: .esp(spis)
            case .ah: .ah(spis)
            default: .ikeSA
            }
    }

    /// Traps when there are more SPIs than `MessageBounds.deletedSPIs`.
    public func write(to bytes: inout [UInt8]) {
        let (protocolID, spis): (ProtocolID, [SPI]) =
            switch self {
            case .ikeSA: (.ike, [])
            case .esp(let spis): (.esp, spis)
            case .ah(let spis): (.ah, spis)
            }
        precondition(spis.count <= MessageBounds.deletedSPIs)
        bytes += [protocolID.rawValue, protocolID == .ike ? 0 : 4]
        bytes.append(bigEndian: UInt16(spis.count))
        for spi in spis { bytes.append(bigEndian: spi.rawValue) }
    }
}
