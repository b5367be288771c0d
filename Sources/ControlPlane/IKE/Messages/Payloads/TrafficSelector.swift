public import Wire

/// A range of addresses and ports (RFC 7296 §3.13.1).
///
/// ```
///  +---------------+---------------+-------------------------------+
///  |   TS Type     |IP Protocol ID |       Selector Length         |
///  +---------------+---------------+-------------------------------+
///  |           Start Port          |           End Port            |
///  +-------------------------------+-------------------------------+
///  ~                         Starting Address                      ~
///  +---------------------------------------------------------------+
///  ~                         Ending Address                        ~
///  +---------------------------------------------------------------+
/// ```
public struct TrafficSelector: Hashable, Sendable {
    /// Type, protocol, length; those of unknown types have no more.
    static let headerByteCount = 4
    enum Offset { static let ipProtocol = 1, length = 2, startPort = 4, endPort = 6, addresses = 8 }
    enum Family: UInt8 {
        case v4 = 7
        case v6 = 8
        var addressByteCount: Int { self == .v4 ? 4 : 16 }
    }

    public enum Ports: Hashable, Sendable {
        /// `0...65535` is any. For ICMP type and code are one number, type × 256 + code.
        case range(ClosedRange<UInt16>)
        /// Only packets whose ports cannot be seen: sent as 65535 to 0.
        case opaque

        public static let any = Ports.range(0...65535)
    }

    /// 0 for any.
    public var ipProtocol: UInt8
    public var ports: Ports
    public var addresses: AddressRange

    public init(_ addresses: AddressRange, ipProtocol: UInt8 = 0, ports: Ports = .any) {
        self.addresses = addresses
        self.ipProtocol = ipProtocol
        self.ports = ports
    }

    /// `bytes` is the whole substructure.
    init(reading bytes: RawSpan, _ family: Family) throws(IKEMessageFault) {
        let width = family.addressByteCount
        guard bytes.byteCount == Offset.addresses + 2 * width else { throw .selectorLength(bytes.byteCount) }
        ipProtocol = bytes.byte(at: Offset.ipProtocol)
        let startPort = bytes.bigEndian16(at: Offset.startPort)
        let endPort = bytes.bigEndian16(at: Offset.endPort)
        if startPort <= endPort {
            ports = .range(startPort...endPort)
        } else if startPort == 65535 && endPort == 0 {
            ports = .opaque
        } else {
            throw .invertedSelector
        }
        let first = Self.address(reading: bytes, at: Offset.addresses, family)
        let last = Self.address(reading: bytes, at: Offset.addresses + width, family)
        // An address that reads as IPv4 here would be taken for one (RFC 4942 §2.2).
        if family == .v6, first.isV4 || last.isV4 { throw .mappedSelector }
        guard first <= last else { throw .invertedSelector }
        addresses = AddressRange(first: first, last: last)
    }

    private static func address(reading bytes: RawSpan, at offset: Int, _ family: Family) -> IPAddress {
        switch family {
        case .v4: IPAddress(v4: bytes.bigEndian32(at: offset))
        case .v6: IPAddress(high: bytes.bigEndian64(at: offset), low: bytes.bigEndian64(at: offset + 8))
        }
    }

    func write(to bytes: inout [UInt8]) {
        let family: Family = addresses.first.isV4 ? .v4 : .v6
        let start = bytes.count
        bytes += [family.rawValue, ipProtocol, 0, 0]
        switch ports {
        case .range(let range):
            bytes.append(bigEndian: range.lowerBound)
            bytes.append(bigEndian: range.upperBound)
        case .opaque:
            bytes.append(bigEndian: UInt16.max)
            bytes.append(bigEndian: UInt16(0))
        }
        for address in [addresses.first, addresses.last] {
            if family == .v4 {
                bytes.append(bigEndian: address.v4)
            } else {
                bytes.append(bigEndian: address.high)
                bytes.append(bigEndian: address.low)
            }
        }
        bytes.storeLength(at: start + Offset.length, countedFrom: start)
    }
}

extension TrafficSelector: CustomStringConvertible {
    /// `10.1.0.0/16`, `10.1.0.0/16[6/80]`, `10.1.0.0/16[17/1000-2000]`, `10.1.0.0/16[6/opaque]`.
    public var description: String {
        let ports: String
        switch self.ports {
        case .any:
            if ipProtocol == 0 { return "\(addresses)" }
            ports = ""
        case .range(let range):
            ports = range.count == 1 ? "/\(range.lowerBound)" : "/\(range.lowerBound)-\(range.upperBound)"
        case .opaque: ports = "/opaque"
        }
        return "\(addresses)[\(ipProtocol)\(ports)]"
    }
}
