internal import Wire

/// RFC 7296 §3.3.5. The first bit tells the two forms apart.
///
/// ```
///  +-+-----------------------------+-------------------------------+
///  |1|      Attribute Type         |       Attribute Value         |  value
///  +-+-----------------------------+-------------------------------+
///  |0|      Attribute Type         |       Attribute Length        |  bytes
///  +-+-----------------------------+-------------------------------+
///  |                   Attribute Value ...                         |
///  +---------------------------------------------------------------+
/// ```
public enum TransformAttribute: Hashable, Sendable {
    case value(type: UInt16, UInt16)
    case bytes(type: UInt16, [UInt8])

    static let keyLengthType: UInt16 = 14
    static let headerByteCount = 4
    private static let valueForm: UInt16 = 0x8000

    public static func keyLength(bits: UInt16) -> Self { .value(type: keyLengthType, bits) }

    /// The only one there is. It never comes in the long form.
    var isKeyLength: Bool {
        if case .value(type: Self.keyLengthType, _) = self { true } else { false }
    }

    /// Reads the one at `start` and moves `start` behind it.
    init(reading bytes: RawSpan, at start: inout Int) throws(IKEMessageFault) {
        guard bytes.byteCount - start >= Self.headerByteCount else { throw .truncatedPayload(.securityAssociation) }
        let type = bytes.bigEndian16(at: start)
        let number = bytes.bigEndian16(at: start + 2)
        start += Self.headerByteCount
        if type & Self.valueForm != 0 {
            self = .value(type: type & ~Self.valueForm, number)
        } else {
            guard bytes.byteCount - start >= Int(number) else { throw .truncatedPayload(.securityAssociation) }
            self = .bytes(type: type, bytes.bytes(in: start..<start + Int(number)))
            start += Int(number)
        }
    }

    /// Traps when the type does not fit in 15 bits, or the length in 16.
    func write(to bytes: inout [UInt8]) {
        switch self {
        case .value(let type, let number):
            precondition(type < Self.valueForm)
            bytes.append(bigEndian: type | Self.valueForm)
            bytes.append(bigEndian: number)
        case .bytes(let type, let data):
            precondition(type < Self.valueForm)
            bytes.append(bigEndian: type)
            bytes.append(bigEndian: UInt16(data.count))
            bytes += data
        }
    }
}
