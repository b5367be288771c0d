internal import Wire

/// The proof of an identity (RFC 7296 §3.8), for method 14 as RFC 7427 §3 has it.
///
/// ```
///  +---------------+-----------------------------------------------+
///  | Auth Method   |                RESERVED                       |
///  +---------------+-----------------------------------------------+
///  |                      Authentication Data                      |
///  +---------------------------------------------------------------+
///                                      of method 14:
///  +---------------+-----------------------------------------------+
///  | ASN.1 Length  |   AlgorithmIdentifier in DER, then signature  |
///  +---------------+-----------------------------------------------+
/// ```
public struct AuthenticationPayload: Hashable, Sendable {
    static let headerByteCount = 4

    public let method: AuthenticationMethod
    /// The DER of an AlgorithmIdentifier, not looked into; empty unless the method is `digitalSignature`.
    public let algorithmIdentifier: [UInt8]
    /// The signature, or the shared key's code.
    public let data: [UInt8]

    /// Traps when `method` is `digitalSignature`, which has an algorithm as well.
    public init(_ method: AuthenticationMethod, data: [UInt8]) {
        precondition(method != .digitalSignature)
        self.method = method
        algorithmIdentifier = []
        self.data = data
    }

    /// Method 14. Traps when the identifier is empty or longer than 255 bytes.
    public init(digitalSignature: [UInt8], algorithmIdentifier: [UInt8]) {
        precondition((1...255).contains(algorithmIdentifier.count))
        method = .digitalSignature
        self.algorithmIdentifier = algorithmIdentifier
        data = digitalSignature
    }

    /// With the whole of an Authentication Data field, as NO_PPK_AUTH carries it too (RFC 8784 §5.2); nil when method 14's
    /// identifier does not fit in it.
    init?(_ method: AuthenticationMethod, wholeData: [UInt8]) {
        guard method == .digitalSignature else {
            self.init(method, data: wholeData)
            return
        }
        guard let count = wholeData.first.map(Int.init), count > 0, wholeData.count > count else { return nil }
        self.init(
            digitalSignature: Array(wholeData[(1 + count)...]), algorithmIdentifier: Array(wholeData[1...count]))
    }

    /// What stands in the Authentication Data field.
    var wholeData: [UInt8] {
        method == .digitalSignature ? [UInt8(algorithmIdentifier.count)] + algorithmIdentifier + data : data
    }

    public init(reading body: RawSpan) throws(IKEMessageFault) {
        guard body.byteCount >= Self.headerByteCount else { throw .truncatedPayload(.authentication) }
        method = AuthenticationMethod(rawValue: body.byte(at: 0))
        guard method == .digitalSignature else {
            algorithmIdentifier = []
            data = body.bytes(from: Self.headerByteCount)
            return
        }
        guard body.byteCount > Self.headerByteCount else { throw .truncatedPayload(.authentication) }
        let start = Self.headerByteCount + 1
        let end = start + Int(body.byte(at: Self.headerByteCount))
        guard start < end, end <= body.byteCount else { throw .truncatedPayload(.authentication) }
        algorithmIdentifier = body.bytes(in: start..<end)
        data = body.bytes(from: end)
    }

    public func write(to bytes: inout [UInt8]) {
        bytes += [method.rawValue, 0, 0, 0] + wholeData
    }
}
