import Associations
import Testing

@testable import ControlPlane

@Suite struct KeyDerivationTests {
    struct Vector: Decodable, Sendable {
        var source, hash: String
        var sharedSecret, newSharedSecret, initiatorNonce, responderNonce, initiatorSPI, responderSPI: Hex
        var byteCount: Int
        var skeyseed, keys, childKeys, childKeysWithExchange, successorSkeyseed: Hex

        var seed: IKESeed {
            IKESeed(
                initiatorNonce: initiatorNonce.bytes, responderNonce: responderNonce.bytes,
                initiatorSPI: initiatorSPI.number, responderSPI: responderSPI.number)
        }
        var prf: PRF? {
            ["SHA-1": .prfsha1, "SHA-256": .prfsha256, "SHA-384": .prfsha384, "SHA-512": .prfsha512][hash]
        }
    }

    @Test func knownDerivations() throws {
        let vectors: [Vector] = try fixture("key-derivation")
        #expect(vectors.count == 7)
        for vector in vectors {
            let prf = try #require(vector.prf)
            let comment = Comment(rawValue: vector.source + " " + vector.hash)
            let protection = try #require(ProtectionAlgorithm(.aes256, .sha512))
            let skeyseed = IKEKeys.skeyseed(
                sharedSecret: vector.sharedSecret.secret, prf: prf, seed: vector.seed)
            #expect(skeyseed.shown == vector.skeyseed.bytes, comment)
            let material = prf.plus(
                .secret(skeyseed), [.open(vector.seed.noncesAndSPIs)], byteCount: vector.byteCount)
            #expect(material.shown == vector.keys.bytes, comment)

            let keys = IKEKeys(
                sharedSecret: vector.sharedSecret.secret, prf: prf, protection: protection, seed: vector.seed)
            let inOrder = [keys.skD, keys.skAi, keys.skAr, keys.skEi, keys.skEr, keys.skPi, keys.skPr]
            let known = min(vector.byteCount, inOrder.map(\.count).reduce(0, +))
            #expect(Array(inOrder.flatMap(\.shown)[..<known]) == Array(vector.keys.bytes[..<known]), comment)
            #expect(inOrder.map(\.count) == [prf.byteCount, 64, 64, 32, 32, prf.byteCount, prf.byteCount])

            for (secret, expected) in [
                (nil, vector.childKeys), (vector.newSharedSecret.secret, vector.childKeysWithExchange),
            ] {
                let child = ChildKeys.material(
                    prf: prf, skD: keys.skD, sharedSecret: secret, additionalSecrets: [], nonces: vector.seed.nonces,
                    byteCount: vector.byteCount)
                #expect(child.shown == expected.bytes, comment)
                let pair = ChildKeys(
                    of: keys, sharedSecret: secret, initiatorNonce: vector.initiatorNonce.bytes,
                    responderNonce: vector.responderNonce.bytes,
                    sizes: ChildKeySizes(encryption: 16, salt: 4, integrity: 32))
                let parts = [pair.fromInitiator, pair.fromResponder].flatMap { [$0.encryption, $0.salt, $0.integrity] }
                #expect(parts.flatMap(\.shown) == Array(expected.bytes[..<104]), comment)
            }
            let successor = keys.successorSkeyseed(sharedSecret: vector.newSharedSecret.secret, seed: vector.seed)
            #expect(successor.shown == vector.successorSkeyseed.bytes, comment)
        }
    }

    struct Additional: Decodable {
        var initiatorNonce, responderNonce, initiatorSPI, responderSPI, sharedSecret: Hex
        var additionalSecrets, keys: [Hex]
        var childKeys, successorSkeyseed: Hex
    }

    @Test func additionalKeyExchanges() throws {
        let vector: Additional = try fixture("additional-exchanges")
        let seed = IKESeed(
            initiatorNonce: vector.initiatorNonce.bytes, responderNonce: vector.responderNonce.bytes,
            initiatorSPI: vector.initiatorSPI.number, responderSPI: vector.responderSPI.number)
        let protection = try #require(ProtectionAlgorithm(.aes128gcm16))
        var keys = IKEKeys(
            sharedSecret: vector.sharedSecret.secret, prf: .prfsha256, protection: protection, seed: seed)
        #expect(keys.all == vector.keys[0].bytes)
        for (secret, expected) in zip(vector.additionalSecrets, vector.keys.dropFirst()) {
            keys = keys.updated(sharedSecret: secret.secret, seed: seed)
            #expect(keys.all == expected.bytes)
        }
        let additional = vector.additionalSecrets.map(\.secret)
        let child = ChildKeys(
            of: keys, sharedSecret: vector.sharedSecret.secret, additionalSecrets: additional,
            initiatorNonce: seed.initiatorNonce, responderNonce: seed.responderNonce,
            sizes: ChildKeySizes(.aes128gcm16))
        let parts = [child.fromInitiator, child.fromResponder].flatMap { [$0.encryption, $0.salt, $0.integrity] }
        #expect(parts.flatMap(\.shown) == vector.childKeys.bytes)
        let successor = keys.successorSkeyseed(
            sharedSecret: vector.sharedSecret.secret, additionalSecrets: additional, seed: seed)
        #expect(successor.shown == vector.successorSkeyseed.bytes)
    }
}

extension IKEKeys {
    var all: [UInt8] { [skD, skAi, skAr, skEi, skEr, skPi, skPr].flatMap(\.shown) }
}
