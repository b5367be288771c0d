internal import Wire

/// IKEV2_MESSAGE_ID_SYNC's data (RFC 6311 §7.3), big-endian: where its sender's message IDs stand.
///
/// ```
///  +---------------------------------------------------------------+
///  |                         Nonce Data                            |
///  +---------------------------------------------------------------+
///  |                 EXPECTED_SEND_REQ_MESSAGE_ID                  |
///  +---------------------------------------------------------------+
///  |                 EXPECTED_RECV_REQ_MESSAGE_ID                  |
///  +---------------------------------------------------------------+
/// ```
struct Synchronisation: Sendable, Hashable {
    /// The answer repeats it, and so cannot be one to another question.
    let nonce: UInt32
    /// Of the sender's next request: M1 in the question, P2 in the answer.
    let send: UInt32
    /// Of the request that the sender takes next: P1 in the question, M2 in the answer.
    let receive: UInt32

    static let byteCount = 12

    init(nonce: UInt32, send: UInt32, receive: UInt32) {
        self.nonce = nonce
        self.send = send
        self.receive = receive
    }

    /// nil where there is none, and for data of another length.
    init?(_ payloads: [IKEPayload]) {
        guard let data = payloads.notification(.ikev2MessageIDSync)?.data, data.count == Self.byteCount else {
            return nil
        }
        func number(_ start: Int) -> UInt32 { data[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        self.init(nonce: number(0), send: number(4), receive: number(8))
    }

    var payload: IKEPayload {
        var data: [UInt8] = []
        for number in [nonce, send, receive] { data.append(bigEndian: number) }
        return .notify(NotifyPayload(.ikev2MessageIDSync, data: data))
    }

    /// Whether this is what it may be answered by: the same nonce, and nothing behind what it says itself.
    func isAnswered(by answer: Synchronisation?) -> Bool {
        guard let answer else { return false }
        return answer.nonce == nonce && answer.receive >= send && answer.send >= receive
    }
}
