// libFuzzer over the message layer of IKEv2 (scripts/fuzz.sh). The first byte chooses how the rest is understood:
//
//     even   a datagram; its header's length is made right if bit 1 is set, so that little is lost at the first question
//     odd    what was inside an encrypted payload; [1] is the type of the first payload
//
// What must hold: no trap and no bad access; what is read is written and read back the same, as long as it was.
import ControlPlane
import FuzzDriver

typealias Bytes = [UInt8]

private func run(_ input: Bytes) {
    if input[0] & 1 == 0 {
        var datagram = Bytes(input.dropFirst())
        if input[0] & 2 != 0, datagram.count >= IKEHeader.byteCount {
            for index in 0..<4 { datagram[24 + index] = UInt8(truncatingIfNeeded: datagram.count >> (24 - 8 * index)) }
        }
        guard let message = try? IKEMessage(datagram) else { return }
        let written = message.bytes
        precondition(written.count == datagram.count)
        guard let again = try? IKEMessage(written) else { preconditionFailure("what was written is not read") }
        precondition(again == message && again.bytes == written)
        for payload in message.payloads { precondition(!"\(payload.type)".isEmpty) }
        for proposal in message.payloads.securityAssociation?.proposals ?? [] { tellAndRead(proposal) }
    } else {
        guard input.count >= 2 else { return }
        let first = PayloadType(rawValue: input[1])
        guard let payloads = try? IKEPayload.innerChain(first, Bytes(input.dropFirst(2))) else { return }
        let written = IKEPayload.bytes(ofChain: payloads)
        precondition(written.count == input.count - 2)
        precondition((try? IKEPayload.innerChain(first, written)) == payloads)
    }
}

/// A name that reads as a proposal is the name of that proposal.
private func tellAndRead(_ proposal: Proposal) {
    guard proposal.protocolID == .ike || proposal.protocolID == .esp else { return }
    let name = proposal.name
    guard let read = try? Proposal(named: name, proposal.protocolID) else { return }
    precondition(read.name == name)
}

@_cdecl("IKEMessageFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    fuzz(count, arguments) { run($0) }
}
