import Associations
import ControlPlane
import Testing

@Suite struct ProtectionTests {
    static let algorithms: [ProtectionAlgorithm] = ProtectionAlgorithm.Cipher.allCases.flatMap { cipher in
        ([nil] + ProtectionAlgorithm.Integrity.allCases.map(Optional.some)).compactMap {
            ProtectionAlgorithm(cipher, $0)
        }
    }
    static let header = [UInt8](0..<32)

    static func protection(_ algorithm: ProtectionAlgorithm, seed: UInt8 = 1) -> IKEProtection {
        IKEProtection(
            algorithm,
            encryptionKey: SecretBytes((0..<algorithm.encryptionKeyByteCount).map { UInt8($0) &+ seed }),
            integrityKey: SecretBytes((0..<algorithm.integrityKeyByteCount).map { UInt8($0) ^ seed }))
    }

    @Test func everyPairIsThere() {
        #expect(Self.algorithms.count == 4 + 3 * 3)
        #expect(ProtectionAlgorithm(.aes128gcm16, .sha256) == nil)
        #expect(ProtectionAlgorithm(.aes128) == nil)
    }

    @Test(arguments: algorithms) func whatIsSealedOpens(_ algorithm: ProtectionAlgorithm) {
        let protection = Self.protection(algorithm)
        for count in [0, 1, 14, 15, 16, 17, 31, 32, 1000] {
            let plaintext = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let body = protection.seal(plaintext, associatedData: Self.header, number: UInt64(count))
            #expect(body.count == algorithm.bodyByteCount(plaintext: count))
            #expect(protection.open(body, associatedData: Self.header) == plaintext)
            // As a part of a message, too.
            let message = Self.header + body
            #expect(protection.open(message[32...], associatedData: message[..<32]) == plaintext)
        }
    }

    @Test(arguments: algorithms) func whatWasChangedDoesNot(_ algorithm: ProtectionAlgorithm) {
        let protection = Self.protection(algorithm)
        let body = protection.seal([1, 2, 3, 4, 5], associatedData: Self.header, number: 7)
        for index in body.indices {
            var changed = body
            changed[index] ^= 1 << UInt8(index % 8)
            #expect(protection.open(changed, associatedData: Self.header) == nil)
        }
        for index in Self.header.indices {
            var changed = Self.header
            changed[index] ^= 1 << UInt8(index % 8)
            #expect(protection.open(body, associatedData: changed) == nil)
        }
        for count in 0..<body.count {
            #expect(protection.open(Array(body[..<count]), associatedData: Self.header) == nil)
        }
        #expect(protection.open(body + [0], associatedData: Self.header) == nil)
        #expect(protection.open(body, associatedData: []) == nil)
        #expect(Self.protection(algorithm, seed: 2).open(body, associatedData: Self.header) == nil)
    }

    /// The IV is the number with an AEAD; with CBC it is another one for every number, and does not tell it.
    @Test(arguments: algorithms) func numbersMakeIVs(_ algorithm: ProtectionAlgorithm) {
        let protection = Self.protection(algorithm)
        let ivs = [0, 1, 2, 0x0102_0304_0506_0708, UInt64.max].map {
            Array(protection.seal([], associatedData: [], number: $0)[..<algorithm.ivByteCount])
        }
        #expect(Set(ivs).count == ivs.count)
        if algorithm.integrity == nil { #expect(ivs[3] == [1, 2, 3, 4, 5, 6, 7, 8]) }
        #expect((algorithm.integrity == nil) == (ivs[0] == [UInt8](repeating: 0, count: 8)))
    }

    @Test(arguments: algorithms) func roomForFragments(_ algorithm: ProtectionAlgorithm) {
        for room in 0..<200 {
            guard let count = algorithm.plaintextByteCount(body: room) else {
                #expect(algorithm.bodyByteCount(plaintext: 0) > room)
                continue
            }
            #expect(algorithm.bodyByteCount(plaintext: count) <= room)
            #expect(algorithm.bodyByteCount(plaintext: count + 1) > room)
        }
    }

    struct Vector: Decodable, Sendable {
        var source, algorithm: String
        var key, nonce, aad, ciphertext, tag: Hex
        /// nil when the tag is wrong. Its last byte is read as the count of the padding before it.
        var plaintext: Hex?
    }

    /// RFC 7634, Wycheproof, NIST CAVP.
    @Test func knownCiphertexts() throws {
        let vectors: [Vector] = try fixture("aead")
        var sealed = 0
        var misfits = 0
        for vector in vectors {
            let algorithm = try #require(
                ProtectionAlgorithm.Cipher(rawValue: vector.algorithm).flatMap { ProtectionAlgorithm($0) })
            let protection = IKEProtection(
                algorithm, encryptionKey: SecretBytes(vector.key.bytes + vector.nonce.bytes[..<4]),
                integrityKey: SecretBytes([]))
            let body = Array(vector.nonce.bytes[4...]) + vector.ciphertext.bytes + vector.tag.bytes
            let opened = protection.open(body, associatedData: vector.aad.bytes)
            guard let plaintext = vector.plaintext?.bytes else {
                #expect(opened == nil, "\(vector.source)")
                continue
            }
            let pad = Int(plaintext.last!)
            guard pad < plaintext.count else {
                // Authentic, but with a count of padding that does not fit.
                misfits += 1
                #expect(opened == nil, "\(vector.source)")
                continue
            }
            #expect(opened == Array(plaintext.dropLast(1 + pad)), "\(vector.source)")
            guard pad == 0 else { continue }
            sealed += 1
            let number = vector.nonce.bytes[4...].reduce(0) { $0 << 8 | UInt64($1) }
            #expect(
                protection.seal(plaintext.dropLast(), associatedData: vector.aad.bytes, number: number) == body,
                "\(vector.source)")
        }
        #expect(sealed == 4 && misfits == 8 && vectors.count == 59)
    }

    @Test func transformNumbers() {
        #expect(ProtectionAlgorithm(encryptionID: 20, keyBits: 128, integrityID: nil)?.description == "aes128gcm16")
        #expect(ProtectionAlgorithm(encryptionID: 20, keyBits: 256, integrityID: 0)?.description == "aes256gcm16")
        #expect(
            ProtectionAlgorithm(encryptionID: 28, keyBits: nil, integrityID: nil)?.description == "chacha20poly1305")
        #expect(ProtectionAlgorithm(encryptionID: 12, keyBits: 256, integrityID: 14)?.description == "aes256-sha512")
        #expect(ProtectionAlgorithm(encryptionID: 12, keyBits: 128, integrityID: 12)?.icvByteCount == 16)
        for (encryption, bits, integrity): (UInt16, UInt16?, UInt16?) in [
            (20, nil, nil), (20, 128, 12), (28, 256, nil), (12, 128, nil), (12, 128, 2), (20, 128, 2), (3, nil, 12),
        ] {
            #expect(ProtectionAlgorithm(encryptionID: encryption, keyBits: bits, integrityID: integrity) == nil)
        }
    }
}
