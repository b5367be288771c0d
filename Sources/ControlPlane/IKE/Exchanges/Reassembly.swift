/// What was inside a message of the peer's, which it sealed.
struct OpenedMessage: Sendable {
    /// The type of the first payload.
    let first: PayloadType
    let plaintext: [UInt8]
    /// By which a repetition is known: the datagram, of a fragmented message that of the first fragment.
    let leading: [UInt8]
}

/// What a datagram of the peer's led to.
enum Opening: Sendable {
    case message(OpenedMessage)
    /// Not a message, or not yet one.
    case nothing(Session.Event)
}

/// The verified fragments of one message (RFC 7383 §2.6). Its bounds are `MessageBounds.fragments` and
/// `MessageBounds.reassembledByteCount`. It has no timer: it goes when its message is there, when another message of the
/// same direction begins, or with the session.
struct Reassembly: Sendable {
    private let messageID: UInt32
    private let exchange: ExchangeType
    /// By number, from 1; nil where one is missing.
    private var pieces: [[UInt8]?]
    private var byteCount = 0
    /// Of fragment 1, once it is there.
    private var first = PayloadType.none
    private var leading: [UInt8] = []

    private init(_ fragment: EncryptedFragmentPayload, _ header: IKEHeader) {
        messageID = header.messageID
        exchange = header.exchange
        pieces = Array(repeating: nil, count: Int(fragment.total))
    }

    private func isOf(_ header: IKEHeader) -> Bool { messageID == header.messageID && exchange == header.exchange }

    /// Why a fragment is of no use, before it is verified; nil when it may be of some. A peer that found its fragments
    /// too long sends more and shorter ones, so a smaller total is an old one.
    func refusal(of fragment: EncryptedFragmentPayload, _ header: IKEHeader) -> Session.Event? {
        guard isOf(header) else { return nil }
        if Int(fragment.total) < pieces.count { return .stale }
        let isHere = Int(fragment.total) == pieces.count && pieces[Int(fragment.number) - 1] != nil
        return isHere ? .fragmentRepeated : nil
    }

    /// Keeps a fragment that `refusal` let pass and that was verified. One of another message, or of more pieces, takes
    /// the place of what was there.
    static func add(
        _ fragment: EncryptedFragmentPayload, _ plaintext: [UInt8], _ arrival: Arrival, to kept: inout Reassembly?
    ) -> Opening {
        var reassembly = Reassembly(fragment, arrival.header)
        if let kept, kept.isOf(arrival.header), kept.pieces.count == Int(fragment.total) { reassembly = kept }
        guard reassembly.byteCount + plaintext.count <= MessageBounds.reassembledByteCount else {
            return .nothing(.fragmentsTooLong)
        }
        reassembly.byteCount += plaintext.count
        reassembly.pieces[Int(fragment.number) - 1] = plaintext
        if fragment.number == 1 {
            reassembly.first = fragment.first
            reassembly.leading = arrival.datagram
        }
        let pieces = reassembly.pieces.compactMap { $0 }
        guard pieces.count == reassembly.pieces.count else {
            kept = reassembly
            return .nothing(.fragmentKept)
        }
        kept = nil
        return .message(
            OpenedMessage(
                first: reassembly.first, plaintext: Array(pieces.joined()), leading: reassembly.leading))
    }
}
