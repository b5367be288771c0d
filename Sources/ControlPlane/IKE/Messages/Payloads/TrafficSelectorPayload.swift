internal import Wire

/// TSi or TSr (RFC 7296 §3.13).
///
/// ```
///  +---------------+-----------------------------------------------+
///  | Number of TSs |                 RESERVED                      |
///  +---------------+-----------------------------------------------+
///  |                       <Traffic Selectors>                     |
///  +---------------------------------------------------------------+
/// ```
public struct TrafficSelectorPayload: Hashable, Sendable {
    static let headerByteCount = 4

    /// In the sender's order: the first ones may be the packet that made it ask (RFC 7296 §2.9).
    public let selectors: [TrafficSelector]
    /// Those of types unknown here, behind the others; they select nothing.
    public let unknown: [UnknownTrafficSelector]

    /// Traps unless there are 1 to `MessageBounds.trafficSelectors` in all.
    public init(_ selectors: [TrafficSelector], unknown: [UnknownTrafficSelector] = []) {
        precondition((1...MessageBounds.trafficSelectors).contains(selectors.count + unknown.count))
        self.selectors = selectors
        self.unknown = unknown
    }

    public init(reading body: RawSpan, _ payload: PayloadType) throws(IKEMessageFault) {
        guard body.byteCount >= Self.headerByteCount else { throw .truncatedPayload(payload) }
        let count = Int(body.byte(at: 0))
        guard count <= MessageBounds.trafficSelectors else { throw .tooMany(payload) }
        var selectors: [TrafficSelector] = []
        var unknown: [UnknownTrafficSelector] = []
        var start = Self.headerByteCount
        for _ in 0..<count {
            guard body.byteCount - start >= TrafficSelector.headerByteCount else { throw .truncatedPayload(payload) }
            let length = Int(body.bigEndian16(at: start + TrafficSelector.Offset.length))
            guard length >= TrafficSelector.headerByteCount else { throw .selectorLength(length) }
            guard length <= body.byteCount - start else { throw .truncatedPayload(payload) }
            let substructure = body.extracting(start..<start + length)
            if let family = TrafficSelector.Family(rawValue: body.byte(at: start)) {
                selectors.append(try TrafficSelector(reading: substructure, family))
            } else {
                unknown.append(UnknownTrafficSelector(reading: substructure))
            }
            start += length
        }
        guard count > 0, start == body.byteCount else { throw .wrongCount(payload) }
        self.selectors = selectors
        self.unknown = unknown
    }

    public func write(to bytes: inout [UInt8]) {
        bytes += [UInt8(selectors.count + unknown.count), 0, 0, 0]
        for selector in selectors { selector.write(to: &bytes) }
        for selector in unknown { selector.write(to: &bytes) }
    }
}

/// A traffic selector of another type than the two for addresses, kept as it came: type, protocol, and what follows the
/// length.
public struct UnknownTrafficSelector: Hashable, Sendable {
    public let type: UInt8
    public let ipProtocol: UInt8
    public let data: [UInt8]

    /// Traps when the type is one that `TrafficSelector` reads.
    public init(type: UInt8, ipProtocol: UInt8, data: [UInt8]) {
        precondition(TrafficSelector.Family(rawValue: type) == nil)
        self.type = type
        self.ipProtocol = ipProtocol
        self.data = data
    }

    /// `bytes` is the whole substructure.
    init(reading bytes: RawSpan) {
        self.init(
            type: bytes.byte(at: 0), ipProtocol: bytes.byte(at: 1),
            data: bytes.bytes(from: TrafficSelector.headerByteCount))
    }

    func write(to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes += [type, ipProtocol, 0, 0]
        bytes += data
        bytes.storeLength(at: start + TrafficSelector.Offset.length, countedFrom: start)
    }
}
