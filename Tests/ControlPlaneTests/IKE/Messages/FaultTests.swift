import ControlPlane
import Testing

extension IKEMessageTests {
    /// Every way in which a message can be wrong, built in words.
    @Suite struct Faults {
        typealias Make = IKEMessageTests
        static let nonce = Bytes(repeating: 7, count: 16)
        static let gcm = Make.transform(.encryption, id: 20, [0x80, 14, 0, 128])

        /// Each fault that there is, and a message that has it.
        static let cases: [(IKEMessageFault, Bytes)] = [
            (.truncatedHeader(0), []),
            (.truncatedHeader(27), Bytes(Make.message(.none).dropLast())),
            (.wrongLength(stated: 29, actual: 28), Make.message(.none, length: 29)),
            (.wrongLength(stated: 27, actual: 28), Make.message(.none, length: 27)),
            (.wrongLength(stated: 0xFFFF_FFFF, actual: 28), Make.message(.none, length: 0xFFFF_FFFF)),
            (.majorVersion(1), Make.message(.none, version: 0x10)),
            (.majorVersion(3), Make.message(.none, version: 0x30)),
            (.zeroInitiatorSPI, Bytes(repeating: 0, count: 8) + Make.message(.none).dropFirst(8)),
            (.shortPayload(.nonce, stated: 3), Make.message(.nonce, Make.payload(nonce, length: 3))),
            (.shortPayload(.vendorID, stated: 0), Make.message(.vendorID, Make.payload([], length: 0))),
            (.payloadBeyondEnd(.nonce), Make.message(.nonce, Make.payload(nonce, length: 21))),
            (.payloadBeyondEnd(.nonce), Make.message(.nonce, [0, 0, 0])),
            (.payloadBeyondEnd(.notify), Make.message(.nonce, Make.payload(next: .notify, nonce))),
            (.bytesAfterPayloads(1), Make.message(.nonce, Make.payload(nonce), [0])),
            (.bytesAfterPayloads(20), Make.message(.none, Make.payload(nonce))),
            (
                .tooManyPayloads,
                Make.message(.vendorID, Bytes((0..<65).flatMap { Make.payload(next: $0 < 64 ? .vendorID : .none, []) }))
            ),
            (
                .unsupportedCriticalPayload(PayloadType(rawValue: 99)),
                Make.message(PayloadType(rawValue: 99), Make.payload(critical: true, [1, 2, 3]))
            ),
            (.duplicatePayload(.nonce), Make.message(.nonce, Make.payload(next: .nonce, nonce), Make.payload(nonce))),
            (.truncatedPayload(.keyExchange), Make.message(.keyExchange, Make.payload([0, 31, 0]))),
            (
                .truncatedPayload(.identificationInitiator),
                Make.message(.identificationInitiator, Make.payload([1, 0, 0]))
            ),
            (.truncatedPayload(.identificationResponder), Make.message(.identificationResponder, Make.payload([]))),
            (.truncatedPayload(.certificate), Make.message(.certificate, Make.payload([]))),
            (.truncatedPayload(.certificateRequest), Make.message(.certificateRequest, Make.payload([]))),
            (.truncatedPayload(.authentication), Make.message(.authentication, Make.payload([2, 0, 0]))),
            // RFC 7427: no length of the algorithm, none at all, more than there is.
            (.truncatedPayload(.authentication), Make.message(.authentication, Make.payload([14, 0, 0, 0]))),
            (.truncatedPayload(.authentication), Make.message(.authentication, Make.payload([14, 0, 0, 0, 0, 1]))),
            (.truncatedPayload(.authentication), Make.message(.authentication, Make.payload([14, 0, 0, 0, 3, 1, 2]))),
            (.truncatedPayload(.notify), Make.message(.notify, Make.payload([3, 4, 0x40]))),
            (.truncatedPayload(.notify), Make.message(.notify, Make.payload([3, 4, 0x40, 9, 1, 2, 3]))),
            (.truncatedPayload(.delete), Make.message(.delete, Make.payload([3, 4, 0]))),
            (.truncatedPayload(.configuration), Make.message(.configuration, Make.payload([1, 0, 0]))),
            (.truncatedPayload(.configuration), Make.message(.configuration, Make.payload([1, 0, 0, 0, 0, 1, 0]))),
            (
                .truncatedPayload(.configuration),
                Make.message(.configuration, Make.payload([1, 0, 0, 0, 0, 1, 0, 2, 9]))
            ),
            (.truncatedPayload(.encryptedFragment), Make.message(.encryptedFragment, Make.payload([0, 1, 0]))),
            (.nonceLength(15), Make.message(.nonce, Make.payload(Bytes(repeating: 1, count: 15)))),
            (.nonceLength(257), Make.message(.nonce, Make.payload(Bytes(repeating: 1, count: 257)))),
            (
                .keyExchangeLength(.curve25519, 31),
                Make.message(.keyExchange, Make.payload([0, 31, 0, 0] + Bytes(repeating: 1, count: 31)))
            ),
            (
                .keyExchangeLength(.mlKEM768, 1185),
                Make.message(.keyExchange, Make.payload([0, 36, 0, 0] + Bytes(repeating: 1, count: 1185)))
            ),
            (
                .identificationLength(.ipv4Address, 5),
                Make.message(.identificationInitiator, Make.payload([1, 0, 0, 0, 1, 2, 3, 4, 5]))
            ),
            (
                .identificationLength(.ipv6Address, 4),
                Make.message(.identificationResponder, Make.payload([5, 0, 0, 0, 1, 2, 3, 4]))
            ),
            (.spiLength(.delete, .esp, 8), Make.message(.delete, Make.payload([3, 8, 0, 0]))),
            (.spiLength(.delete, .ike, 8), Make.message(.delete, Make.payload([1, 8, 0, 1] + nonce[..<8]))),
            (.wrongCount(.delete), Make.message(.delete, Make.payload([1, 0, 0, 1]))),
            (.wrongCount(.delete), Make.message(.delete, Make.payload([3, 4, 0, 2, 1, 2, 3, 4]))),
            (.wrongCount(.delete), Make.message(.delete, Make.payload([3, 4, 0, 0, 1, 2, 3, 4]))),
            (
                .tooMany(.delete),
                Make.message(.delete, Make.payload([3, 4, 4, 1] + Bytes(repeating: 1, count: 4 * 1025)))
            ),
            (.unknownDeleteProtocol(ProtocolID(rawValue: 4)), Make.message(.delete, Make.payload([4, 4, 0, 0]))),
            (
                .tooMany(.configuration),
                Make.message(.configuration, Make.payload([1, 0, 0, 0] + Bytes(repeating: 0, count: 4 * 129)))
            ),
            (.fragmentNumber(0, of: 1), Make.message(.encryptedFragment, Make.payload([0, 0, 0, 1, 9]))),
            (.fragmentNumber(1, of: 0), Make.message(.encryptedFragment, Make.payload([0, 1, 0, 0, 9]))),
            (.fragmentNumber(3, of: 2), Make.message(.encryptedFragment, Make.payload([0, 3, 0, 2, 9]))),
            (.fragmentNumber(1, of: 129), Make.message(.encryptedFragment, Make.payload([0, 1, 0, 129, 9]))),
        ]

        @Test(arguments: cases) func isTold(_ fault: IKEMessageFault, _ bytes: Bytes) {
            #expect(Make.fault(bytes) == fault)
        }

        static let associationCases: [(IKEMessageFault, Bytes)] = [
            (.noProposals, []),
            (.truncatedPayload(.securityAssociation), [0, 0, 0, 8, 1, 1, 0]),
            (.truncatedPayload(.securityAssociation), Make.proposal(length: 7, gcm)),
            (.truncatedPayload(.securityAssociation), Make.proposal(length: 21, gcm)),
            // The SPI would reach beyond the proposal.
            (.truncatedPayload(.securityAssociation), [0, 0, 0, 8, 1, 3, 4, 0]),
            (.truncatedPayload(.securityAssociation), Make.proposal([0, 0, 0, 8, 1])),
            (.truncatedPayload(.securityAssociation), Make.proposal(Make.transform(.encryption, id: 20, length: 7))),
            (.truncatedPayload(.securityAssociation), Make.proposal(Make.transform(.encryption, id: 20, length: 9))),
            (
                .truncatedPayload(.securityAssociation),
                Make.proposal(Make.transform(.encryption, id: 20, [0x80, 14, 0]))
            ),
            (
                .truncatedPayload(.securityAssociation),
                Make.proposal(Make.transform(.encryption, id: 20, [0, 99, 0, 1]))
            ),
            // "More follow" where nothing does, "last" where something does.
            (.wrongCount(.securityAssociation), Make.proposal(isLast: false, gcm)),
            (.wrongCount(.securityAssociation), Make.proposal(gcm) + Make.proposal(number: 2, gcm)),
            (.wrongCount(.securityAssociation), Make.proposal(Make.transform(isLast: false, .encryption, id: 20))),
            (.wrongCount(.securityAssociation), Make.proposal(gcm, gcm)),
            (.wrongCount(.securityAssociation), Make.proposal(count: 2, gcm)),
            (.wrongCount(.securityAssociation), Make.proposal(count: 0, gcm)),
            (.proposalOrder, Make.proposal(isLast: false, gcm) + Make.proposal(number: 1, gcm)),
            (.proposalOrder, Make.proposal(isLast: false, number: 2, gcm) + Make.proposal(number: 1, gcm)),
            (.spiLength(.securityAssociation, .ike, 4), Make.proposal(spi: [1, 2, 3, 4], gcm)),
            (.spiLength(.securityAssociation, .esp, 0), Make.proposal(for: .esp, gcm)),
            (.spiLength(.securityAssociation, .ah, 8), Make.proposal(for: .ah, spi: Bytes(nonce[..<8]), gcm)),
            (
                .repeatedKeyLength,
                Make.proposal(Make.transform(.encryption, id: 20, [0x80, 14, 0, 128, 0x80, 14, 1, 0]))
            ),
            (
                .tooMany(.securityAssociation),
                (1...33).flatMap { Make.proposal(isLast: $0 == 33, number: $0, gcm) } as Bytes
            ),
            (
                .tooMany(.securityAssociation),
                Make.proposal(
                    count: 129, Bytes((1...129).flatMap { Make.transform(isLast: $0 == 129, .encryption, id: 20) }))
            ),
            (
                .tooMany(.securityAssociation),
                Make.proposal(
                    Make.transform(.encryption, id: 20, Bytes((0..<9).flatMap { _ in [0x80, 99, 0, 0] as Bytes })))
            ),
        ]

        @Test(arguments: associationCases) func isToldOfAnSA(_ fault: IKEMessageFault, _ body: Bytes) {
            #expect(Make.fault(.securityAssociation, body) == fault)
        }

        static let net: Bytes = [10, 0, 0, 0]
        static let top: Bytes = [10, 0, 0, 255]
        static let mapped: Bytes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 0, 1]

        static let selectorCases: [(IKEMessageFault, Bytes)] = [
            (.truncatedPayload(.trafficSelectorInitiator), [1, 0, 0]),
            (.wrongCount(.trafficSelectorInitiator), [0, 0, 0, 0]),
            (.truncatedPayload(.trafficSelectorInitiator), [1, 0, 0, 0]),
            (.truncatedPayload(.trafficSelectorInitiator), [2, 0, 0, 0] + Make.selector(net, top)),
            (.wrongCount(.trafficSelectorInitiator), [1, 0, 0, 0] + Make.selector(net, top) + [0]),
            (.wrongCount(.trafficSelectorInitiator), [1, 0, 0, 0] + Make.selector(net, top) + Make.selector(net, top)),
            (.selectorLength(3), [1, 0, 0, 0] + Make.selector(length: 3, net, top)),
            (.selectorLength(0), [1, 0, 0, 0] + Make.selector(type: 9, length: 0, net, top)),
            (.truncatedPayload(.trafficSelectorInitiator), [1, 0, 0, 0] + Make.selector(length: 17, net, top)),
            (.selectorLength(12), [1, 0, 0, 0] + Make.selector(net, [])),
            (.selectorLength(16), [1, 0, 0, 0] + Make.selector(type: 8, net, top)),
            (.selectorLength(40), [1, 0, 0, 0] + Make.selector(type: 7, mapped, mapped)),
            (.invertedSelector, [1, 0, 0, 0] + Make.selector(top, net)),
            (.invertedSelector, [1, 0, 0, 0] + Make.selector(ports: (81, 80), net, top)),
            (.invertedSelector, [1, 0, 0, 0] + Make.selector(ports: (65535, 1), net, top)),
            (.mappedSelector, [1, 0, 0, 0] + Make.selector(type: 8, mapped, mapped)),
            (.mappedSelector, [1, 0, 0, 0] + Make.selector(type: 8, Bytes(repeating: 0, count: 16), mapped)),
            (
                .tooMany(.trafficSelectorInitiator),
                [129, 0, 0, 0] + Bytes((0..<129).flatMap { _ in Make.selector(net, top) })
            ),
        ]

        @Test(arguments: selectorCases) func isToldOfSelectors(_ fault: IKEMessageFault, _ body: Bytes) {
            #expect(Make.fault(.trafficSelectorInitiator, body) == fault)
        }

        @Test func isToldOfAnInnerChain() {
            let sealed = Make.payload([1, 2, 3])
            for type in [PayloadType.encrypted, .encryptedFragment] {
                #expect(throws: IKEMessageFault.nestedEncryption(type)) { try IKEPayload.innerChain(type, sealed) }
            }
            #expect(throws: IKEMessageFault.bytesAfterPayloads(1)) { try IKEPayload.innerChain(.none, [0]) }
            #expect(throws: IKEMessageFault.payloadBeyondEnd(.notify)) { try IKEPayload.innerChain(.notify, []) }
        }

        /// What follows SK would be neither sealed nor in the chain.
        @Test func nothingFollowsAnEncryptedPayload() {
            let bytes = Make.message(.encrypted, Make.payload(next: .nonce, [1]), Make.payload(Self.nonce))
            #expect(Make.fault(bytes) == .bytesAfterPayloads(20))
        }

        @Test func severalOfSomeAreRight() throws {
            let twice: [IKEPayload] = [
                .vendorID([1]), .vendorID([1]), .notify(NotifyPayload(.cookie)), .notify(NotifyPayload(.cookie)),
                .delete(.esp([])), .delete(.ah([])), .certificate(CertificatePayload(.x509Signature, data: [1])),
                .certificate(CertificatePayload(.x509Signature, data: [2])),
            ]
            #expect(try IKEMessageTests.echo(twice) == twice)
        }

        @Test func everyFaultIsBuiltHere() {
            var names = Set((Self.cases + Self.associationCases + Self.selectorCases).map(\.0.name))
            names.insert(.nestedEncryption)  // isToldOfAnInnerChain
            #expect(names == Set(IKEMessageFault.Name.allCases))
        }

        @Test func faultsAreAnsweredAsTheRFCWants() {
            #expect(IKEMessageFault.majorVersion(3).notification == NotifyPayload(.invalidMajorVersion))
            #expect(IKEMessageFault.majorVersion(1).notification == nil)
            #expect(
                IKEMessageFault.unsupportedCriticalPayload(PayloadType(rawValue: 99)).notification
                    == NotifyPayload(.unsupportedCriticalPayload, data: [99]))
            #expect(IKEMessageFault.nonceLength(15).notification == NotifyPayload(.invalidSyntax))
            #expect(IKEMessageFault.truncatedHeader(3).notification == nil)
            #expect(IKEMessageFault.fragmentNumber(2, of: 1).notification == nil)
        }

        @Test func faultsSpeakToPeople() {
            #expect("\(IKEMessageFault.duplicatePayload(.keyExchange))" == "payload KE is there twice")
            #expect("\(IKEMessageFault.duplicatePayload(PayloadType(rawValue: 200)))" == "payload 200 is there twice")
            #expect(
                "\(IKEMessageFault.keyExchangeLength(.ecp256, 3))"
                    == "3 bytes of key exchange data for 256-bit random ECP group")
        }
    }
}
