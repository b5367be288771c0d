internal import Wire

/// Algorithms for one SA: of each transform type any one of those named (RFC 7296 §3.3.1).
///
/// ```
///  +---------------+---------------+-------------------------------+
///  | 0 last, 2 more|   RESERVED    |        Proposal Length        |
///  +---------------+---------------+-------------------------------+
///  | Proposal Num  |  Protocol ID  |   SPI Size    | Num Transforms|
///  +---------------+---------------+-------------------------------+
///  |                       SPI (variable)                          |
///  +---------------------------------------------------------------+
///  |                         <Transforms>                          |
///  +---------------------------------------------------------------+
/// ```
public struct Proposal: Hashable, Sendable {
    static let moreMark: UInt8 = 2
    enum Offset { static let number = 4, protocolID = 5, spiByteCount = 6, transformCount = 7, spi = 8 }

    public var number: UInt8
    public var protocolID: ProtocolID
    /// Empty in IKE_SA_INIT; an `IKESPI` when an IKE SA is rekeyed; four bytes for ESP and AH.
    public var spi: [UInt8]
    public var transforms: [Transform]

    public init(number: UInt8, _ protocolID: ProtocolID, spi: [UInt8] = [], _ transforms: [Transform]) {
        self.number = number
        self.protocolID = protocolID
        self.spi = spi
        self.transforms = transforms
    }

    /// `bytes` is the whole substructure.
    init(reading bytes: RawSpan) throws(IKEMessageFault) {
        let spiEnd = Offset.spi + Int(bytes.byte(at: Offset.spiByteCount))
        guard spiEnd <= bytes.byteCount else { throw .truncatedPayload(.securityAssociation) }
        number = bytes.byte(at: Offset.number)
        protocolID = ProtocolID(rawValue: bytes.byte(at: Offset.protocolID))
        spi = bytes.bytes(in: Offset.spi..<spiEnd)
        guard protocolID.spiByteCounts?.contains(spi.count) ?? true else {
            throw .spiLength(.securityAssociation, protocolID, spi.count)
        }
        let substructures = bytes.extracting(spiEnd..<bytes.byteCount)
        let ranges = try Substructures.ranges(
            in: substructures, of: .securityAssociation, more: Transform.moreMark, atMost: MessageBounds.transforms)
        guard ranges.count == bytes.byte(at: Offset.transformCount) else { throw .wrongCount(.securityAssociation) }
        transforms = []
        for range in ranges { transforms.append(try Transform(reading: substructures.extracting(range))) }
    }

    /// Traps when there are more transforms than `MessageBounds.transforms`, or an SPI of more than 255 bytes.
    func write(to bytes: inout [UInt8], isLast: Bool) {
        precondition(transforms.count <= MessageBounds.transforms)
        let start = bytes.count
        bytes += [isLast ? 0 : Self.moreMark, 0, 0, 0]
        bytes += [number, protocolID.rawValue, UInt8(spi.count), UInt8(transforms.count)]
        bytes += spi
        for (index, transform) in transforms.enumerated() {
            transform.write(to: &bytes, isLast: index == transforms.count - 1)
        }
        bytes.storeLength(at: start + Substructures.Offset.length, countedFrom: start)
    }
}

extension ProtocolID {
    /// Bytes that an SPI of this protocol may have in a proposal (RFC 7296 §3.3.1); nil where nothing is known.
    var spiByteCounts: Set<Int>? {
        switch self {
        case .ike: [0, 8]
        case .ah, .esp: [4]
        default: nil
        }
    }
}
