import Associations
import ControlPlane
import Testing
import Wire

@Suite struct PRFTests {
    struct Case: Sendable {
        var key, message: [UInt8]
        var codes: [PRF: String]
    }

    /// RFC 4231 §4.2, §4.3 and §4.7 (a key longer than a block), RFC 2202 for SHA-1.
    static let cases = [
        Case(
            key: [UInt8](repeating: 0x0B, count: 20), message: Array("Hi There".utf8),
            codes: [
                .prfsha1: "b617318655057264e28bc0b6fb378c8ef146be00",
                .prfsha256: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                .prfsha384:
                    "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
                .prfsha512:
                    "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
                    + "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
            ]),
        Case(
            key: Array("Jefe".utf8), message: Array("what do ya want for nothing?".utf8),
            codes: [
                .prfsha1: "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
                .prfsha256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                .prfsha384:
                    "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
                .prfsha512:
                    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
                    + "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ]),
        Case(
            key: [UInt8](repeating: 0xAA, count: 131),
            message: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            codes: [
                .prfsha256: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                .prfsha384:
                    "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
                .prfsha512:
                    "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
                    + "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            ]),
    ]

    @Test(arguments: cases) func knownCodes(_ example: Case) {
        for (prf, code) in example.codes {
            #expect(prf(.open(example.key), [.open(example.message)]).shown == Hexadecimal.bytes(code))
            #expect(prf.byteCount * 2 == code.count)
        }
    }

    /// Where the pieces are cut, and which of them are secret, changes nothing; nor do empty ones.
    @Test func piecesAreOneMessage() {
        let example = Self.cases[1]
        let whole = PRF.prfsha256(.open(example.key), [.open(example.message)])
        let pieces = PRF.prfsha256(
            .secret(SecretBytes(example.key)),
            [
                .open([]), .secret(SecretBytes(example.message[..<5])), .secret(SecretBytes([])),
                .open(Array(example.message[5...])),
            ])
        #expect(whole.matches(pieces))
    }

    /// T1 = prf(K, S | 1), T2 = prf(K, T1 | S | 2), and so on up to T255.
    @Test(arguments: PRF.allCases) func expansionIsAChain(_ prf: PRF) {
        let key = Octets.open(Array("key".utf8))
        let seed: [UInt8] = Array("seed".utf8)
        let all = prf.plus(key, [.open(seed)], byteCount: 255 * prf.byteCount)
        var last: [UInt8] = []
        var chain: [UInt8] = []
        for number in 1...255 {
            last = prf(key, [.open(last + seed + [UInt8(number)])]).shown
            chain += last
        }
        #expect(all.shown == chain)
        for count in [0, 1, prf.byteCount - 1, prf.byteCount, prf.byteCount + 1] {
            #expect(prf.plus(key, [.open(seed)], byteCount: count).shown == Array(chain[..<count]))
        }
    }

    @Test func transformNumbers() {
        #expect(PRF(transformID: 5) == .prfsha256)
        #expect(PRF(transformID: 6) == .prfsha384)
        #expect(PRF(transformID: 7) == .prfsha512)
        #expect(PRF(transformID: 2) == nil, "SHA-1 has to be asked for by name")
        #expect(PRF(rawValue: "prfsha1")?.transformID == 2)
    }

    @Test func secretsCompareAndHide() {
        let secret = SecretBytes([1, 2, 3])
        #expect(secret.matches(SecretBytes([1, 2, 3])))
        #expect(!secret.matches(SecretBytes([1, 2, 4])))
        #expect(!secret.matches(SecretBytes([1, 2])))
        #expect(SecretBytes([]).matches(SecretBytes([])))
        #expect(secret.part(1..<3).shown == [2, 3])
        #expect("\(Octets.secret(secret))" == "secret(secret, 3 bytes)")
    }
}
