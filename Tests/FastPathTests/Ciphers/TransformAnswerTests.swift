import Associations
import Foundation
import TestSupport
import Testing
import Wire

@testable import FastPath

/// One line of Vectors/esp-transforms.txt.
struct TransformAnswer: Sendable {
    let name: String
    let association: SecurityAssociation
    let header, plaintext, ciphertext: Bytes
    /// Empty where only the cipher is asked.
    let icv: Bytes
    let isAuthentic: Bool
    /// The upper half of a number of 64 bits.
    let high: UInt32

    static let all: [TransformAnswer] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../Vectors/esp-transforms.txt")
        let text = try! String(contentsOf: file, encoding: .utf8)
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { TransformAnswer(line: $0) }
    }()

    private init(line: Substring) {
        let fields = line.split(separator: "|", omittingEmptySubsequences: false)
            .map { $0.trimmingCharacters(in: .whitespaces) }
        precondition(fields.count == 9, "\(line)")
        isAuthentic = !fields[8].isEmpty
        let values = fields.map { Hexadecimal.bytes($0) ?? [] }
        name = fields[0]
        let hasESN = fields[1].hasSuffix("-esn")
        // With ESN SPI, upper and lower half of the number, and IV.
        header = hasESN ? Bytes(values[5][..<4]) + Bytes(values[5][8...]) : values[5]
        high = hasESN ? values[5][4..<8].reduce(0) { $0 << 8 | UInt32($1) } : 0
        (plaintext, ciphertext, icv) = (values[6], values[7], values[8])
        var association = SecurityAssociation(
            name: name, spi: SPI(rawValue: 256), direction: .inbound, mode: .tunnel,
            source: address("198.51.100.10"), destination: address("203.0.113.1"),
            transform: Transform(rawValue: hasESN ? String(fields[1].dropLast(4)) : fields[1])!,
            key: SecretBytes(values[2]), salt: SecretBytes(values[3]),
            selectors: TrafficSelectors(remote: [AddressRange("0.0.0.0/0")!], local: [AddressRange("0.0.0.0/0")!]),
            replayWindow: 64, authenticationKey: SecretBytes(values[4]))
        association.hasESN = hasESN
        self.association = association
    }

    var item: CipherBench.Item {
        let icv = icv.isEmpty ? Bytes(repeating: 0, count: association.transform.icvByteCount) : icv
        return CipherBench.Item(packet: header + ciphertext + icv, association: 0, high: high)
    }
}

/// Both providers give the answers that others have published for the transforms beside AES-GCM.
@Suite struct TransformAnswerTests {
    @Test func nothingIsMissing() {
        #expect(TransformAnswer.all.count == 760)
        #expect(TransformAnswer.all.count { $0.association.transform == .chacha20poly1305 } == 13)
        #expect(Set(TransformAnswer.all.filter(\.isAuthentic).map(\.association.transform)).count == 6)
    }

    @Test(arguments: Provider.available) func packetsAreVerifiedAndPeekedInto(_ provider: Provider) {
        for answer in TransformAnswer.all {
            var bench = CipherBench(provider, [answer.association])
            let finding = bench.verifyAndPeek([answer.item])[0]
            #expect(finding.isAuthentic == answer.isAuthentic, "\(answer.name)")
            #expect(finding.frame == CipherBench.framed(answer.item.packet), "\(answer.name)")
            #expect(bench.peek([answer.item])[0].isAuthentic == false, "\(answer.name)")
            // As long as it can be, now that AES-GCM's was asked for, too.
            let head = bench.extend([0])[0].head
            #expect(head.elementsEqual(answer.plaintext.prefix(PeekedHeads.extendedByteCount)), "\(answer.name)")
            #expect(
                answer.icv.isEmpty || !answer.isAuthentic || head.count < answer.plaintext.count
                    || [finding.padByteCount, finding.nextHeader] == answer.plaintext.suffix(2), "\(answer.name)")
        }
    }

    @Test(arguments: Provider.available) func packetsAreOpened(_ provider: Provider) {
        for answer in TransformAnswer.all {
            var bench = CipherBench(provider, [answer.association])
            let opened = bench.open([answer.item])[0]
            #expect(opened.isAuthentic == answer.isAuthentic, "\(answer.name)")
            // What a wrong ICV leaves of the packet nobody reads.
            guard answer.isAuthentic || answer.icv.isEmpty else { continue }
            let whole =
                answer.header + answer.plaintext + answer.item.packet.suffix(answer.association.transform.icvByteCount)
            #expect(opened.frame == CipherBench.framed(whole), "\(answer.name)")
        }
    }

    /// All but AES-CBC, whose IV nobody may choose.
    @Test(arguments: Provider.available) func packetsAreSealed(_ provider: Provider) {
        for answer in TransformAnswer.all where answer.isAuthentic {
            var bench = CipherBench(provider, [answer.association])
            let unsealed = answer.header + answer.plaintext + Bytes(repeating: 0, count: answer.icv.count)
            let sealed = bench.seal([CipherBench.Item(packet: unsealed, association: 0, high: answer.high)])[0]
            #expect(sealed == CipherBench.framed(answer.item.packet), "\(answer.name)")
        }
    }
}
