import Associations
import ControlPlane
import Foundation
import Testing

@Suite struct SignatureTests {
    struct Vector: Decodable, Sendable {
        var source, scheme, form: String
        var publicKeyInfo, message, signature: Hex
        var isValid: Bool
    }

    /// Wycheproof, among them PSS with no salt, which is not what the scheme says.
    @Test func knownSignatures() throws {
        let vectors: [Vector] = try fixture("signatures")
        #expect(vectors.count == 72)
        for vector in vectors {
            let key = try VerifyingKey(publicKeyInfo: vector.publicKeyInfo.bytes)
            let scheme = try #require(SignatureScheme(rawValue: vector.scheme))
            let isValid =
                vector.form == "halves"
                ? key.isSignature(halves: vector.signature.bytes, of: vector.message.bytes)
                : key.isSignature(vector.signature.bytes, of: vector.message.bytes, by: scheme)
            #expect(isValid == vector.isValid, "\(vector.source)")
        }
    }

    struct KeyPair: Decodable, Sendable {
        /// PEM of PKCS#8.
        var name, privateKey: String
    }

    static func keys() throws -> [String: SigningKey] {
        let pairs: [KeyPair] = try fixture("signing-keys")
        return try Dictionary(
            uniqueKeysWithValues: pairs.map { ($0.name, try SigningKey(SecretBytes(Array($0.privateKey.utf8)))) })
    }

    @Test func everySchemeOfEveryKey() throws {
        let octets = Array("what both ends saw".utf8)
        let keys = try Self.keys()
        #expect(
            keys.mapValues(\.kind) == [
                "rsa2048": .rsa(bits: 2048), "ecdsa256": .ecdsaP256, "ecdsa384": .ecdsaP384, "ecdsa521": .ecdsaP521,
                "ed25519": .ed25519,
            ])
        for (name, key) in keys {
            let verifying = try VerifyingKey(publicKeyInfo: key.publicKeyInfo)
            #expect(verifying.kind == key.kind)
            for scheme in SignatureScheme.allCases {
                guard key.kind.schemes.contains(scheme) else {
                    #expect(throws: SignatureFailure.unfit(scheme)) { try key.sign(octets, by: scheme) }
                    continue
                }
                let signature = try key.sign(octets, by: scheme)
                #expect(verifying.isSignature(signature, of: octets, by: scheme), "\(name) \(scheme)")
                #expect(!verifying.isSignature(signature, of: octets + [0], by: scheme))
                #expect(!verifying.isSignature(signature.dropLast(), of: octets, by: scheme))
                #expect(!verifying.isSignature([], of: octets, by: scheme))
                for other in SignatureScheme.allCases where other != scheme {
                    #expect(!verifying.isSignature(signature, of: octets, by: other), "\(name) \(scheme) \(other)")
                }
            }
            for (otherName, other) in keys where otherName != name {
                let scheme = key.kind.schemes[0]
                let signature = try key.sign(octets, by: scheme)
                let stranger = try VerifyingKey(publicKeyInfo: other.publicKeyInfo)
                #expect(!stranger.isSignature(signature, of: octets, by: scheme))
            }
        }
    }

    /// AUTH methods 9, 10 and 11.
    @Test func halves() throws {
        let octets = Array("what both ends saw".utf8)
        for (name, key) in try Self.keys() {
            let verifying = try VerifyingKey(publicKeyInfo: key.publicKeyInfo)
            guard let method = key.kind.ecdsaMethod else {
                #expect(throws: SignatureFailure.refused) { try key.signHalves(octets) }
                #expect(!verifying.isSignature(halves: [UInt8](repeating: 1, count: 64), of: octets), "\(name)")
                continue
            }
            let halves = try key.signHalves(octets)
            #expect(halves.count == 2 * method.halfByteCount)
            #expect(verifying.isSignature(halves: halves, of: octets))
            #expect(!verifying.isSignature(halves: halves.reversed(), of: octets))
            #expect(!verifying.isSignature(halves: halves + [0, 0], of: octets))
        }
    }

    /// RFC 7427 appendix A, as OpenSSL writes it into certificates.
    @Test(arguments: [
        (
            SignatureScheme.rsaPSSSHA256,
            "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108"
                + "300d06096086480165030402010500a203020120"
        ),
        (
            .rsaPSSSHA384,
            "304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108"
                + "300d06096086480165030402020500a203020130"
        ),
        (
            .rsaPSSSHA512,
            "304106092a864886f70d01010a3034a00f300d06096086480165030402030500a11c301a06092a864886f70d010108"
                + "300d06096086480165030402030500a203020140"
        ),
        (.rsaSHA256, "300d06092a864886f70d01010b0500"), (.rsaSHA384, "300d06092a864886f70d01010c0500"),
        (.rsaSHA512, "300d06092a864886f70d01010d0500"), (.ecdsaSHA256, "300a06082a8648ce3d040302"),
        (.ecdsaSHA384, "300a06082a8648ce3d040303"), (.ecdsaSHA512, "300a06082a8648ce3d040304"),
        (.ed25519, "300506032b6570"),
    ]) func identifiers(_ scheme: SignatureScheme, _ text: String) throws {
        #expect(scheme.algorithmIdentifier == Hex(text).bytes)
        #expect(SignatureScheme(algorithmIdentifier: Hex(text).bytes) == scheme)
        let data = scheme.authenticationData(signature: [9, 8, 7])
        let parsed = try #require(SignatureScheme.parse(authenticationData: data))
        #expect(parsed.scheme == scheme && parsed.signature == [9, 8, 7])
        for count in 0..<data.count - 2 {
            #expect(SignatureScheme.parse(authenticationData: Array(data[..<count])) == nil)
        }
    }

    @Test func identifiersThatAreNot() {
        // PKCS#1 and PSS's hashes without parameters are understood; SHA-1 and PSS by default (SHA-1) are not.
        #expect(SignatureScheme(algorithmIdentifier: Hex("300b06092a864886f70d01010b").bytes) == .rsaSHA256)
        #expect(SignatureScheme(algorithmIdentifier: Hex("300d06092a864886f70d0101050500").bytes) == nil)
        #expect(SignatureScheme(algorithmIdentifier: Hex("300d06092a864886f70d01010a3000").bytes) == nil)
        #expect(SignatureScheme(algorithmIdentifier: []) == nil)
        #expect(SignatureScheme.rsaSHA1.algorithmIdentifier == nil)
    }

    @Test func theBestSchemeThatThePeerKnows() {
        #expect(SignatureKeyKind.rsa(bits: 2048).scheme(peerHashes: [.sha1, .sha512, .sha256]) == .rsaPSSSHA256)
        #expect(SignatureKeyKind.ecdsaP384.scheme(peerHashes: [.sha256, .sha384]) == .ecdsaSHA384)
        #expect(SignatureKeyKind.ecdsaP384.scheme(peerHashes: [.sha256]) == .ecdsaSHA256)
        #expect(SignatureKeyKind.rsa(bits: 4096).scheme(peerHashes: [.sha1]) == nil)
        #expect(SignatureKeyKind.ed25519.scheme(peerHashes: [.sha256]) == nil)
        #expect(SignatureKeyKind.ed25519.scheme(peerHashes: [.identity]) == .ed25519)
    }

    @Test func keysThatAreNot() throws {
        let refused: [KeyPair] = try fixture("refused-keys")
        for pair in refused {
            #expect(throws: SignatureFailure.self, "\(pair.name)") {
                try SigningKey(SecretBytes(Array(pair.privateKey.utf8)))
            }
        }
        for bytes: [UInt8] in [[], [0x30], [0x30, 0], Array("-----BEGIN PRIVATE KEY-----\n".utf8), [0, 1, 2]] {
            #expect(throws: SignatureFailure.notAKey) { try SigningKey(SecretBytes(bytes)) }
            #expect(throws: SignatureFailure.notAKey) { try VerifyingKey(publicKeyInfo: bytes) }
        }
        for (name, key) in try Self.keys() {
            #expect(throws: SignatureFailure.notAKey) { try VerifyingKey(publicKeyInfo: key.publicKeyInfo + [0]) }
            for count in 0..<key.publicKeyInfo.count {
                #expect(throws: SignatureFailure.notAKey) {
                    try VerifyingKey(publicKeyInfo: Array(key.publicKeyInfo[..<count]))
                }
            }
            // A bit of the key itself wrong: it is no key, or another one.
            let head = ["rsa2048": 33, "ecdsa256": 27, "ecdsa384": 24, "ecdsa521": 26, "ed25519": 12][name]!
            let octets = Array("what both ends saw".utf8)
            let signature = try key.sign(octets, by: key.kind.schemes[0])
            for place in key.publicKeyInfo.indices.dropFirst(head) {
                var changed = key.publicKeyInfo
                changed[place] ^= 1 << UInt8(place % 8)
                let other = try? VerifyingKey(publicKeyInfo: changed)
                #expect(other?.isSignature(signature, of: octets, by: key.kind.schemes[0]) != true, "\(name) \(place)")
            }
        }
    }
}
