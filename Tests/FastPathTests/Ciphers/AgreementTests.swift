import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// Random packets of every transform, sealed by OpenSSL directly: whatever provider looks at them finds the same.
@Suite struct AgreementTests {
    /// Two SAs of each transform, and then as many of AES-GCM, so that it is half of the packets; and all of them once more
    /// with ESN.
    static let transforms =
        Transform.allCases
        + Transform.allCases.indices.map { [.aes128gcm16, .aes192gcm16, .aes256gcm16][$0 % 3] }
    static let associations = (0..<4 * transforms.count).map { index in
        association(
            spi: 0x4000_0000 + UInt32(index) * 77, from: "198.51.100.10", to: "203.0.113.1",
            transforms[index % transforms.count], remote: "10.71.0.0/24", local: "10.72.0.0/24",
            hasESN: index >= 2 * transforms.count)
    }

    struct Sample {
        var item: CipherBench.Item
        var number: UInt64
        var plaintext: Bytes
        var isAuthentic: Bool
        var transform: Transform { AgreementTests.associations[item.association].transform }
        var padding: UInt8 { plaintext[plaintext.count - 2] }
        var nextHeader: UInt8 { plaintext[plaintext.count - 1] }
    }

    /// A packet whose ciphertext has `byteCount` bytes, or as many more as its transform wants: payload, padding as others
    /// like it, trailer.
    static func sample(_ byteCount: Int, _ generator: inout SeededGenerator, fault: Bool = false) -> Sample {
        let index = Int.random(in: 0..<associations.count, using: &generator)
        let alignment = associations[index].transform.alignment
        let byteCount = (byteCount + alignment - 1) / alignment * alignment
        let number: UInt64 = generator.next()
        let padding = Int.random(in: 0...min(byteCount - 2, 255), using: &generator)
        let payload = generator.bytes(byteCount - 2 - padding)
        let nextHeader = UInt8.random(in: .min ... .max, using: &generator)
        var packet = esp(
            associations[index], number: number, nextHeader: nextHeader, payload,
            fault: ESPFault(padding: padding))
        if fault {
            let bit = Int.random(in: 0..<packet.count * 8, using: &generator)
            packet[bit / 8] ^= 1 << (bit % 8)
        }
        let plaintext = payload + (0..<padding).map { UInt8($0 + 1) } + [UInt8(padding), nextHeader]
        return Sample(
            item: CipherBench.Item(packet: packet, association: index, high: UInt32(number >> 32)), number: number,
            plaintext: plaintext,
            isAuthentic: !fault)
    }

    /// Every length of ciphertext from 4 to 2000 twice, and 1000 random ones, shuffled; a quarter with a flipped bit.
    static func samples(seed: UInt64) -> [Sample] {
        var generator = SeededGenerator(seed: seed)
        var lengths = Array(stride(from: 4, through: 2000, by: 4))
        lengths += lengths
        lengths += (0..<1000).map { _ in Int.random(in: 1...40, using: &generator) * 4 }
        lengths.shuffle(using: &generator)
        return lengths.map { sample($0, &generator, fault: generator.once(in: 4)) }
    }

    /// Hands the samples out in batches of 1 to 64, transforms and key sizes mixed.
    static func inBatches(_ samples: [Sample], seed: UInt64, _ body: ([Sample]) -> Void) {
        var generator = SeededGenerator(seed: seed)
        var rest = samples[...]
        while !rest.isEmpty {
            let batch = rest.prefix(Int.random(in: 1...CipherBench.capacity, using: &generator))
            rest = rest.dropFirst(batch.count)
            body(Array(batch))
        }
    }

    @Test(arguments: Provider.available) func verifyingAndPeeking(_ provider: Provider) {
        var bench = CipherBench(provider, Self.associations)
        var generator = SeededGenerator(seed: 3)
        Self.inBatches(Self.samples(seed: 1), seed: 2) { batch in
            let findings = bench.verifyAndPeek(batch.map(\.item))
            for (sample, finding) in zip(batch, findings) {
                Self.check(finding, sample, isAuthentic: sample.isAuthentic)
                #expect(finding.head.count >= min(sample.plaintext.count, PeekedHeads.shortByteCount))
            }
            // Some are read further, in any order.
            let some = batch.indices.filter { _ in generator.once(in: 2) }.shuffled(using: &generator)
            for (index, finding) in zip(some, bench.extend(some)) {
                Self.check(finding, batch[index], isAuthentic: batch[index].isAuthentic)
                #expect(finding.head.count == min(batch[index].plaintext.count, PeekedHeads.extendedByteCount))
            }
        }
    }

    @Test(arguments: Provider.available) func peekingProvesNothing(_ provider: Provider) {
        var bench = CipherBench(provider, Self.associations)
        Self.inBatches(Self.samples(seed: 4), seed: 5) { batch in
            for (sample, finding) in zip(batch, bench.peek(batch.map(\.item))) {
                Self.check(finding, sample, isAuthentic: false)
            }
            let all = Array(batch.indices)
            for (index, finding) in zip(all, bench.extend(all)) {
                Self.check(finding, batch[index], isAuthentic: false)
            }
        }
    }

    @Test(arguments: Provider.available) func opening(_ provider: Provider) {
        var bench = CipherBench(provider, Self.associations)
        Self.inBatches(Self.samples(seed: 6), seed: 7) { batch in
            for (sample, finding) in zip(batch, bench.open(batch.map(\.item))) {
                #expect(finding.isAuthentic == sample.isAuthentic)
                guard sample.isAuthentic else { continue }
                let packet = sample.item.packet
                let open =
                    packet.prefix(8 + sample.transform.ivByteCount) + sample.plaintext
                    + packet.suffix(sample.transform.icvByteCount)
                #expect(
                    finding.frame == CipherBench.framed(Bytes(open)),
                    "\(packet.count) bytes under \(sample.transform.rawValue)")
                #expect(finding.padByteCount == sample.padding && finding.nextHeader == sample.nextHeader)
            }
        }
    }

    @Test(arguments: Provider.available) func sealing(_ provider: Provider) {
        var bench = CipherBench(provider, Self.associations)
        let samples = Self.samples(seed: 8).filter(\.isAuthentic)
        Self.inBatches(samples, seed: 9) { batch in
            let unsealed = batch.map {
                // Of CBC the number, which becomes the IV; of NULL nothing.
                let iv = Bytes((bigEndian(UInt64(0)) + bigEndian($0.number)).suffix($0.transform.ivByteCount))
                return CipherBench.Item(
                    packet: $0.item.packet.prefix(8) + iv + $0.plaintext
                        + Bytes(repeating: 0xEE, count: $0.transform.icvByteCount),
                    association: $0.item.association, high: $0.item.high)
            }
            for (sample, sealed) in zip(batch, bench.seal(unsealed)) {
                #expect(
                    sealed == CipherBench.framed(sample.item.packet),
                    "\(sample.plaintext.count) bytes under \(sample.transform.rawValue)")
            }
        }
    }

    /// Another SA's key opens nothing, and a key that was removed opens nothing.
    @Test(arguments: Provider.available) func theKeyMatters(_ provider: Provider) {
        var bench = CipherBench(provider, Self.associations)
        var generator = SeededGenerator(seed: 10)
        for _ in 0..<200 {
            let sample = Self.sample(4 * Int.random(in: 1...100, using: &generator), &generator)
            // The next quarter: the same transform.
            let other = (sample.item.association + Self.transforms.count) % Self.associations.count
            let item = CipherBench.Item(packet: sample.item.packet, association: other, high: sample.item.high)
            #expect(!bench.verifyAndPeek([item])[0].isAuthentic)
            #expect(!bench.open([item])[0].isAuthentic)
            // With ESN every bit of the upper half matters; without it none does.
            var wrongHalf = sample.item
            wrongHalf.high ^= 1 << UInt32.random(in: 0..<32, using: &generator)
            let hasESN = Self.associations[wrongHalf.association].hasESN
            #expect(bench.verifyAndPeek([wrongHalf])[0].isAuthentic == !hasESN)
            #expect(bench.open([wrongHalf])[0].isAuthentic == !hasESN)
        }
        let sample = Self.sample(100, &generator)
        #expect(bench.verifyAndPeek([sample.item])[0].isAuthentic)
        bench.provider.remove(at: sample.item.association)
        #expect(!bench.verifyAndPeek([sample.item])[0].isAuthentic)
        bench.provider.install(Self.associations[sample.item.association], at: sample.item.association)
        #expect(bench.verifyAndPeek([sample.item])[0].isAuthentic)
    }

    /// Head and trailer are right (of a damaged packet they may be anything), and the frame is as it came.
    private static func check(_ finding: CipherBench.Finding, _ sample: Sample, isAuthentic: Bool) {
        let size = "\(sample.plaintext.count) bytes under \(sample.transform.rawValue)"
        #expect(finding.isAuthentic == isAuthentic, "\(size)")
        #expect(finding.frame == CipherBench.framed(sample.item.packet), "\(size)")
        guard sample.isAuthentic else { return }
        #expect(finding.padByteCount == sample.padding && finding.nextHeader == sample.nextHeader, "\(size)")
        #expect(finding.head.elementsEqual(sample.plaintext.prefix(finding.head.count)), "\(size)")
    }
}
