/// As much of a parser as the recorded sessions need: a chain of payloads, by type, without their generic headers.
struct Payloads {
    enum Kind: UInt8 {
        case securityAssociation = 33
        case keyExchange = 34
        case initiatorID = 35
        case responderID = 36
        case authentication = 39
        case nonce = 40
        case encrypted = 46
    }

    private var bodies: [UInt8: [UInt8]] = [:]
    /// Where the first Encrypted payload's body begins, and the type of the first payload inside it.
    private(set) var encryptedOffset: Int?
    private(set) var firstInside: UInt8 = 0

    /// The payloads of `bytes` from `offset` on.
    init(_ bytes: [UInt8], first: UInt8, offset: Int = 0) {
        var kind = first
        var start = offset
        while kind != 0, start + 4 <= bytes.count {
            let end = start + Int(bytes[start + 2]) << 8 + Int(bytes[start + 3])
            bodies[kind] = Array(bytes[start + 4..<end])
            if kind == Kind.encrypted.rawValue {
                encryptedOffset = start + 4
                firstInside = bytes[start]
                return
            }
            kind = bytes[start]
            start = end
        }
    }

    /// The payloads of a message, in clear.
    init(message: [UInt8]) { self.init(message, first: message[16], offset: 28) }

    subscript(_ kind: Kind) -> [UInt8] { bodies[kind.rawValue] ?? [] }
}
