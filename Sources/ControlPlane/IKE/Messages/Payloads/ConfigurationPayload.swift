internal import Wire

/// Addresses and the like, asked for or given (RFC 7296 §3.15).
///
/// ```
///  +---------------+-----------------------------------------------+
///  |   CFG Type    |                    RESERVED                   |
///  +---------------+-----------------------------------------------+
///  +-+-----------------------------+-------------------------------+
///  |R|      Attribute Type         |            Length             |  and so on,
///  +-+-----------------------------+-------------------------------+
///  |                             Value                             |
///  +---------------------------------------------------------------+
/// ```
public struct ConfigurationPayload: Hashable, Sendable {
    static let headerByteCount = 4

    public struct Attribute: Hashable, Sendable {
        static let headerByteCount = 4
        static let typeMask: UInt16 = 0x7FFF

        public var type: ConfigurationAttributeType
        /// Empty in a request that leaves the choice.
        public var value: [UInt8]

        public init(_ type: ConfigurationAttributeType, value: [UInt8] = []) {
            self.type = type
            self.value = value
        }
    }

    public var type: ConfigurationType
    public var attributes: [Attribute]

    /// Traps when there are more than `MessageBounds.configurationAttributes`.
    public init(_ type: ConfigurationType, _ attributes: [Attribute]) {
        precondition(attributes.count <= MessageBounds.configurationAttributes)
        self.type = type
        self.attributes = attributes
    }

    public init(reading body: RawSpan) throws(IKEMessageFault) {
        guard body.byteCount >= Self.headerByteCount else { throw .truncatedPayload(.configuration) }
        type = ConfigurationType(rawValue: body.byte(at: 0))
        attributes = []
        var start = Self.headerByteCount
        while start < body.byteCount {
            guard attributes.count < MessageBounds.configurationAttributes else { throw .tooMany(.configuration) }
            let valueStart = start + Attribute.headerByteCount
            guard valueStart <= body.byteCount else { throw .truncatedPayload(.configuration) }
            let end = valueStart + Int(body.bigEndian16(at: start + 2))
            guard end <= body.byteCount else { throw .truncatedPayload(.configuration) }
            let type = ConfigurationAttributeType(rawValue: body.bigEndian16(at: start) & Attribute.typeMask)
            attributes.append(Attribute(type, value: body.bytes(in: valueStart..<end)))
            start = end
        }
    }

    /// Traps when an attribute's type does not fit in 15 bits, or its length in 16.
    public func write(to bytes: inout [UInt8]) {
        bytes += [type.rawValue, 0, 0, 0]
        for attribute in attributes {
            precondition(attribute.type.rawValue <= Attribute.typeMask)
            bytes.append(bigEndian: attribute.type.rawValue)
            bytes.append(bigEndian: UInt16(attribute.value.count))
            bytes += attribute.value
        }
    }
}
