import Associations
import ControlPlane
import Testing
import Wire

extension IKEMessageTests {
    /// What was written reads back the same.
    @Suite struct RoundTrips {
        @Test(arguments: RandomMessage.types) func everyPayload(_ type: PayloadType) throws {
            var source = RandomMessage(seed: 1 + UInt64(type.rawValue))
            for _ in 0..<300 {
                let payload = source.payload(type)
                #expect(try IKEMessageTests.echo([payload]) == [payload])
            }
        }

        @Test(arguments: 1...20 as ClosedRange<UInt64>) func everyMessage(_ seed: UInt64) throws {
            var source = RandomMessage(seed: seed)
            for _ in 0..<100 {
                let message = source.message()
                let bytes = message.bytes
                #expect(bytes.count == Int(message.header.length))
                let read = try IKEMessage(bytes)
                #expect(read == message)
                #expect(read.bytes == bytes)
            }
        }

        @Test(arguments: 1...10 as ClosedRange<UInt64>) func everyInnerChain(_ seed: UInt64) throws {
            var source = RandomMessage(seed: seed)
            for _ in 0..<100 {
                let payloads = source.chain()
                let bytes = IKEPayload.bytes(ofChain: payloads)
                #expect(try IKEPayload.innerChain(payloads.first?.type ?? .none, bytes) == payloads)
            }
        }

        @Test func sealedBytesAreWhereTheMessageSays() throws {
            let sealed: Bytes = [9, 8, 7, 6, 5]
            let cookie = IKEPayload.notify(NotifyPayload(.cookie2, data: [1, 2, 3]))
            let whole = IKEMessage(
                IKEMessageTests.header, [cookie, .encrypted(EncryptedPayload(first: .notify, sealed: sealed))])
            #expect(Bytes(whole.bytes[(try #require(whole.sealedOffset))...]) == sealed)
            // RFC 7383 §2.5: the fragment's numbers are in front of what is sealed, and authenticated with the rest.
            let fragment = IKEMessage(
                IKEMessageTests.header,
                [.encryptedFragment(EncryptedFragmentPayload(number: 2, of: 3, first: .none, sealed: sealed))])
            #expect(fragment.sealedOffset == 28 + 4 + 4)
            #expect(Bytes(fragment.bytes[36...]) == sealed)
            #expect(IKEMessage(IKEMessageTests.header, [cookie]).sealedOffset == nil)
        }

        /// SK's next payload is the first of those inside (RFC 7296 §3.14), not the end of the chain.
        @Test func anEncryptedPayloadNamesTheFirstInside() throws {
            let message = IKEMessage(
                IKEMessageTests.header, [.encrypted(EncryptedPayload(first: .identificationInitiator, sealed: [1]))])
            #expect(message.bytes[16] == PayloadType.encrypted.rawValue)
            #expect(message.bytes[28] == PayloadType.identificationInitiator.rawValue)
            #expect(try IKEMessage(message.bytes).payloads.encrypted?.first == .identificationInitiator)
        }

        @Test func reservedBitsAreIgnored() throws {
            typealias Make = IKEMessageTests
            let clean = IKEMessage(
                IKEMessageTests.header,
                [
                    .securityAssociation(
                        SecurityAssociationPayload([try Proposal(named: "aes128gcm16-prfsha256-x25519", .ike)])),
                    .identificationInitiator(IdentificationPayload(.fqdn, data: [0x61])),
                    .trafficSelectorsInitiator(
                        TrafficSelectorPayload([TrafficSelector(try #require(AddressRange("10.0.0.0/8")))])),
                ])
            var dirty = clean.bytes
            dirty[19] |= 0xC7  // the header's reserved flags
            dirty[28 + 1] |= 0x7F  // of the generic header
            dirty[28 + 5] = 0xFF  // of the proposal
            dirty[28 + 13] = 0xFF  // of its first transform
            dirty[28 + 17] = 0xFF  // and beside that one's type
            let identification = 28 + Int(dirty[28 + 3])
            dirty[identification + 1] = 0xFF  // critical, but known: RFC 7296 §2.5
            for offset in 5...7 { dirty[identification + offset] = 0xFF }
            let selectors = identification + 9
            for offset in 5...7 { dirty[selectors + offset] = 0xFF }
            #expect(dirty != clean.bytes)
            let read = try IKEMessage(dirty)
            #expect(read == clean)
            // Those of an identification stay: AUTH covers them as they came (RFC 7296 §2.15).
            var expected = clean.bytes
            for offset in 5...7 { expected[identification + offset] = 0xFF }
            #expect(read.bytes == expected)
        }

        @Test func aCriticalPayloadLeavesWithItsBit() {
            let message = IKEMessage(
                IKEMessageTests.header,
                [.unknown(UnknownPayload(PayloadType(rawValue: 200), isCritical: true, bytes: [1]))])
            #expect(message.bytes[29] == 0x80)
            #expect(IKEMessageTests.fault(message.bytes) == .unsupportedCriticalPayload(PayloadType(rawValue: 200)))
        }

        @Test func aMessageMayHoldNothing() throws {
            #expect(try IKEMessageTests.echo([]) == [])
            #expect(try IKEPayload.innerChain(.none, []) == [])
        }
    }
}
