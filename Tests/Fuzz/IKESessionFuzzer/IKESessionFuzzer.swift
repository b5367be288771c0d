// libFuzzer over what a session does with what it has opened (scripts/fuzz.sh). The first two bytes choose who gets it:
//
//     [0] & 0x7F  where the session stands, below; bit 7: the AUTH payload stays as it is, and is not made a true one
//     [1]         the type of the first payload; the rest is the chain, sealed by the peer's key
//
// What must hold: no trap and no bad access, whatever a peer that has the keys says; and time goes on afterwards.
import Associations
import FuzzDriver
import Wire

@testable import ControlPlane

typealias Bytes = [UInt8]

/// SplitMix64.
private struct Random: IKERandomness {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// A session, the peer's half of its keys, and the message that the session waits for.
private struct Stand {
    var session: Session
    var peer: SealedChannel
    var exchange: ExchangeType
    var messageID: UInt32
    var isResponse: Bool
    var path: Path
    /// The peer's, before it is established.
    var agreed: Agreed?
}

private let here = Path(
    local: SocketAddress(address: IPAddress("10.0.0.1")!, port: 500),
    remote: SocketAddress(address: IPAddress("10.0.0.2")!, port: 500))
private let there = Path(local: here.remote, remote: here.local)

private func policy(_ own: String, _ other: String, proposal: String) -> SessionPolicy {
    let everywhere = [AddressRange("0.0.0.0/0")!]
    guard
        var policy = try? SessionPolicy(
            name: own, proposals: [proposal], childProposals: ["aes128gcm16-x25519", "aes128gcm16"],
            localID: IdentificationPayload(.fqdn, data: Bytes(own.utf8)),
            remoteID: IdentificationPayload(.fqdn, data: Bytes(other.utf8)), presharedKey: SecretBytes([1, 2, 3]),
            selectors: TrafficSelectors(remote: everywhere, local: everywhere))
    else { preconditionFailure("a good policy") }
    policy.mobility = MobilityPolicy()
    policy.maximumRedirects = 5
    policy.postquantumKeys = PostquantumKeys(
        [PostquantumKeys.Key(identity: [65], secret: SecretBytes(Bytes(repeating: 1, count: 32)))], isMandatory: false)
    return policy
}

private func datagrams(_ actions: [Session.Action]) -> [Bytes] {
    actions.compactMap { if case .send(let bytes, _) = $0 { bytes } else { nil } }
}

private func channel(_ session: Session) -> SealedChannel {
    switch session.state {
    case .intermediateSent(let sent): sent.agreed.channel
    case .initAnswered(let answered): answered.agreed.channel
    case .authSent(let sent): sent.agreed.channel
    case .established(let established): established.channel
    default: preconditionFailure("a session with keys")
    }
}

/// What AUTH is made of.
private func agreed(_ session: Session) -> Agreed? {
    switch session.state {
    case .authSent(let sent): sent.agreed
    case .initAnswered(let answered): answered.agreed
    default: nil
    }
}

/// Every place where a session takes what was sealed.
private func stands() -> [Stand] {
    var random = Random(state: 1)
    var found: [Stand] = []
    for proposal in ["aes128gcm16-prfsha256-x25519", "aes128gcm16-prfsha256-x25519-ke1_ecp256"] {
        var initiator = Session(policy("a.example", "b.example", proposal: proposal))
        var responder = Session(policy("b.example", "a.example", proposal: proposal))
        var underWay = datagrams(initiator.start(here, at: 0, using: &random))
        var turn = false
        while let datagram = underWay.first {
            turn.toggle()
            // A responder seals its answer by the keys, and makes its proof out of what, it had before.
            let before = agreed(responder)
            let actions =
                turn
                ? responder.receive(datagram, over: there, at: 0, using: &random)
                : initiator.receive(datagram, over: here, at: 0, using: &random)
            underWay = datagrams(actions)
            guard let next = underWay.first, let header = IKEHeader(next), header.exchange != .ikeSAInit else {
                continue
            }
            found.append(
                Stand(
                    session: turn ? initiator : responder,
                    peer: turn ? before?.channel ?? channel(responder) : channel(initiator),
                    exchange: header.exchange, messageID: header.messageID, isResponse: turn, path: turn ? here : there,
                    agreed: turn ? before : agreed(initiator)))
        }
        guard proposal.hasSuffix("x25519") else { continue }
        // Requests to one that is established, and answers to what it asks.
        for exchange in [ExchangeType.informational, .createChildSA] {
            found.append(
                Stand(
                    session: responder, peer: channel(initiator), exchange: exchange, messageID: 2, isResponse: false,
                    path: there))
        }
        var moved = here
        moved.local.port = 4501
        let asking: [(inout Session) -> [Session.Action]] = [
            { $0.rekey(at: 0, using: &random) }, { $0.addChild(at: 0, using: &random) },
            { $0.moved(to: moved, at: 0, using: &random) }, { $0.close(at: 0) },
        ]
        for ask in asking {
            var session = initiator
            guard let request = datagrams(ask(&session)).first, let header = IKEHeader(request) else { continue }
            found.append(
                Stand(
                    session: session, peer: channel(responder), exchange: header.exchange,
                    messageID: header.messageID, isResponse: true, path: here))
        }
    }
    return found
}

nonisolated(unsafe) private let all = stands()

/// What the peer sends: a message of one piece around these bytes.
private func sealed(_ stand: Stand, _ first: PayloadType, _ plaintext: Bytes) -> Bytes {
    let keys = stand.peer.keys
    var flags: IKEHeader.Flags = stand.peer.role == .initiator ? .initiator : []
    if stand.isResponse { flags.insert(.response) }
    let header = IKEHeader(
        initiatorSPI: stand.peer.initiatorSPI, responderSPI: stand.peer.responderSPI, exchange: stand.exchange,
        flags: flags, messageID: stand.messageID)
    let room = Bytes(repeating: 0, count: keys.protection.bodyByteCount(plaintext: plaintext.count))
    let message = IKEMessage(header, [.encrypted(EncryptedPayload(first: first, sealed: room))])
    let data = Bytes(message.bytes.dropLast(room.count))
    return data + keys.protection(of: stand.peer.role).seal(plaintext, associatedData: data, number: 1 << 40)
}

/// The chain with a true proof in it, where it is read and has one of a shared key: what comes after is worth a look too.
private func authentic(_ chain: Bytes, _ first: PayloadType, _ stand: Stand) -> Bytes {
    guard let agreed = stand.agreed, let payloads = try? IKEPayload.innerChain(first, chain),
        let identification = payloads.identificationInitiator ?? payloads.identificationResponder
    else { return chain }
    let code = agreed.sharedKeyCode(of: stand.peer.role, SecretBytes([1, 2, 3]), identification)
    return IKEPayload.bytes(
        ofChain: payloads.map {
            if case .authentication = $0 { .authentication(AuthenticationPayload(.sharedKey, data: code)) } else { $0 }
        })
}

private func run(_ input: Bytes) {
    guard input.count >= 2 else { return }
    let stand = all[Int(input[0] & 0x7F) % all.count]
    var session = stand.session
    var random = Random(state: 2)
    let first = PayloadType(rawValue: input[1])
    let chain = Bytes(input.dropFirst(2))
    let datagram = sealed(stand, first, input[0] & 0x80 == 0 ? authentic(chain, first, stand) : chain)
    let actions = session.receive(datagram, over: stand.path, at: 1, using: &random)
    for case .count(.unauthentic) in actions { preconditionFailure("the peer sealed it") }
    for action in actions {
        if case .refused(let refusal) = action { precondition(!"\(refusal)".isEmpty) }
        if case .failed(let failure) = action { precondition(!"\(failure)".isEmpty) }
    }
    // It does not take the same twice.
    for case .install in session.receive(datagram, over: stand.path, at: 1, using: &random) {
        preconditionFailure("a repeated message installs")
    }
    for _ in 0..<3 {
        guard let deadline = session.deadline else { break }
        _ = session.tick(at: deadline, using: &random)
    }
    _ = session.close(at: 1 << 40)
}

@_cdecl("IKESessionFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    fuzz(count, arguments) { run($0) }
}
