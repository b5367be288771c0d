internal import Wire

extension Proposal {
    /// One algorithm (RFC 7296 §3.3.2).
    ///
    /// ```
    ///  +---------------+---------------+-------------------------------+
    ///  | 0 last, 3 more|   RESERVED    |        Transform Length       |
    ///  +---------------+---------------+-------------------------------+
    ///  |Transform Type |   RESERVED    |          Transform ID         |
    ///  +---------------+---------------+-------------------------------+
    ///  |                      Transform Attributes                     |
    ///  +---------------------------------------------------------------+
    /// ```
    public struct Transform: Hashable, Sendable {
        static let moreMark: UInt8 = 3
        enum Offset { static let type = 4, id = 6, attributes = 8 }

        public var type: TransformType
        public var id: UInt16
        /// As they came, in their order.
        public var attributes: [TransformAttribute]

        public init(_ type: TransformType, id: UInt16, attributes: [TransformAttribute] = []) {
            self.type = type
            self.id = id
            self.attributes = attributes
        }

        /// `bytes` is the whole substructure.
        init(reading bytes: RawSpan) throws(IKEMessageFault) {
            type = TransformType(rawValue: bytes.byte(at: Offset.type))
            id = bytes.bigEndian16(at: Offset.id)
            attributes = []
            var start = Offset.attributes
            while start < bytes.byteCount {
                guard attributes.count < MessageBounds.transformAttributes else { throw .tooMany(.securityAssociation) }
                let attribute = try TransformAttribute(reading: bytes, at: &start)
                if attribute.isKeyLength, attributes.contains(where: \.isKeyLength) { throw .repeatedKeyLength }
                attributes.append(attribute)
            }
        }

        func write(to bytes: inout [UInt8], isLast: Bool) {
            let start = bytes.count
            bytes += [isLast ? 0 : Self.moreMark, 0, 0, 0, type.rawValue, 0]
            bytes.append(bigEndian: id)
            for attribute in attributes { attribute.write(to: &bytes) }
            bytes.storeLength(at: start + Substructures.Offset.length, countedFrom: start)
        }
    }
}

extension Proposal.Transform {
    public static func encryption(_ id: EncryptionID, keyBits: UInt16? = nil) -> Self {
        Self(.encryption, id: id.rawValue, attributes: keyBits.map { [.keyLength(bits: $0)] } ?? [])
    }
    public static func pseudorandomFunction(_ id: PseudorandomFunctionID) -> Self {
        Self(.pseudorandomFunction, id: id.rawValue)
    }
    public static func integrity(_ id: IntegrityID) -> Self { Self(.integrity, id: id.rawValue) }
    public static func keyExchange(_ id: KeyExchangeID) -> Self { Self(.keyExchange, id: id.rawValue) }
    /// `round` is 1 to 7 (RFC 9370 §2.2.2); traps otherwise.
    public static func additionalKeyExchange(_ round: Int, _ id: KeyExchangeID) -> Self {
        Self(TransformType.additionalKeyExchanges[round - 1], id: id.rawValue)
    }
    public static func sequenceNumbers(_ id: SequenceNumbersID) -> Self { Self(.sequenceNumbers, id: id.rawValue) }

    /// nil of a transform of another type, as below.
    public var encryption: EncryptionID? { type == .encryption ? EncryptionID(rawValue: id) : nil }
    public var pseudorandomFunction: PseudorandomFunctionID? {
        type == .pseudorandomFunction ? PseudorandomFunctionID(rawValue: id) : nil
    }
    public var integrity: IntegrityID? { type == .integrity ? IntegrityID(rawValue: id) : nil }
    /// Of type 4 and of the additional ones.
    public var keyExchange: KeyExchangeID? { type.isKeyExchange ? KeyExchangeID(rawValue: id) : nil }
    public var sequenceNumbers: SequenceNumbersID? {
        type == .sequenceNumbers ? SequenceNumbersID(rawValue: id) : nil
    }

    /// Bits; nil when the algorithm has one length only and so no attribute (RFC 7296 §3.3.5).
    public var keyBits: UInt16? {
        for case .value(type: TransformAttribute.keyLengthType, let bits) in attributes { return bits }
        return nil
    }

    /// A transform with an attribute one does not understand must not be chosen (RFC 7296 §3.3.6).
    public var hasUnknownAttributes: Bool { attributes.contains { !$0.isKeyLength } }
}
