import Associations
import ControlPlane
import Foundation
import Testing
import Wire

extension IKEMessageTests {
    /// What strongSwan sealed, as its own log gave it away.
    @Suite struct RecordedInside {
        static func inner(_ name: String) throws -> (first: PayloadType, bytes: Bytes) {
            let bytes = try IKEMessageTests.recorded("strongswan-inner-" + name)
            return (PayloadType(rawValue: bytes[0]), Bytes(bytes.dropFirst()))
        }
        static func payloads(_ name: String) throws -> [IKEPayload] {
            let (first, bytes) = try inner(name)
            return try IKEPayload.innerChain(first, bytes)
        }

        @Test func everyChainIsReadAndWrittenByteForByte() throws {
            let names = try Recorded.all().filter { $0.hasPrefix("strongswan-inner-") }.map { String($0.dropFirst(17)) }
            #expect(names.count == 9)
            for name in names {
                let (first, bytes) = try Self.inner(name)
                let payloads = try IKEPayload.innerChain(first, bytes)
                #expect(IKEPayload.bytes(ofChain: payloads) == bytes, "\(name)")
            }
        }

        @Test func anIKEAuthRequest() throws {
            let payloads = try Self.payloads("ike-auth-request")
            #expect(
                payloads.map(\.type) == [
                    .identificationInitiator, .certificate, .notify, .certificateRequest, .identificationResponder,
                    .authentication, .configuration, .securityAssociation, .trafficSelectorInitiator,
                    .trafficSelectorResponder, .notify, .notify, .notify, .notify, .notify,
                ])
            #expect(payloads.identificationInitiator == IdentificationPayload(.fqdn, data: Bytes("a.example".utf8)))
            #expect(payloads.certificates.map(\.encoding) == [.x509Signature])
            #expect(payloads.certificateRequests.first?.keyHashes?.count == 1)
            let authentication = try #require(payloads.authentication)
            #expect(authentication.method == .digitalSignature)
            // ecdsa-with-SHA256 (RFC 7427 appendix A.3.2).
            #expect(authentication.algorithmIdentifier == Hexadecimal.bytes("300a06082a8648ce3d040302"))
            #expect(authentication.data.first == 0x30)
            #expect(payloads.configuration?.type == .request)
            #expect(payloads.configuration?.attributes.map(\.type) == [.internalIPv4Address, .internalIPv6Address])
            #expect(
                payloads.securityAssociation?.proposals.map(\.name) == ["aes128gcm16-aes256gcm16", "aes256-sha256"])
            #expect(payloads.securityAssociation?.proposals.map(\.number) == [1, 2])
            #expect(payloads.securityAssociation?.proposals.allSatisfy { $0.spi.count == 4 } == true)
            #expect(payloads.trafficSelectorsInitiator?.selectors.map(\.description) == ["0.0.0.0/0", "::/0"])
            #expect(payloads.trafficSelectorsResponder?.selectors.map(\.description) == ["10.72.0.0/24"])
            #expect(
                payloads.notifications.map(\.type) == [
                    .initialContact, .mobikeSupported, .additionalIPv6Address, .multipleAuthSupported,
                    .eapOnlyAuthentication, .ikev2MessageIDSyncSupported,
                ])
        }

        @Test func anIKEAuthResponse() throws {
            let payloads = try Self.payloads("ike-auth-response")
            #expect(payloads.identificationResponder?.data == Bytes("b.example".utf8))
            #expect(payloads.configuration?.type == .reply)
            #expect(payloads.configuration?.attributes.first?.value == [10, 99, 0, 1])
            #expect(payloads.securityAssociation?.proposals.map(\.name) == ["aes128gcm16"])
        }

        @Test func aChildIsRekeyed() throws {
            let payloads = try Self.payloads("rekey-child-request")
            #expect(payloads.notification(.rekeySA)?.childSPI != nil)
            #expect(payloads.keyExchange?.method == .curve25519)
            #expect(payloads.securityAssociation?.proposals.first?.name == "aes128gcm16-aes256gcm16-x25519")
            guard case .esp(let spis) = try #require(try Self.payloads("delete-child").deletions.first) else {
                Issue.record("not a deletion for ESP")
                return
            }
            #expect(spis == [payloads.notification(.rekeySA)?.childSPI])
        }

        @Test func anIKESAIsRekeyedAndDeleted() throws {
            let proposal = try #require(try Self.payloads("rekey-ike-request").securityAssociation?.proposals.first)
            #expect(proposal.protocolID == .ike)
            #expect(IKESPI(bytes: proposal.spi) != nil)
            let taken = try #require(try Self.payloads("rekey-ike-response").securityAssociation?.proposals)
            #expect(taken.count == 1 && taken[0].spi.count == 8)
            #expect(try Self.payloads("delete-ike") == [.delete(.ikeSA)])
        }

        @Test func anOfferOfTwo() throws {
            let message = try IKEMessage(
                try IKEMessageTests.recorded("strongswan-two-proposals-ike-sa-init-request"))
            #expect(
                message.payloads.securityAssociation?.proposals.map(\.name) == [
                    "aes256-aes128-sha256-sha384-prfsha384-modp3072-x25519",
                    "aes128gcm16-chacha20poly1305-prfsha256-x25519-ecp256",
                ])
            #expect(message.payloads.keyExchange?.method == .modp3072)
        }

        /// The fuzzer's kept inputs, without the fuzzer: all of them are right.
        @Test func keptFuzzInputs() throws {
            let corpus = IKEMessageTests.fixtures.deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().appending(path: "Fuzz/Corpus/ike-message")
            let names = try FileManager.default.contentsOfDirectory(atPath: corpus.path)
            #expect(names.count >= 10)
            for name in names {
                let input = Bytes(try Data(contentsOf: corpus.appending(path: name)))
                if input[0] & 1 == 0 {
                    #expect(throws: Never.self, "\(name)") { try IKEMessage(Bytes(input.dropFirst())) }
                } else {
                    #expect(throws: Never.self, "\(name)") {
                        try IKEPayload.innerChain(PayloadType(rawValue: input[1]), Bytes(input.dropFirst(2)))
                    }
                }
            }
        }
    }
}
