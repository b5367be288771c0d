internal import Wire

/// The one hash of the packet path's tables: two 64-bit words, a secret seed, one wide multiplication.
///
/// Keys come from peers, so the seed is drawn at start and a peer cannot aim at one bucket. A plain multiplication by a
/// constant is not enough: SPIs and addresses differ in few bits, and those must reach the low bits of the result.
struct TableHash: BitwiseCopyable {
    private let first: UInt64
    private let second: UInt64

    /// A fresh seed from the system's generator.
    init() {
        first = UInt64.random(in: .min ... .max) | 1
        second = UInt64.random(in: .min ... .max) | 1
    }

    /// A seed that is always the same: for what several routers must agree on.
    init(fixed: Void) {
        first = 0x9E37_79B9_7F4A_7C15
        second = 0xD1B5_4A32_D192_ED03
    }

    @inline(__always)
    func callAsFunction(_ a: UInt64, _ b: UInt64 = 0) -> UInt64 {
        let product = (a ^ first).multipliedFullWidth(by: b ^ second)
        let mixed = (product.high ^ product.low).multipliedFullWidth(by: 0x9FB2_1C65_1E98_DF25)
        return mixed.high ^ mixed.low
    }
}
