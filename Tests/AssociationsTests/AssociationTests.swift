import Associations
import Testing
import Wire

@Suite struct SecretBytesTests {
    /// However a key gets into a message, it tells its length and nothing else.
    @Test func theyArePrintedNowhere() {
        let secret = SecretBytes([0xDE, 0xAD, 0xBE, 0xEF])
        let association = AssociationTests.association()
        var dumped = ""
        dump(secret, to: &dumped)
        dump(association, to: &dumped)
        for text in [
            "\(secret)", String(reflecting: secret), "\([secret])", "\(Optional(secret) as Any)", dumped,
            "\(association)",
            String(reflecting: association),
        ] {
            let said = text.lowercased()
            for betrayal in ["dead", "dede", "de, ad", "222, 173", "222, 222"] {
                #expect(!said.contains(betrayal), "\(text)")
            }
        }
        #expect("\(secret)" == "secret, 4 bytes")
        #expect(Mirror(reflecting: secret).children.isEmpty)
    }

    @Test func theyHoldWhatTheyWereGiven() {
        let bytes = (0..<100).map { UInt8($0) }
        let secret = SecretBytes(bytes)
        #expect(secret.count == 100)
        #expect(secret.withUnsafeBytes { $0.elementsEqual(bytes) })
        #expect(SecretBytes([]).count == 0)
        #expect(SecretBytes([]).withUnsafeBytes { $0.isEmpty })
    }
}

@Suite struct AssociationTests {
    static func association(key: Int = 16, salt: Int = 4, window: Int = 64) -> SecurityAssociation {
        SecurityAssociation(
            name: "a", spi: SPI(rawValue: 0x1000), direction: .inbound, mode: .tunnel,
            source: IPAddress("198.51.100.10")!, destination: IPAddress("203.0.113.1")!,
            transform: key == 32 ? .aes256gcm16 : .aes128gcm16,
            key: SecretBytes([UInt8](repeating: 0xDE, count: key)),
            salt: SecretBytes([UInt8](repeating: 0xAD, count: salt)),
            selectors: TrafficSelectors(
                remote: [AddressRange("10.71.0.0/24")!], local: [AddressRange("10.72.0.10")!], ipProtocol: 6,
                remotePorts: [1024...65535], localPorts: [80...80]),
            replayWindow: window)
    }

    @Test func whatIsOfTheWrongSizeTraps() async {
        await #expect(processExitsWith: .failure) { _ = AssociationTests.association(key: 24) }
        await #expect(processExitsWith: .failure) { _ = AssociationTests.association(salt: 8) }
        await #expect(processExitsWith: .failure) { _ = AssociationTests.association(window: 31) }
        await #expect(processExitsWith: .failure) { _ = AssociationTests.association(window: 4097) }
        await #expect(processExitsWith: .success) {
            _ = AssociationTests.association(key: 32, window: 4096)
            _ = AssociationTests.association(window: 32)
        }
    }

    /// The other end sees the other direction and the other side of the selectors, and twice is once.
    @Test func mirroredItIsThePeersView() {
        let one = Self.association()
        let other = one.mirrored
        #expect(other.direction == .outbound && other.spi == one.spi)
        #expect(other.source == one.source && other.destination == one.destination, "packets still go the same way")
        #expect(other.selectors.remote == one.selectors.local && other.selectors.localPorts == [1024...65535])
        #expect(other.mirrored.selectors == one.selectors && other.mirrored.direction == .inbound)
    }

    @Test func anSPIIsWrittenWithAllItsDigits() {
        #expect(SPI(rawValue: 0xC0FFEE).description == "0x00c0ffee")
        #expect(SPI(rawValue: .max).description == "0xffffffff")
    }

    @Test func aLeaseHoldsNumbersThatMayBeSent() async {
        await #expect(processExitsWith: .failure) {
            _ = SequenceLease(identifier: 1, first: 0, end: 10, validUntil: 1)
        }
        await #expect(processExitsWith: .failure) {
            _ = SequenceLease(identifier: 1, first: 10, end: 10, validUntil: 1)
        }
    }
}

@Suite struct PublicationQueueTests {
    @Test func whatIsOfferedIsTakenOnceInOrder() {
        let queue = PublicationQueue()
        #expect(queue.takeAll().isEmpty)
        for spi in 256..<266 as Range<UInt32> { #expect(queue.offer(.remove(SPI(rawValue: spi), .inbound))) }
        let taken = queue.takeAll().map { publication -> UInt32? in
            if case .remove(let spi, .inbound) = publication { spi.rawValue } else { nil }
        }
        #expect(taken == Array(256..<266))
        #expect(queue.takeAll().isEmpty)
    }

    @Test func whenItIsFullItSaysSo() {
        let queue = PublicationQueue()
        for _ in 0..<PublicationQueue.capacity { #expect(queue.offer(.remove(SPI(rawValue: 256), .inbound))) }
        #expect(!queue.offer(.remove(SPI(rawValue: 257), .inbound)))
        #expect(queue.takeAll().count == PublicationQueue.capacity)
        #expect(queue.offer(.remove(SPI(rawValue: 257), .inbound)))
    }
}
