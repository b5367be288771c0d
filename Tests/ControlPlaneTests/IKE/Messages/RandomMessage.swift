import Associations
import ControlPlane
import Wire

/// Messages of every shape, out of a seed.
struct RandomMessage {
    typealias Bytes = [UInt8]
    var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func bytes(_ range: ClosedRange<Int>) -> Bytes {
        let count = range.lowerBound + random.below(range.count)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }
    mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: random.next()) }
    mutating func word() -> UInt16 { UInt16(truncatingIfNeeded: random.next()) }
    mutating func spi() -> SPI { SPI(rawValue: UInt32(truncatingIfNeeded: random.next())) }
    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[random.below(elements.count)] }
    mutating func list<Element>(_ range: ClosedRange<Int>, _ make: (inout RandomMessage) -> Element) -> [Element] {
        let count = range.lowerBound + random.below(range.count)
        return (0..<count).map { _ in make(&self) }
    }

    mutating func message() -> IKEMessage {
        var flags: IKEHeader.Flags = []
        if random.chance(500) { flags.insert(.initiator) }
        if random.chance(500) { flags.insert(.response) }
        if random.chance(100) { flags.insert(.version) }
        var header = IKEHeader(
            initiatorSPI: IKESPI(rawValue: random.next() | 1), responderSPI: IKESPI(rawValue: random.next()),
            exchange: ExchangeType(rawValue: byte()), flags: flags, messageID: UInt32(truncatingIfNeeded: random.next())
        )
        header.minorVersion = byte() & 0x0F
        var payloads = chain()
        if random.chance(300) {
            payloads.append(.encrypted(EncryptedPayload(first: pick(Self.types), sealed: bytes(0...200))))
        } else if random.chance(300) {
            let total = 1 + random.below(MessageBounds.fragments)
            payloads.append(
                .encryptedFragment(
                    EncryptedFragmentPayload(
                        number: UInt16(1 + random.below(total)), of: UInt16(total), first: pick(Self.types),
                        sealed: bytes(0...200))))
        }
        return IKEMessage(header, payloads)
    }

    /// Up to a dozen payloads, none encrypted, none twice that may not be.
    mutating func chain() -> [IKEPayload] {
        var seen = Set<PayloadType>()
        return list(0...12) { $0.payload($0.pick(Self.types)) }.filter {
            $0.type.mayRepeat || seen.insert($0.type).inserted
        }
    }

    /// Every type that stands in the clear; `none` stands for an unknown one.
    static let types = PayloadType.names.keys.filter { $0 != .encrypted && $0 != .encryptedFragment }
        .sorted { $0.rawValue < $1.rawValue }

    mutating func payload(_ type: PayloadType) -> IKEPayload {
        switch type {
        case .securityAssociation:
            var number: UInt8 = 0
            return .securityAssociation(
                SecurityAssociationPayload(
                    list(1...5) {
                        number += 1 + $0.byte() % 3
                        return $0.proposal(number)
                    }))
        case .keyExchange: return .keyExchange(keyExchange())
        case .identificationInitiator: return .identificationInitiator(identification())
        case .identificationResponder: return .identificationResponder(identification())
        case .certificate:
            return .certificate(CertificatePayload(CertificateEncoding(rawValue: byte()), data: bytes(0...300)))
        case .certificateRequest:
            return .certificateRequest(
                CertificateRequestPayload(CertificateEncoding(rawValue: byte()), authority: bytes(0...100)))
        case .authentication: return .authentication(authentication())
        case .nonce: return .nonce(NoncePayload(bytes(MessageBounds.nonceByteCounts)))
        case .notify: return .notify(notification())
        case .delete: return .delete(pick([.ikeSA, .esp(list(0...5) { $0.spi() }), .ah(list(0...5) { $0.spi() })]))
        case .vendorID: return .vendorID(bytes(0...40))
        case .trafficSelectorInitiator: return .trafficSelectorsInitiator(trafficSelectors())
        case .trafficSelectorResponder: return .trafficSelectorsResponder(trafficSelectors())
        case .configuration:
            return .configuration(
                ConfigurationPayload(
                    ConfigurationType(rawValue: byte()),
                    list(0...5) {
                        .init(ConfigurationAttributeType(rawValue: $0.word() & 0x7FFF), value: $0.bytes(0...20))
                    }))
        case .eap: return .eap(bytes(0...60))
        default:
            return .unknown(
                UnknownPayload(PayloadType(rawValue: pick([1, 32, 49, 52, 128, 255])), bytes: bytes(0...30)))
        }
    }

    mutating func proposal(_ number: UInt8) -> Proposal {
        let protocolID: ProtocolID = pick([.ike, .esp, .ah, ProtocolID(rawValue: 200)])
        let spi: Bytes =
            switch protocolID {
            case .ike: random.chance(500) ? [] : bytes(8...8)
            case .esp, .ah: bytes(4...4)
            default: bytes(0...255)
            }
        return Proposal(number: number, protocolID, spi: spi, list(0...8) { $0.transform() })
    }

    mutating func transform() -> Proposal.Transform {
        var attributes: [TransformAttribute] = []
        if random.chance(500) { attributes.append(.keyLength(bits: word())) }
        if random.chance(100) { attributes.append(.value(type: 15 + word() % 1000, word())) }
        if random.chance(100) { attributes.insert(.bytes(type: word() & 0x7FFF, bytes(0...9)), at: 0) }
        return Proposal.Transform(
            TransformType(rawValue: random.chance(900) ? 1 + byte() % 12 : byte()), id: word() % 40,
            attributes: attributes)
    }

    mutating func keyExchange() -> KeyExchangePayload {
        let known = KeyExchangeID.names.keys.sorted { $0.rawValue < $1.rawValue }
        let method = random.chance(800) ? pick(known) : KeyExchangeID(rawValue: word())
        guard let counts = method.dataByteCounts else { return KeyExchangePayload(method, data: bytes(0...100)) }
        let count = pick([counts.initiator, counts.responder])
        return KeyExchangePayload(method, data: bytes(count...count))
    }

    mutating func identification() -> IdentificationPayload {
        switch IdentificationType(rawValue: byte() % 14) {
        case .ipv4Address: IdentificationPayload(.ipv4Address, data: bytes(4...4))
        case .ipv6Address: IdentificationPayload(.ipv6Address, data: bytes(16...16))
        case let type: IdentificationPayload(type, data: bytes(0...60))
        }
    }

    mutating func authentication() -> AuthenticationPayload {
        switch AuthenticationMethod(rawValue: byte() % 16) {
        case .digitalSignature:
            AuthenticationPayload(digitalSignature: bytes(0...512), algorithmIdentifier: bytes(1...255))
        case let method: AuthenticationPayload(method, data: bytes(0...64))
        }
    }

    mutating func notification() -> NotifyPayload {
        let known = NotifyType.names.keys.sorted { $0.rawValue < $1.rawValue }
        let type = random.chance(800) ? pick(known) : NotifyType(rawValue: word())
        if random.chance(300) { return NotifyPayload(type, pick([.esp, .ah]), spi(), data: bytes(0...10)) }
        var payload = NotifyPayload(type, data: bytes(0...64))
        if random.chance(100) {
            payload.protocolID = ProtocolID(rawValue: byte())
            payload.spi = bytes(0...255)
        }
        return payload
    }

    mutating func trafficSelectors() -> TrafficSelectorPayload {
        TrafficSelectorPayload(
            list(1...6) { $0.trafficSelector() },
            unknown: list(0...1) {
                UnknownTrafficSelector(
                    type: $0.pick([0, 6, 9, 10, 255]), ipProtocol: $0.byte(), data: $0.bytes(0...20))
            })
    }

    mutating func trafficSelector() -> TrafficSelector {
        func ordered<Number: Comparable>(_ a: Number, _ b: Number) -> (Number, Number) { a <= b ? (a, b) : (b, a) }
        let (start, end) = ordered(word(), word())
        let addresses: AddressRange
        if random.chance(500) {
            let (first, last) = ordered(
                UInt32(truncatingIfNeeded: random.next()), UInt32(truncatingIfNeeded: random.next()))
            addresses = AddressRange(first: IPAddress(v4: first), last: IPAddress(v4: last))
        } else {
            let (first, last) = ordered(
                IPAddress(high: random.next() | 1, low: random.next()),
                IPAddress(high: random.next() | 1, low: random.next()))
            addresses = AddressRange(first: first, last: last)
        }
        return TrafficSelector(
            addresses, ipProtocol: byte(), ports: pick([.any, .opaque, .range(start...end), .range(end...end)]))
    }
}
