import Associations
import Testing
import Wire

@testable import ControlPlane

@Suite struct KeyRingTests {
    static func key(_ byte: UInt8) -> SecretBytes { SecretBytes([UInt8](repeating: byte, count: 32)) }
    var random = KernelRandom()
    let plaintext = Array("a key of 32 bytes, or any other.".utf8)

    @Test(arguments: [0, 1, 32, 5000]) mutating func whatIsWrappedIsUnwrapped(_ count: Int) throws {
        let ring = KeyRing(current: Self.key(1))
        let plaintext = random.bytes(count)
        let wrapped = ring.wrap(plaintext, context: "/a", using: &random)
        #expect(wrapped.count == count + KeyRing.overhead)
        #expect(try ring.unwrap(wrapped, context: "/a") == plaintext)
        #expect(KeyRing.keyID(of: wrapped) == ring.current)
    }

    /// The layout and the derivation stay what they are: what is stored must be readable after an update. The values were
    /// worked out by Python's cryptography (HKDF, AESGCM) from the page's words.
    @Test func aKnownAnswer() throws {
        let key = SecretBytes(Array(0..<32))
        let ring = KeyRing(current: key)
        #expect("\(ring.current)" == KnownAnswer.keyID)
        let wrapped = Hexadecimal.bytes(KnownAnswer.wrapped)!
        #expect(try ring.unwrap(wrapped, context: "/viaduct/demo/sa/in/0xc472877a") == Array("plaintext".utf8))
    }

    @Test mutating func nothingIsTheSameTwice() {
        let ring = KeyRing(current: Self.key(1))
        let all = (0..<100).map { _ in ring.wrap(plaintext, context: "/a", using: &random) }
        #expect(Set(all.map { $0[8..<40] }).count == 100)
        #expect(Set(all.map { $0[40...] }).count == 100)
    }

    @Test mutating func anyBitOfItAndTheContextCount() {
        let ring = KeyRing(current: Self.key(1))
        let wrapped = ring.wrap(plaintext, context: "/a", using: &random)
        for bit in 64..<(wrapped.count * 8) {
            var damaged = wrapped
            damaged[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: KeyRing.Failure.unauthentic) { try ring.unwrap(damaged, context: "/a") }
        }
        for context in ["", "/b", "/a/"] {
            #expect(throws: KeyRing.Failure.unauthentic) { try ring.unwrap(wrapped, context: context) }
        }
        for count in [0, 1, 40, KeyRing.overhead - 1] {
            #expect(throws: KeyRing.Failure.malformed) { try ring.unwrap(Array(wrapped.prefix(count)), context: "/a") }
        }
        #expect(throws: KeyRing.Failure.unauthentic) {
            try ring.unwrap(Array(wrapped.prefix(KeyRing.overhead)), context: "/a")
        }
    }

    @Test mutating func aForeignKeyIsNamed() {
        let wrapped = KeyRing(current: Self.key(1)).wrap(plaintext, context: "/a", using: &random)
        let other = KeyRing(current: Self.key(2), former: [Self.key(3)])
        #expect(throws: KeyRing.Failure.unknownKey(KeyRing.KeyID(of: Self.key(1)))) {
            try other.unwrap(wrapped, context: "/a")
        }
        #expect(!other.isFormer(wrapped))
    }

    @Test mutating func aFormerKeyStillUnwraps() throws {
        let before = KeyRing(current: Self.key(1))
        let after = KeyRing(current: Self.key(2), former: [Self.key(1), Self.key(2)])
        let old = before.wrap(plaintext, context: "/a", using: &random)
        let new = after.wrap(plaintext, context: "/a", using: &random)
        #expect(try after.unwrap(old, context: "/a") == plaintext)
        #expect(after.isFormer(old) && !after.isFormer(new) && !before.isFormer(old))
        #expect(throws: KeyRing.Failure.unknownKey(after.current)) { try before.unwrap(new, context: "/a") }
    }

    @Test func keysOfAnotherLengthTrap() async {
        await #expect(processExitsWith: .failure) { _ = KeyRing(current: SecretBytes([1, 2, 3])) }
    }
}

private enum KnownAnswer {
    static let keyID = "a1f30c2a44f744c9"
    static let wrapped =
        "a1f30c2a44f744c96465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f8081828373ab7ac2f8f62169cd77db3c617f09f3df"
        + "c5e8983a273f1b64"
}
