import Testing

@testable import Configuration

/// The example with bytes changed at random: it gives a configuration, or one failure that points into the file.
@Suite struct MutationTests {
    @Test(arguments: 0..<8, [Page.bothWays, Page.withIKE])
    func mutatedBytesGiveAConfigurationOrOneFailure(seed: UInt64, yaml: String) {
        var random = SplitMix64(state: seed)
        let original = Array(yaml.utf8)
        var refused = 0
        for round in 0..<500 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&bytes, using: &random) }
            do throws(ConfigurationFailure) {
                _ = try ClusterConfiguration(
                    bytes: bytes, file: "cluster.yaml", files: HeldFiles().reader)
            } catch {
                refused += 1
                let context = "seed \(seed), round \(round): \(error)"
                #expect((1...lineCount(bytes)).contains(error.line ?? 0), "\(context)")
                #expect(error.description.hasPrefix("cluster.yaml:\(error.line ?? 0): "), "\(context)")
                #expect(!error.problem.isEmpty && error.remedy.hasSuffix("."), "\(context)")
                #expect(!error.description.contains { $0.isNewline }, "\(context)")
            }
        }
        #expect(refused > 0)
    }

    private func mutate(_ bytes: inout [UInt8], using random: inout SplitMix64) {
        let structural = Array("[]{}:,-#&*!|>'\"%@ \n\t?~<0a\\".utf8)
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[place] = structural.randomElement(using: &random)!
        case 2: bytes.insert(structural.randomElement(using: &random)!, at: place)
        case 3: bytes.remove(at: place)
        case 4:
            let end = min(bytes.count, place + Int.random(in: 1...80, using: &random))
            bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &random))
        default: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...80, using: &random)))
        }
        if bytes.isEmpty { bytes = [0x0A] }
    }

    /// Lines by any end that YAML knows; text behind the last one is a line, too.
    private func lineCount(_ bytes: [UInt8]) -> Int {
        var lines = Lines()
        for byte in bytes { lines.advance(over: Unicode.Scalar(byte)) }
        return lines.count
    }
}

/// Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (2014).
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
