import ControlPlane
import Testing

extension IKEMessageTests {
    /// Proposals as operators write them.
    @Suite struct ProposalNames {
        @Test func namesOfIKE() throws {
            #expect(
                try Proposal(named: "aes128gcm16-prfsha256-x25519", .ike).transforms == [
                    .encryption(.aesGCM16, keyBits: 128), .pseudorandomFunction(.hmacSHA256), .keyExchange(.curve25519),
                ])
            #expect(
                try Proposal(named: "aes256-sha256-modp3072", .ike).transforms == [
                    .encryption(.aesCBC, keyBits: 256), .integrity(.hmacSHA256), .pseudorandomFunction(.hmacSHA256),
                    .keyExchange(.modp3072),
                ])
            #expect(
                try Proposal(named: "chacha20poly1305-prfsha384-ecp384", .ike).transforms == [
                    .encryption(.chacha20Poly1305), .pseudorandomFunction(.hmacSHA384), .keyExchange(.ecp384),
                ])
            #expect(
                try Proposal(named: "aes256gcm16-prfsha512-x25519-ke1_mlkem768-ke2_none", .ike).transforms == [
                    .encryption(.aesGCM16, keyBits: 256), .pseudorandomFunction(.hmacSHA512), .keyExchange(.curve25519),
                    .additionalKeyExchange(1, .mlKEM768), .additionalKeyExchange(2, .none),
                ])
        }

        @Test func namesOfESP() throws {
            #expect(
                try Proposal(named: "aes128gcm16-esn", .esp, spi: [1, 2, 3, 4])
                    == Proposal(
                        number: 1, .esp, spi: [1, 2, 3, 4],
                        [.encryption(.aesGCM16, keyBits: 128), .sequenceNumbers(.extended)]))
            #expect(
                try Proposal(named: "aes128gcm16", .esp).transforms == [
                    .encryption(.aesGCM16, keyBits: 128), .sequenceNumbers(.plain),
                ])
            #expect(
                try Proposal(named: "aes128-aes256-sha256-esn-noesn-x25519", .esp).transforms == [
                    .encryption(.aesCBC, keyBits: 128), .encryption(.aesCBC, keyBits: 256), .integrity(.hmacSHA256),
                    .keyExchange(.curve25519), .sequenceNumbers(.extended), .sequenceNumbers(.plain),
                ])
        }

        @Test(arguments: [
            "aes128gcm16-prfsha256-x25519", "aes256-sha256-modp3072", "chacha20poly1305-prfsha384-ecp384",
            "aes128-aes256-sha256-sha512-modp2048-ecp256", "aes256-sha256-prfsha512-x448", "3des-sha1-modp1024",
            "aes256gcm16-prfsha512-x25519-ke1_mlkem768-ke1_none-ke7_mlkem1024", "aes192ctr-aesxcbc-ecp521",
        ]) func namesOfIKEComeBack(_ name: String) throws {
            #expect(try Proposal(named: name, .ike).name == name)
            #expect(try Proposal(named: name.uppercased(), .ike).name == name)
        }

        @Test(arguments: [
            "aes128gcm16", "aes128gcm16-esn", "aes256gcm16-x25519-esn-noesn", "aes128-sha256-modp2048", "null-sha256",
            "aes256gmac", "chacha20poly1305-ecp256-ke1_mlkem768",
        ]) func namesOfESPComeBack(_ name: String) throws {
            #expect(try Proposal(named: name, .esp).name == name)
        }

        @Test func otherOrdersAndSynonymsHaveOneName() throws {
            #expect(try Proposal(named: "modp2048-sha256-aes128-prfsha256", .ike).name == "aes128-sha256-modp2048")
            #expect(
                try Proposal(named: "aes128gcm16-prfsha256-curve25519", .ike).name == "aes128gcm16-prfsha256-x25519")
            #expect(try Proposal(named: "aes128gcm16-noesn", .esp).name == "aes128gcm16")
        }

        static let wrong: [(String, ProtocolID, ProposalNameFault)] = [
            ("", .ike, .empty),
            ("aes128gcm16--x25519", .ike, .unknownWord("", .ike)),
            ("aes129-sha256-modp2048", .ike, .unknownWord("aes129", .ike)),
            ("aes128gcm16-prfsha256-x25519-ke8_mlkem768", .ike, .unknownWord("ke8_mlkem768", .ike)),
            ("aes128gcm16-prfsha256-x25519-ke1_sha256", .ike, .unknownWord("ke1_sha256", .ike)),
            ("aes128gcm16-prfsha256-x25519-esn", .ike, .wrongProtocol("esn", .ike)),
            ("aes128gcm16-prfsha256", .esp, .wrongProtocol("prfsha256", .esp)),
            ("aes128gmac-prfsha256-x25519", .ike, .wrongProtocol("aes128gmac", .ike)),
            ("aes128gcm16-aes128gcm16", .esp, .repeatedWord("aes128gcm16")),
            ("x25519-curve25519-aes128gcm16-prfsha256", .ike, .repeatedWord("curve25519")),
            ("sha256-modp2048", .ike, .noEncryption),
            ("aes128", .esp, .noIntegrity),
            ("aes128gcm16-x25519", .ike, .noPseudorandomFunction),
            ("aes128-sha256", .ike, .noKeyExchange),
            ("aes128-aes128gcm16-sha256", .esp, .mixedModes),
            ("aes128gcm16-sha256", .esp, .integrityWithCombinedMode),
            ("aes128gcm16-ke1_mlkem768", .esp, .additionalKeyExchangeAlone),
        ]

        @Test(arguments: wrong) func whatIsWrongIsSaid(
            _ name: String, _ protocolID: ProtocolID, _ fault: ProposalNameFault
        ) {
            #expect(throws: fault) { try Proposal(named: name, protocolID) }
            #expect(!fault.description.isEmpty)
        }

        @Test func anUnknownWordNamesTheKnownOnes() {
            let words = ProposalNameFault.unknownWord("aes129", .ike).description
            #expect(words.hasPrefix("\"aes129\" is no algorithm known here; for IKE there are aes128gcm16, "))
            #expect(words.contains(" x25519,") && words.contains(" prfsha256,") && !words.contains(" esn"))
            #expect(ProposalNameFault.unknownWord("x", .esp).description.contains(" esn, noesn,"))
        }

        @Test func weakOnesAreMarked() throws {
            for name in [
                "3des-sha256-modp2048", "aes128-sha1-modp2048", "aes128-md5-modp2048",
                "aes128-sha256-modp1024", "aes128-sha256-modp1536", "aes128-sha256-modp2048s256",
                "aes128gcm16-prfsha1-x25519", "aes128gcm16-prfsha256-x25519-ke1_modp1024",
            ] {
                #expect(try Proposal(named: name, .ike).isWeak, "\(name)")
            }
            #expect(try Proposal(named: "null-sha256", .esp).isWeak)
            #expect(
                try Proposal(named: "aes128-3des-sha256-sha1-modp2048", .ike).weakWords == ["3des", "sha1", "prfsha1"])
            for name in ["aes128gcm16-prfsha256-x25519", "aes256-sha256-modp2048", "chacha20poly1305-prfsha384-ecp384"]
            {
                #expect(try !Proposal(named: name, .ike).isWeak, "\(name)")
            }
        }

        /// A peer's offer is told whole, also what nobody here knows.
        @Test func aStrangeOfferIsTold() {
            let offer = Proposal(
                number: 1, .ike,
                [
                    .encryption(.camelliaCTR, keyBits: 128), .encryption(.aesCBC, keyBits: 512), .encryption(.aesCBC),
                    Proposal.Transform(.encryption, id: 1024), .integrity(.none), .integrity(.aes128GMAC),
                    .pseudorandomFunction(PseudorandomFunctionID(rawValue: 9)),
                    .keyExchange(KeyExchangeID(rawValue: 33)), .additionalKeyExchange(3, KeyExchangeID(rawValue: 99)),
                    Proposal.Transform(TransformType(rawValue: 13), id: 1),
                    Proposal.Transform(.keyExchange, id: 14, attributes: [.value(type: 1, 1)]),
                ])
            #expect(
                offer.name == "ENCR_CAMELLIA_CTR_128-ENCR_AES_CBC_512-ENCR_AES_CBC-ENCR#1024-INTEG_NONE"
                    + "-AUTH_AES_128_GMAC-PRF#9-KE#33-KE#14+?-ADDKE3#99-TYPE13#1")
        }

        /// RFC 5282 §8 lets a combined-mode offer say that it has no integrity algorithm.
        @Test func noIntegrityBesideACombinedModeGoesWithoutSaying() throws {
            var offer = try Proposal(named: "aes128gcm16-prfsha256-x25519", .ike)
            offer.transforms.append(.integrity(.none))
            #expect(offer.name == "aes128gcm16-prfsha256-x25519")
        }
    }
}
