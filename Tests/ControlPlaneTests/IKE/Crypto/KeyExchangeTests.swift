import Associations
import ControlPlane
import Testing

@Suite struct KeyExchangeTests {
    private static func made(_ method: KeyExchangeMethod) -> KeyExchange {
        var random = KernelRandom()
        return KeyExchange(method, using: &random)
    }

    private static func answer(
        _ peer: [UInt8], by method: KeyExchangeMethod
    ) throws(KeyExchangeFailure) -> (publicValue: [UInt8], sharedSecret: SecretBytes) {
        var random = KernelRandom()
        return try KeyExchange.answer(peer, by: method, using: &random)
    }

    @Test(arguments: KeyExchangeMethod.allCases) func bothEndsAgree(_ method: KeyExchangeMethod) throws {
        let initiator = Self.made(method)
        #expect(initiator.publicValue.count == method.publicByteCount)
        let answer = try Self.answer(initiator.publicValue, by: method)
        #expect(answer.publicValue.count == method.answerByteCount)
        let secret = try initiator.agree(answer.publicValue)
        #expect(secret.count == method.secretByteCount)
        #expect(secret.matches(answer.sharedSecret))
        #expect(try !Self.made(method).agree(answer.publicValue).matches(secret))
    }

    @Test(arguments: KeyExchangeMethod.allCases) func drawnKeysRepeat(_ method: KeyExchangeMethod) throws {
        var random = RandomTests.Fixed(values: (1...23).map { $0 &* 0x9E37_79B9_7F4A_7C15 })
        var same = random
        let exchange = KeyExchange(method, using: &random)
        #expect(KeyExchange(method, using: &same).publicValue == exchange.publicValue)
        #expect(KeyExchange(method, using: &random).publicValue != exchange.publicValue)
        let answer = try Self.answer(exchange.publicValue, by: method)
        #expect(try answer.sharedSecret.matches(exchange.agree(answer.publicValue)))
    }

    struct Vector: Decodable, Sendable {
        var source, method: String
        var privateKey, peer: Hex
        /// nil when the peer's value must be refused.
        var sharedSecret: Hex?
    }

    /// RFC 7748, and Wycheproof's edge cases: points on the twist or on another curve, of small order, not reduced.
    @Test func knownSecrets() throws {
        let vectors: [Vector] = try fixture("key-exchange")
        #expect(vectors.count == 114)
        for vector in vectors {
            let method = try #require(KeyExchangeMethod(rawValue: vector.method))
            let exchange = try KeyExchange(method, privateKey: vector.privateKey.secret)
            if let expected = vector.sharedSecret {
                #expect(try exchange.agree(vector.peer.bytes).shown == expected.bytes, "\(vector.source)")
            } else {
                #expect(throws: KeyExchangeFailure.invalid, "\(vector.source)") {
                    try exchange.agree(vector.peer.bytes)
                }
            }
        }
    }

    struct Pair: Decodable, Sendable {
        var method: String
        var initiatorPrivate, initiatorPublic, responderPrivate, responderPublic, sharedSecret: Hex
    }

    /// RFC 5903 §8: private and public keys of both ends.
    @Test func knownPairs() throws {
        let pairs: [Pair] = try fixture("key-exchange-pairs")
        #expect(pairs.count == 3)
        for pair in pairs {
            let method = try #require(KeyExchangeMethod(rawValue: pair.method))
            let initiator = try KeyExchange(method, privateKey: pair.initiatorPrivate.secret)
            let responder = try KeyExchange(method, privateKey: pair.responderPrivate.secret)
            #expect(initiator.publicValue == pair.initiatorPublic.bytes)
            #expect(responder.publicValue == pair.responderPublic.bytes)
            #expect(try initiator.agree(responder.publicValue).shown == pair.sharedSecret.bytes)
            #expect(try responder.agree(initiator.publicValue).shown == pair.sharedSecret.bytes)
        }
    }

    @Test(arguments: KeyExchangeMethod.allCases) func otherLengthsAreRefused(_ method: KeyExchangeMethod) throws {
        func lengths(_ value: [UInt8]) -> [[UInt8]] {
            [[], Array(value.dropLast()), Array(value.dropFirst()), value + [0], [0] + value, [4] + value]
        }
        let exchange = Self.made(method)
        for wrong in lengths(exchange.publicValue) {
            #expect(throws: KeyExchangeFailure.invalid) { try Self.answer(wrong, by: method) }
        }
        for wrong in lengths(try Self.answer(exchange.publicValue, by: method).publicValue) {
            #expect(throws: KeyExchangeFailure.invalid) { try exchange.agree(wrong) }
        }
    }

    /// RFC 6989 §2.1: 0, 1, p-1 and what is not below p.
    @Test(arguments: [KeyExchangeMethod.modp2048, .modp3072, .modp4096])
    func numbersOutOfRangeAreRefused(_ method: KeyExchangeMethod) throws {
        let exchange = Self.made(method)
        let zero = [UInt8](repeating: 0, count: method.publicByteCount)
        let one: [UInt8] = zero.dropLast() + [1]
        let two: [UInt8] = zero.dropLast() + [2]
        let prime = try Self.prime(method)
        let beforePrime: [UInt8] = prime.dropLast() + [prime.last! - 1]
        for wrong in [zero, one, beforePrime, prime, [UInt8](repeating: 0xFF, count: zero.count)] {
            #expect(throws: KeyExchangeFailure.invalid) { try exchange.agree(wrong) }
        }
        // The generator itself is a public value, and then the secret is our own one.
        #expect(try exchange.agree(two).shown == exchange.publicValue)
    }

    /// The group's prime p of n bits, as the exchange itself tells it: the public value of the private key n is
    /// 2^n mod p, which is 2^n - p since p < 2^n < 2p, and p is its two's complement.
    private static func prime(_ method: KeyExchangeMethod) throws -> [UInt8] {
        let bits = method.publicByteCount * 8
        let power = try KeyExchange(method, privateKey: SecretBytes([UInt8(bits >> 8), UInt8(bits & 0xFF)])).publicValue
        var carry: UInt16 = 1
        return power.reversed().map { byte in
            let sum = UInt16(~byte) + carry
            carry = sum >> 8
            return UInt8(truncatingIfNeeded: sum)
        }.reversed()
    }

    @Test func thePrimesAreThoseOfRFC3526() throws {
        for method in [KeyExchangeMethod.modp2048, .modp3072, .modp4096] {
            let prime = try Self.prime(method)
            #expect(Array(prime.prefix(16)) == Hex("ffffffffffffffffc90fdaa22168c234").bytes)
            #expect(Array(prime.suffix(8)) == [UInt8](repeating: 0xFF, count: 8))
        }
        #expect(try Self.prime(.modp2048)[240...].prefix(8) == Hex("15728e5a8aacaa68").bytes[...])
        #expect(try Self.prime(.modp3072)[368...].prefix(8) == Hex("4b82d120a93ad2ca").bytes[...])
        #expect(try Self.prime(.modp4096)[496...].prefix(8) == Hex("4df435c934063199").bytes[...])
    }

    @Test func privateKeysOutOfRangeAreRefused() {
        for method in [KeyExchangeMethod.ecp256, .ecp384, .ecp521] {
            let ones = SecretBytes([UInt8](repeating: 0xFF, count: method.secretByteCount))
            #expect(throws: KeyExchangeFailure.invalid) { try KeyExchange(method, privateKey: ones) }
            #expect(throws: KeyExchangeFailure.invalid) { try KeyExchange(method, privateKey: SecretBytes([0, 0])) }
        }
        #expect(throws: KeyExchangeFailure.invalid) { try KeyExchange(.x25519, privateKey: SecretBytes([1])) }
        #expect(throws: KeyExchangeFailure.invalid) { try KeyExchange(.modp2048, privateKey: SecretBytes([])) }
        #expect(throws: KeyExchangeFailure.invalid) {
            try KeyExchange(.mlkem768, privateKey: SecretBytes([UInt8](repeating: 1, count: 63)))
        }
    }

    @Test func numbersOfTransforms() {
        #expect(KeyExchangeMethod(transformID: 36) == .mlkem768)
        #expect(KeyExchangeMethod(transformID: 31) == .x25519)
        #expect(KeyExchangeMethod(transformID: 2) == nil)
    }
}
