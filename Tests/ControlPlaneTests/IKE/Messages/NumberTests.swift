import Associations
import ControlPlane
import Testing

extension IKEMessageTests {
    /// IANA's numbers and what is known about them.
    @Suite struct Numbers {
        @Test func namesAreIANAs() {
            #expect(
                "\(ExchangeType.ikeSAInit) \(ExchangeType(rawValue: 43)) \(ExchangeType(rawValue: 200))"
                    == "IKE_SA_INIT IKE_INTERMEDIATE 200")
            #expect(
                "\(NotifyType.noProposalChosen) \(NotifyType(rawValue: 16444)) \(NotifyType(rawValue: 40000))"
                    == "NO_PROPOSAL_CHOSEN SA_RESOURCE_INFO 40000")
            #expect("\(TransformType(rawValue: 12)) \(TransformType(rawValue: 13))" == "ADDKE7 13")
            #expect("\(EncryptionID.aesGCM16) \(KeyExchangeID.mlKEM768)" == "ENCR_AES_GCM_16 ml-kem-768")
        }

        @Test func errorsAreBelow16384() {
            #expect(NotifyType.tsMaxQueue.isError && NotifyType(rawValue: 16383).isError)
            #expect(!NotifyType.initialContact.isError && !NotifyType(rawValue: 65535).isError)
        }

        @Test func everyNumberIsNamedOnce() {
            #expect(Set(NotifyType.names.values).count == NotifyType.names.count)
            #expect(Set(KeyExchangeID.names.values).count == KeyExchangeID.names.count)
            #expect(KeyExchangeID.names.keys.allSatisfy { $0 == .none || $0.dataByteCounts != nil })
        }

        @Test func notificationsSayWhatTheyMean() throws {
            let wanted = NotifyPayload.invalidKEPayload(wanted: .ecp384)
            #expect(wanted.data == [0, 20] && wanted.wantedKeyExchange == .ecp384)
            #expect(NotifyPayload(.invalidKEPayload, data: [1]).wantedKeyExchange == nil)
            #expect(NotifyPayload(.cookie, data: [0, 20]).wantedKeyExchange == nil)
            let rekey = NotifyPayload(.rekeySA, .esp, SPI(rawValue: 0x0102_0304))
            #expect(rekey.spi == [1, 2, 3, 4] && rekey.childSPI == SPI(rawValue: 0x0102_0304))
            #expect(NotifyPayload(.rekeySA).childSPI == nil)
            #expect(NotifyPayload(.signatureHashAlgorithms, data: [0, 2, 0]).signatureHashes == nil)
            #expect(NotifyPayload.signatureHashAlgorithms([.sha256, .identity]).data == [0, 2, 0, 5])
        }

        @Test func certificateRequestsAreHashes() {
            let hashes = CertificateRequestPayload(.x509Signature, authority: Bytes(repeating: 1, count: 40))
            #expect(hashes.keyHashes?.count == 2)
            #expect(CertificateRequestPayload(.x509Signature, authority: [1]).keyHashes == nil)
            #expect(CertificateRequestPayload(.crl, authority: []).keyHashes == nil)
        }

        @Test func anIKESPIIsEightBytes() {
            let spi = IKESPI(rawValue: 0x0A)
            #expect(spi.bytes == [0, 0, 0, 0, 0, 0, 0, 10] && IKESPI(bytes: spi.bytes) == spi)
            #expect(IKESPI(bytes: [1]) == nil)
            #expect("\(spi)" == "000000000000000a")
        }
    }
}
