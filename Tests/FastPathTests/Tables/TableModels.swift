import Associations
import TestSupport
import Wire

@testable import FastPath

/// The proof that tables ask for, as a provider gives it for a batch of nothing.
func proofForTests() -> AuthenticationProof {
    let provider = CipherProvider.openSSL(OpenSSLCiphers(capacity: 1))
    var works = Slab<CipherWork>(repeating: .none, count: 1)
    return provider.open(&works, WorkCount(works, count: 0), in: FrameMemory(frameCount: 1, frameStride: 64))
}

func flow(_ number: Int, port: UInt16 = 80, flags: UInt8 = 0) -> Flow {
    Flow(
        remote: IPAddress(v4: 0x0A47_0000 + UInt32(number / 60000)), local: address("10.72.0.10"),
        remotePort: UInt16(number % 60000 + 1), localPort: port, ipProtocol: 6, tcpFlags: flags)
}

/// Targets with their trusted addresses; all but those named have a neighbour.
func targetTable(_ count: Int, without missing: Set<Int> = [], weights: [UInt16] = []) -> TargetTable {
    let targets = (0..<count).map { Target(name: "t\($0)", trustedAddress: IPAddress(v4: 0xC000_020A + UInt32($0))) }
    var table = TargetTable(
        targets, source: address("192.0.2.1"), sourceMAC: MACAddress(rawValue: 1), epoch: Epoch(rawValue: 1))
    for index in 0..<count where !missing.contains(index) {
        table.setNeighbour("t\(index)", MACAddress(rawValue: 0x0200_0000_0010 + UInt64(index)))
    }
    for (index, weight) in weights.enumerated() {
        table.setStanding(index, TargetStanding(state: .serving, weight: weight))
    }
    return table
}
