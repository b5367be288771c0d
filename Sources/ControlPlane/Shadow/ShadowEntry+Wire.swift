internal import Associations
internal import Wire

/// The form in which it is wrapped: big-endian, one field behind the other.
///
/// ```
/// begin    3
/// complete 5
/// allow    6 | direction 1 | SPI 4 | bytes 8 | packets 8
/// relocate 4 | direction 1 | SPI 4 | source 16 | destination 16 | UDP: remote port 2, local port 2 (0, 0: none)
/// remove   2 | direction 1 | SPI 4
/// install  1, or 7 for this target alone | direction 1 | SPI 4 | mode 1 | transform 1 | source 16 | destination 16 | window 2 |
///            | UDP: remote port 2, local port 2 (0, 0: none) | selectors | name 1 + n | key 1 + n | salt 1 + n |
///            | authentication key 1 + n, of transforms that have one
/// install  10 with marks, of an SA with ESN, | direction 1 | SPI 4 | marks 1: 1 ESN, 2 for this target alone | mode 1 ...
/// advance  11 | direction 1 | SPI 4 | number 8
/// relay    8 | direction 1 | SPI 4 | selectors
///
/// selectors: protocol 2 (0xffff: any) |
///            remote ranges n 1, n x (16, 16) | local ranges | remote port ranges n 1, n x (2, 2) | local port ranges
/// ```
///
/// A transform that a build does not know makes the entry unreadable to it, and it says so; a member that has told in its
/// `hello` that it cannot do it is not sent the entry at all. So transforms came, and will come, without a new version.
extension ShadowEntry {
    private enum Kind {
        static let install: UInt8 = 1, remove: UInt8 = 2, begin: UInt8 = 3, relocate: UInt8 = 4, complete: UInt8 = 5,
            allow: UInt8 = 6, installOwn: UInt8 = 7, relay: UInt8 = 8, installMarked: UInt8 = 10, advance: UInt8 = 11
    }
    private enum Mark { static let esn: UInt8 = 1, own: UInt8 = 2 }
    private static let anyProtocol: UInt16 = 0xFFFF
    /// What a name may take of an entry; the rest of it is cut off.
    static let nameByteCount = 64
    /// Ranges of each kind that an entry can carry: as many as a negotiated SA has.
    static let rangeLimit = MessageBounds.narrowedSelectors

    /// Whether it can be written.
    public var fits: Bool {
        let selectors: TrafficSelectors
        switch self {
        case .install(let association): selectors = association.selectors
        case .relay(let relayed): selectors = relayed.selectors
        case .begin, .complete, .relocate, .remove, .allow, .advance: return true
        }
        return [selectors.remote.count, selectors.local.count].allSatisfy { $0 <= Self.rangeLimit }
            && [selectors.remotePorts.count, selectors.localPorts.count].allSatisfy { $0 <= Self.rangeLimit }
    }

    /// Holds key bytes: to be wiped by who seals it. Traps unless it `fits`.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .begin: bytes.append(Kind.begin)
        case .complete: bytes.append(Kind.complete)
        case .allow(let grant):
            bytes += [Kind.allow, grant.direction.number]
            bytes.append(bigEndian: grant.spi.rawValue)
            bytes += grant.bytes.bigEndianBytes + grant.packets.bigEndianBytes
        case .advance(let spi, let number):
            bytes += [Kind.advance, Direction.inbound.number]
            bytes.append(bigEndian: spi.rawValue)
            bytes += number.bigEndianBytes
        case .relocate(let relocation):
            bytes += [Kind.relocate, Direction.outbound.number]
            bytes.append(bigEndian: relocation.spi.rawValue)
            bytes += relocation.source.wholeBytes + relocation.destination.wholeBytes
            bytes.append(bigEndian: relocation.udpEncapsulation?.remotePort ?? 0)
            bytes.append(bigEndian: relocation.udpEncapsulation?.localPort ?? 0)
        case .remove(let spi, let direction):
            bytes += [Kind.remove, direction.number]
            bytes.append(bigEndian: spi.rawValue)
        case .relay(let relayed):
            precondition(fits)
            bytes += [Kind.relay, relayed.direction.number]
            bytes.append(bigEndian: relayed.spi.rawValue)
            Self.write(relayed.selectors, to: &bytes)
        case .install(let association):
            precondition(fits)
            // Once, so that growing leaves no copies of keys behind.
            bytes.reserveCapacity(2048)
            // Who does not know ESN is to read nothing, rather than an SA without it.
            let kind =
                association.hasESN ? Kind.installMarked : association.isOwn ? Kind.installOwn : Kind.install
            bytes += [kind, association.direction.number]
            bytes.append(bigEndian: association.spi.rawValue)
            if association.hasESN { bytes.append(association.isOwn ? Mark.esn | Mark.own : Mark.esn) }
            bytes += [association.mode.number, association.transform.number]
            bytes += association.source.wholeBytes + association.destination.wholeBytes
            bytes.append(bigEndian: UInt16(association.replayWindow))
            bytes.append(bigEndian: association.udpEncapsulation?.remotePort ?? 0)
            bytes.append(bigEndian: association.udpEncapsulation?.localPort ?? 0)
            Self.write(association.selectors, to: &bytes)
            let name = Array(association.name.utf8.prefix(Self.nameByteCount))
            bytes.append(UInt8(name.count))
            bytes += name
            association.key.appendField(to: &bytes)
            association.salt.appendField(to: &bytes)
            if association.transform.authenticationKeyByteCount > 0 {
                association.authenticationKey.appendField(to: &bytes)
            }
        }
        return bytes
    }

    private static func write(_ selectors: TrafficSelectors, to bytes: inout [UInt8]) {
        bytes.append(bigEndian: selectors.ipProtocol.map(UInt16.init) ?? anyProtocol)
        for ranges in [selectors.remote, selectors.local] {
            bytes.append(UInt8(ranges.count))
            for range in ranges { bytes += range.first.wholeBytes + range.last.wholeBytes }
        }
        for ranges in [selectors.remotePorts, selectors.localPorts] {
            bytes.append(UInt8(ranges.count))
            for range in ranges {
                bytes.append(bigEndian: range.lowerBound)
                bytes.append(bigEndian: range.upperBound)
            }
        }
    }

    /// nil for anything that `bytes` would not have written.
    package init?(_ bytes: [UInt8]) {
        if bytes == [Kind.begin] || bytes == [Kind.complete] {
            self = bytes == [Kind.begin] ? .begin : .complete
            return
        }
        var reader = ByteReader(bytes)
        guard let kind = reader.number(UInt8.self), let direction = reader.number(UInt8.self).flatMap(Direction.init),
            let spi = reader.number(UInt32.self).map(SPI.init(rawValue:)), spi.rawValue > 255
        else { return nil }
        switch kind {
        case Kind.remove: self = .remove(spi, direction)
        case Kind.relay:
            guard let selectors = Self.selectors(&reader) else { return nil }
            self = .relay(RelayedAssociation(spi: spi, direction: direction, selectors: selectors))
        case Kind.relocate:
            guard direction == .outbound, let source = reader.address(), let destination = reader.address(),
                let encapsulation = reader.encapsulation()
            else { return nil }
            self = .relocate(
                Relocation(spi: spi, source: source, destination: destination, udpEncapsulation: encapsulation))
        case Kind.allow:
            guard let bytes = reader.number(UInt64.self), let packets = reader.number(UInt64.self) else { return nil }
            self = .allow(LifecountGrant(spi: spi, direction: direction, bytes: bytes, packets: packets))
        case Kind.advance:
            guard direction == .inbound, let number = reader.number(UInt64.self) else { return nil }
            self = .advance(spi, number)
        case Kind.installMarked:
            guard let marks = reader.number(UInt8.self), marks == Mark.esn || marks == Mark.esn | Mark.own,
                var association = Self.association(spi, direction, &reader)
            else { return nil }
            association.hasESN = true
            association.isOwn = marks & Mark.own != 0
            self = .install(association)
        case Kind.install, Kind.installOwn:
            guard var association = Self.association(spi, direction, &reader) else { return nil }
            association.isOwn = kind == Kind.installOwn
            self = .install(association)
        default: return nil
        }
        guard reader.isAtEnd else { return nil }
    }

    private static func association(
        _ spi: SPI, _ direction: Direction, _ reader: inout ByteReader
    ) -> SecurityAssociation? {
        guard let mode = reader.number(UInt8.self).flatMap(Mode.init),
            let transform = reader.number(UInt8.self).flatMap(Associations.Transform.init),
            let source = reader.address(), let destination = reader.address(),
            let window = reader.number(UInt16.self).map(Int.init),
            SecurityAssociation.replayWindowRange.contains(window),
            let encapsulation = reader.encapsulation(), let selectors = selectors(&reader),
            let name = reader.field().map({ String(decoding: $0, as: UTF8.self) }),
            let key = reader.field(), key.count == transform.keyByteCount,
            let salt = reader.field(), salt.count == transform.saltByteCount,
            let authenticationKey = transform.authenticationKeyByteCount > 0 ? reader.field() : [],
            authenticationKey.count == transform.authenticationKeyByteCount
        else { return nil }
        return SecurityAssociation(
            name: name, spi: spi, direction: direction, mode: mode, source: source, destination: destination,
            transform: transform, key: SecretBytes(key), salt: SecretBytes(salt), selectors: selectors,
            replayWindow: window, udpEncapsulation: encapsulation, authenticationKey: SecretBytes(authenticationKey))
    }

    private static func selectors(_ reader: inout ByteReader) -> TrafficSelectors? {
        guard let ipProtocol = reader.number(UInt16.self), ipProtocol <= 255 || ipProtocol == anyProtocol,
            let remote = reader.list({ $0.addressRange() }), !remote.isEmpty, remote.count <= rangeLimit,
            let local = reader.list({ $0.addressRange() }), !local.isEmpty, local.count <= rangeLimit,
            let remotePorts = reader.list({ $0.portRange() }), remotePorts.count <= rangeLimit,
            let localPorts = reader.list({ $0.portRange() }), localPorts.count <= rangeLimit
        else { return nil }
        return TrafficSelectors(
            remote: remote, local: local, ipProtocol: ipProtocol == anyProtocol ? nil : UInt8(ipProtocol),
            remotePorts: remotePorts, localPorts: localPorts)
    }
}

extension ShadowEntry.Key {
    /// Of an entry that this build cannot read as a whole: every kind that has a key has it behind its first byte.
    package init?(unreadable bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard reader.number(UInt8.self) != nil, let direction = reader.number(UInt8.self).flatMap(Direction.init),
            let spi = reader.number(UInt32.self), spi > 255
        else { return nil }
        self.init(spi: SPI(rawValue: spi), direction: direction)
    }
}

extension ByteReader {
    fileprivate mutating func address() -> IPAddress? {
        guard let high = number(UInt64.self), let low = number(UInt64.self) else { return nil }
        return IPAddress(high: high, low: low)
    }

    /// nil when there is not enough left, or one port without the other; a nil in it for none.
    fileprivate mutating func encapsulation() -> UDPEncapsulation?? {
        guard let remotePort = number(UInt16.self), let localPort = number(UInt16.self),
            (remotePort == 0) == (localPort == 0)
        else { return nil }
        return .some(remotePort == 0 ? nil : UDPEncapsulation(remotePort: remotePort, localPort: localPort))
    }

    fileprivate mutating func addressRange() -> AddressRange? {
        guard let first = address(), let last = address(), first <= last, first.isV4 == last.isV4 else { return nil }
        return AddressRange(first: first, last: last)
    }

    fileprivate mutating func portRange() -> ClosedRange<UInt16>? {
        guard let first = number(UInt16.self), let last = number(UInt16.self), first <= last else { return nil }
        return first...last
    }
}

extension IPAddress {
    /// Sixteen bytes for both families.
    fileprivate var wholeBytes: [UInt8] { high.bigEndianBytes + low.bigEndianBytes }
}

extension Direction {
    fileprivate var number: UInt8 { self == .inbound ? 0 : 1 }
    fileprivate init?(_ number: UInt8) {
        guard number <= 1 else { return nil }
        self = number == 0 ? .inbound : .outbound
    }
}

extension Mode {
    fileprivate var number: UInt8 { self == .tunnel ? 0 : 1 }
    fileprivate init?(_ number: UInt8) {
        guard number <= 1 else { return nil }
        self = number == 0 ? .tunnel : .transport
    }
}

extension Associations.Transform {
    /// A combined cipher has a number of its own below 16; of the others the upper half is the cipher, the lower the
    /// integrity algorithm.
    fileprivate var number: UInt8 {
        let integrityNumber: UInt8 =
            switch integrity {
            case nil: 0
            case .sha256: 1
            case .sha384: 2
            case .sha512: 3
            case .sha1: 4
            }
        let cipherNumber: UInt8 =
            switch cipher {
            case .aes128gcm16: 1
            case .aes256gcm16: 2
            case .aes192gcm16: 3
            case .chacha20poly1305: 4
            case .aes128gmac: 5
            case .aes192gmac: 6
            case .aes256gmac: 7
            case .aes128: 0x10
            case .aes256: 0x20
            case .aes128ctr: 0x30
            case .aes256ctr: 0x40
            case .null: 0x50
            }
        return cipherNumber + integrityNumber
    }

    fileprivate init?(_ number: UInt8) {
        guard let found = Self.allCases.first(where: { $0.number == number }) else { return nil }
        self = found
    }
}
