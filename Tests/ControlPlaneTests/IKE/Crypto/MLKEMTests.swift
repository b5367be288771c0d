import Associations
import ControlPlane
import Testing

/// ML-KEM-768 as a key exchange: who asks has the decapsulation key.
@Suite struct MLKEMTests {
    struct Vectors: Decodable {
        struct Decapsulation: Decodable {
            var source: String
            var seed, ciphertext: Hex
            var publicValue: Hex?
            /// nil when seed or ciphertext must be refused.
            var secret: Hex?
        }
        struct Refused: Decodable {
            var source: String
            var publicValue: Hex
        }
        var decapsulation: [Decapsulation]
        var refused: [Refused]
    }

    @Test func knownSecrets() throws {
        let vectors: Vectors = try fixture("mlkem768")
        #expect(vectors.decapsulation.count == 15)
        for vector in vectors.decapsulation {
            guard let secret = vector.secret else {
                #expect(throws: KeyExchangeFailure.invalid, "\(vector.source)") {
                    try KeyExchange(.mlkem768, privateKey: vector.seed.secret).agree(vector.ciphertext.bytes)
                }
                continue
            }
            let exchange = try KeyExchange(.mlkem768, privateKey: vector.seed.secret)
            if let publicValue = vector.publicValue {
                #expect(exchange.publicValue == publicValue.bytes, "\(vector.source)")
            }
            #expect(try exchange.agree(vector.ciphertext.bytes).shown == secret.bytes, "\(vector.source)")
        }
    }

    /// FIPS 203 §7.2: lengths, and coefficients that are not below the modulus.
    @Test func publicValuesThatAreNone() throws {
        let vectors: Vectors = try fixture("mlkem768")
        #expect(vectors.refused.count == 12)
        var random = SeededGenerator(seed: 1)
        for vector in vectors.refused {
            #expect(throws: KeyExchangeFailure.invalid, "\(vector.source)") {
                try KeyExchange.answer(vector.publicValue.bytes, by: .mlkem768, using: &random)
            }
        }
    }

    /// A ciphertext for another key gives another secret, and nobody is told.
    @Test func rejectionIsImplicit() throws {
        var random = SeededGenerator(seed: 2)
        let mine = KeyExchange(.mlkem768, using: &random)
        let other = KeyExchange(.mlkem768, using: &random)
        let answer = try KeyExchange.answer(mine.publicValue, by: .mlkem768, using: &random)
        #expect(try mine.agree(answer.publicValue).matches(answer.sharedSecret))
        #expect(try !other.agree(answer.publicValue).matches(answer.sharedSecret))
        #expect(try other.agree(answer.publicValue).matches(other.agree(answer.publicValue)))
    }
}
