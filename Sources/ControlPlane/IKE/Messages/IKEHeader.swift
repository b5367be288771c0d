internal import Wire

/// The first 28 bytes of every message (RFC 7296 §3.1).
///
/// ```
///  0                   1                   2                   3
///  +---------------------------------------------------------------+
///  |                       IKE SA Initiator's SPI                  |
///  |                                                               |
///  +---------------------------------------------------------------+
///  |                       IKE SA Responder's SPI                  |
///  |                                                               |
///  +---------------+-------+-------+---------------+---------------+
///  | Next Payload  | MjVer | MnVer | Exchange Type |     Flags     |
///  +---------------+-------+-------+---------------+---------------+
///  |                          Message ID                           |
///  +---------------------------------------------------------------+
///  |                            Length                             |
///  +---------------------------------------------------------------+
/// ```
public struct IKEHeader: Hashable, Sendable {
    public static let byteCount = 28
    enum Offset {
        static let initiatorSPI = 0, responderSPI = 8, nextPayload = 16, version = 17, exchange = 18, flags = 19
        static let messageID = 20, length = 24
    }

    public struct Flags: OptionSet, Hashable, Sendable {
        public var rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// I: sent by the original initiator of the IKE SA, request or response.
        public static let initiator = Flags(rawValue: 0x08)
        /// V: the sender speaks a higher major version. Ignored when it comes; we never set it (RFC 7296 §3.1).
        public static let version = Flags(rawValue: 0x10)
        /// R: a response.
        public static let response = Flags(rawValue: 0x20)
        /// The other bits are reserved and not kept.
        static let all: Flags = [.initiator, .version, .response]
    }

    public var initiatorSPI: IKESPI
    public var responderSPI: IKESPI
    /// Of an `IKEMessage` always that of its first payload.
    public internal(set) var nextPayload = PayloadType.none
    public var majorVersion: UInt8 = 2
    /// Ignored when it comes (RFC 7296 §2.5).
    public var minorVersion: UInt8 = 0
    public var exchange: ExchangeType
    public var flags: Flags
    public var messageID: UInt32
    /// Bytes of the whole message, the header included; of an `IKEMessage` always right.
    public internal(set) var length: UInt32 = UInt32(byteCount)

    /// The header of a message of ours, version 2.0.
    public init(
        initiatorSPI: IKESPI, responderSPI: IKESPI, exchange: ExchangeType, flags: Flags, messageID: UInt32
    ) {
        self.initiatorSPI = initiatorSPI
        self.responderSPI = responderSPI
        self.exchange = exchange
        self.flags = flags
        self.messageID = messageID
    }

    /// nil when `bytes` is shorter than `byteCount`. Judges nothing: a message of another version has a header too,
    /// and it takes its fields to answer one.
    public init?(reading bytes: RawSpan) {
        guard bytes.byteCount >= Self.byteCount else { return nil }
        initiatorSPI = IKESPI(rawValue: bytes.bigEndian64(at: Offset.initiatorSPI))
        responderSPI = IKESPI(rawValue: bytes.bigEndian64(at: Offset.responderSPI))
        nextPayload = PayloadType(rawValue: bytes.byte(at: Offset.nextPayload))
        majorVersion = bytes.byte(at: Offset.version) >> 4
        minorVersion = bytes.byte(at: Offset.version) & 0x0F
        exchange = ExchangeType(rawValue: bytes.byte(at: Offset.exchange))
        flags = Flags(rawValue: bytes.byte(at: Offset.flags)).intersection(.all)
        messageID = bytes.bigEndian32(at: Offset.messageID)
        length = bytes.bigEndian32(at: Offset.length)
    }

    /// Appends `byteCount` bytes. Traps when a version does not fit in its 4 bits.
    public func write(to bytes: inout [UInt8]) {
        precondition(majorVersion < 16 && minorVersion < 16)
        bytes.append(bigEndian: initiatorSPI.rawValue)
        bytes.append(bigEndian: responderSPI.rawValue)
        bytes.append(nextPayload.rawValue)
        bytes.append(majorVersion << 4 | minorVersion)
        bytes.append(exchange.rawValue)
        bytes.append(flags.intersection(.all).rawValue)
        bytes.append(bigEndian: messageID)
        bytes.append(bigEndian: length)
    }
}
