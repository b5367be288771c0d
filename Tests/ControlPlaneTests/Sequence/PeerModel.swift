import ControlPlane

/// A peer's inbound side, after RFC 4303 §3.4.3: a window of `size` numbers that ends at the highest seen.
struct PeerModel {
    let size: UInt64
    private(set) var top: UInt64 = 0
    private(set) var accepted = 0
    /// Left of the window: too late.
    private(set) var late = 0
    private(set) var repeated = 0
    /// Bit n of the ring stands for the number that is n modulo its length, a power of two not below `size`.
    private var seen: [Bool]
    private let mask: UInt64

    init(window: Int) {
        size = UInt64(window)
        var length = 1
        while length < window { length *= 2 }
        seen = Array(repeating: false, count: length)
        mask = UInt64(length - 1)
    }

    mutating func receive(_ number: UInt64) {
        if number > top {
            var cleared = number - top > mask ? number - mask : top + 1
            while cleared <= number {
                seen[Int(cleared & mask)] = false
                cleared += 1
            }
            top = number
        } else if number + size <= top {
            late += 1
            return
        } else if seen[Int(number & mask)] {
            repeated += 1
            return
        }
        seen[Int(number & mask)] = true
        accepted += 1
    }
}

/// All numbers ever put into a packet, whoever sent it: what must never repeat.
struct NumberLedger {
    private var words: [UInt64] = []
    private(set) var used = 0
    private(set) var repeated = 0

    mutating func use(_ number: UInt64) {
        let word = Int(number >> 6)
        if word >= words.count { words += Array(repeating: 0, count: word + 4096 - words.count) }
        let bit = UInt64(1) << (number & 63)
        if words[word] & bit != 0 { repeated += 1 }
        words[word] |= bit
        used += 1
    }
}

/// SplitMix64: the same numbers from the same seed, everywhere.
struct SeededGenerator: IKERandomness {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// 0 ..< bound, with the small bias of a remainder.
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func chance(_ perThousand: Int) -> Bool { perThousand > 0 && below(1000) < perThousand }
}
