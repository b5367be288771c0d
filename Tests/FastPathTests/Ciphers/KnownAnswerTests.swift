import Associations
import Foundation
import TestSupport
import Testing
import Wire

@testable import FastPath

/// One line of Vectors/esp-aes-gcm.txt.
struct KnownAnswer: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var association: SecurityAssociation
    var header: Bytes
    var plaintext: Bytes
    var ciphertext: Bytes
    var icv: Bytes

    /// The upper half of a number of 64 bits.
    var high: UInt32 = 0

    var packet: Bytes { header + ciphertext + icv }
    var item: CipherBench.Item { CipherBench.Item(packet: packet, association: 0, high: high) }

    static let all: [KnownAnswer] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../Vectors/esp-aes-gcm.txt")
        let text = try! String(contentsOf: file, encoding: .utf8)
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { KnownAnswer(line: $0) }
    }()

    private init(line: Substring) {
        let fields = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        precondition(fields.count == 8, "\(line)")
        let values = fields.map { Hexadecimal.bytes($0) ?? [] }
        testDescription = fields[0]
        let aad = values[3]
        let hasESN = aad.count == 12
        precondition(hasESN || aad.count == 8)
        header = aad.prefix(4) + aad.suffix(4) + values[4]
        if hasESN { high = aad[4..<8].reduce(0) { $0 << 8 | UInt32($1) } }
        (plaintext, ciphertext, icv) = (values[5], values[6], values[7])
        association = SecurityAssociation(
            name: fields[0], spi: SPI(rawValue: 256), direction: .inbound, mode: .tunnel,
            source: address("198.51.100.10"), destination: address("203.0.113.1"),
            transform: values[1].count == 16 ? .aes128gcm16 : .aes256gcm16, key: SecretBytes(values[1]),
            salt: SecretBytes(values[2]),
            selectors: TrafficSelectors(remote: [AddressRange("0.0.0.0/0")!], local: [AddressRange("0.0.0.0/0")!]),
            replayWindow: 64)
        association.hasESN = hasESN
    }
}

/// Both providers give the answers that others have published.
@Suite struct KnownAnswerTests {
    @Test func thereAreAnswersForBothKeySizes() {
        #expect(KnownAnswer.all.count == 16)
        #expect(KnownAnswer.all.count { $0.association.hasESN } == 9)
        #expect(Set(KnownAnswer.all.map(\.association.transform)) == [.aes128gcm16, .aes256gcm16])
        #expect(Provider.available.contains(.openSSL))
        #if arch(x86_64)
            // `make test` installs ipsec-mb there: without it half of this suite would silently not run.
            #expect(Provider.available == [.multiBuffer, .openSSL])
        #endif
    }

    @Test(arguments: Provider.available, KnownAnswer.all)
    func packetsAreVerifiedAndPeekedInto(_ provider: Provider, _ answer: KnownAnswer) {
        var bench = CipherBench(provider, [answer.association])
        let item = answer.item
        let finding = bench.verifyAndPeek([item])[0]
        #expect(finding.isAuthentic)
        #expect([finding.padByteCount, finding.nextHeader] == answer.plaintext.suffix(2))
        #expect(finding.head == answer.plaintext, "these are short enough to be read whole")
        #expect(finding.frame == CipherBench.framed(answer.packet))
        let unverified = bench.peek([item])[0]
        #expect(!unverified.isAuthentic)
        #expect(unverified.head == finding.head && unverified.nextHeader == finding.nextHeader)
    }

    @Test(arguments: Provider.available, KnownAnswer.all)
    func packetsAreOpenedAndSealed(_ provider: Provider, _ answer: KnownAnswer) {
        var bench = CipherBench(provider, [answer.association])
        let opened = bench.open([answer.item])[0]
        #expect(opened.isAuthentic)
        let open = answer.header + answer.plaintext + answer.icv
        #expect(opened.frame == CipherBench.framed(open))
        #expect([opened.padByteCount, opened.nextHeader] == answer.plaintext.suffix(2))
        let unsealed = answer.header + answer.plaintext + Bytes(repeating: 0, count: 16)
        let sealed = bench.seal([CipherBench.Item(packet: unsealed, association: 0, high: answer.high)])[0]
        #expect(sealed == CipherBench.framed(answer.packet))
    }

    /// Every bit of SPI, number, IV, ciphertext and ICV counts.
    @Test(arguments: Provider.available, KnownAnswer.all)
    func withOneBitOtherwiseNoneIsAuthentic(_ provider: Provider, _ answer: KnownAnswer) {
        var bench = CipherBench(provider, [answer.association])
        for byte in answer.packet.indices {
            let items = (0..<8).map { bit in
                var packet = answer.packet
                packet[byte] ^= 1 << bit
                return CipherBench.Item(packet: packet, association: 0, high: answer.high)
            }
            #expect(bench.verifyAndPeek(items).allSatisfy { !$0.isAuthentic }, "byte \(byte)")
            #expect(bench.open(items).allSatisfy { !$0.isAuthentic }, "byte \(byte)")
        }
        // With ESN those of the upper half, too, which is not sent.
        guard answer.association.hasESN else { return }
        let halves = (0..<32).map { bit in
            CipherBench.Item(packet: answer.packet, association: 0, high: answer.high ^ 1 << UInt32(bit))
        }
        #expect(bench.verifyAndPeek(halves).allSatisfy { !$0.isAuthentic })
        #expect(bench.open(halves).allSatisfy { !$0.isAuthentic })
    }
}
