import ControlPlane
import Foundation
import Testing

extension IKEMessageTests {
    /// What others wrote.
    @Suite struct Recorded {
        static func all() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: IKEMessageTests.fixtures.path)
                .filter { $0.hasSuffix(".hex") }.map { String($0.dropLast(4)) }.sorted()
        }

        @Test func everyMessageIsReadAndWrittenByteForByte() throws {
            let names = try Self.all()
            #expect(names.count >= 10)
            for name in names where !name.contains("inner") {
                let bytes = try IKEMessageTests.recorded(name)
                #expect(try IKEMessage(bytes).bytes == bytes, "\(name)")
            }
        }

        @Test func strongSwanAsksForAnSA() throws {
            let message = try IKEMessage(try IKEMessageTests.recorded("strongswan-tunnel-ike-sa-init-request"))
            #expect("\(message.header.initiatorSPI)" == "55fdb3cb8d184a26")
            #expect(message.header.responderSPI == .zero)
            #expect(message.header.exchange == .ikeSAInit)
            #expect(message.header.flags == .initiator)
            #expect(message.header.messageID == 0)
            let proposals = try #require(message.payloads.securityAssociation).proposals
            #expect(proposals == [try Proposal(named: "aes128gcm16-prfsha256-x25519", .ike)])
            #expect(proposals.map(\.name) == ["aes128gcm16-prfsha256-x25519"])
            #expect(message.payloads.keyExchange?.method == .curve25519)
            #expect(message.payloads.keyExchange?.data.count == 32)
            #expect(message.payloads.nonce?.data.count == 32)
            #expect(
                message.payloads.notifications.map(\.type) == [
                    .natDetectionSourceIP, .natDetectionDestinationIP, .ikev2FragmentationSupported,
                    .signatureHashAlgorithms, .redirectSupported,
                ])
            #expect(
                message.payloads.notification(.signatureHashAlgorithms)?.signatureHashes
                    == [.sha256, .sha384, .sha512, .identity])
        }

        @Test func strongSwanAnswers() throws {
            let message = try IKEMessage(try IKEMessageTests.recorded("strongswan-tunnel-ike-sa-init-response"))
            #expect(message.header.flags == .response)
            #expect("\(message.header.responderSPI)" == "f2cc0ef4e915bfce")
            #expect(message.payloads.securityAssociation?.proposals.first?.number == 1)
            #expect(message.payloads.notification(.childlessIKEv2Supported) != nil)
            #expect(message.payloads.notification(.multipleAuthSupported) != nil)
        }

        @Test func encryptedMessagesKeepWhatIsSealed() throws {
            let bytes = try IKEMessageTests.recorded("strongswan-libipsec-ike-auth-request")
            let message = try IKEMessage(bytes)
            #expect(message.header.messageID == 1)
            #expect(message.payloads.count == 1)
            #expect(message.payloads.encrypted?.first == .identificationInitiator)
            #expect(message.sealedOffset == 32)
            #expect(message.payloads.encrypted?.sealed == Bytes(bytes[32...]))
            // An answer to a liveness check: nothing is inside.
            let empty = try IKEMessage(try IKEMessageTests.recorded("strongswan-libipsec-informational-response"))
            #expect(empty.payloads.encrypted?.first == PayloadType.none)
            #expect(empty.header.flags == .response)
        }
    }
}
