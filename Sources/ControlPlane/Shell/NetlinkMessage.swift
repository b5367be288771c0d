internal import Wire

/// A rtnetlink message in the making (`man 7 netlink`, `rtnetlink`): host byte order, everything aligned to 4 bytes.
///
/// ```
///  0      4      6       8          12       16
///  +------+------+-------+----------+--------+--------------------------+---------------------+--
///  | len  | type | flags | sequence | sender | a structure of the type  | len | type | value  | ...
///  +------+------+-------+----------+--------+--------------------------+---------------------+--
/// ```
struct NetlinkMessage {
    static let headerByteCount = 16
    private(set) var bytes: [UInt8]
    let type: UInt16

    init(type: UInt16, flags: UInt16, sequence: UInt32) {
        self.type = type
        bytes = [0, 0, 0, 0]
        append(type)
        append(flags)
        append(sequence)
        append(UInt32(0))
    }

    mutating func append(_ value: some FixedWidthInteger) {
        // Host order: on a little-endian machine the low byte comes first.
        let low = (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        bytes += 1.littleEndian == 1 ? low : low.reversed()
        sealLength()
    }

    /// A part of a structure, as it is.
    mutating func append(_ raw: [UInt8]) {
        bytes += raw
        sealLength()
    }

    /// 16 bytes, of which an IPv4 address takes the first four (xfrm_address_t).
    mutating func appendWide(_ address: IPAddress?) {
        let known = address?.wireBytes ?? []
        append(known + Array(repeating: 0, count: 16 - known.count))
    }

    mutating func attribute(_ type: UInt16, _ value: [UInt8]) {
        append(UInt16(4 + value.count))
        append(type)
        bytes += value
        bytes += Array(repeating: 0, count: (4 - value.count % 4) % 4)
        sealLength()
    }

    mutating func attribute(_ type: UInt16, _ value: UInt32) {
        append(UInt16(8))
        append(type)
        append(value)
    }

    mutating func attribute(_ type: UInt16, _ address: IPAddress) { attribute(type, address.wireBytes) }
    /// A terminated string.
    mutating func attribute(_ type: UInt16, _ text: String) { attribute(type, Array(text.utf8) + [0]) }

    private mutating func sealLength() {
        let length = UInt32(bytes.count)
        for index in 0..<4 {
            bytes[1.littleEndian == 1 ? index : 3 - index] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(index)))
        }
    }
}

/// Bytes from the kernel, read in host order. Reads beyond the end trap: ask `count` first.
struct NetlinkBytes {
    let bytes: ArraySlice<UInt8>

    var count: Int { bytes.count }

    func number<Value: FixedWidthInteger>(_ type: Value.Type = Value.self, at offset: Int) -> Value {
        let start = bytes.startIndex + offset
        var value: Value = 0
        for index in 0..<Value.bitWidth / 8 {
            value |= Value(truncatingIfNeeded: bytes[start + index]) << (8 * index)
        }
        return Value(littleEndian: value)
    }

    func from(_ offset: Int) -> NetlinkBytes { NetlinkBytes(bytes: bytes.dropFirst(offset)) }

    /// The messages of a datagram; what is malformed ends it.
    func messages() -> [(type: UInt16, flags: UInt16, sequence: UInt32, payload: NetlinkBytes)] {
        var result: [(type: UInt16, flags: UInt16, sequence: UInt32, payload: NetlinkBytes)] = []
        var rest = self
        while rest.count >= NetlinkMessage.headerByteCount {
            let length = Int(rest.number(UInt32.self, at: 0))
            guard length >= NetlinkMessage.headerByteCount, length <= rest.count else { break }
            let payload = NetlinkBytes(bytes: rest.bytes.prefix(length).dropFirst(NetlinkMessage.headerByteCount))
            result.append((rest.number(at: 4), rest.number(at: 6), rest.number(at: 8), payload))
            rest = rest.from((length + 3) & ~3)
        }
        return result
    }

    /// The attributes from `offset` on, by type; what is malformed ends them.
    func attributes(from offset: Int) -> [UInt16: NetlinkBytes] {
        var result: [UInt16: NetlinkBytes] = [:]
        var rest = from(offset)
        while rest.count >= 4 {
            let length = Int(rest.number(UInt16.self, at: 0))
            guard length >= 4, length <= rest.count else { break }
            // The two upper bits are flags (NLA_F_NESTED, NLA_F_NET_BYTEORDER).
            result[rest.number(UInt16.self, at: 2) & 0x3FFF] = NetlinkBytes(
                bytes: rest.bytes.prefix(length).dropFirst(4))
            rest = rest.from((length + 3) & ~3)
        }
        return result
    }

    /// An address of 4 or 16 bytes; nil for any other length.
    var address: IPAddress? {
        func bigEndian(_ range: Range<Int>) -> UInt64 {
            bytes.dropFirst(range.lowerBound).prefix(range.count).reduce(0) { $0 << 8 | UInt64($1) }
        }
        switch count {
        case 4: return IPAddress(v4: UInt32(bigEndian(0..<4)))
        case 16: return IPAddress(high: bigEndian(0..<8), low: bigEndian(8..<16))
        default: return nil
        }
    }

    /// Six bytes; nil for any other length.
    var linkAddress: MACAddress? {
        count == 6 ? MACAddress(rawValue: bytes.reduce(0) { $0 << 8 | UInt64($1) }) : nil
    }
}

extension IPAddress {
    /// 4 or 16 bytes in network order.
    var wireBytes: [UInt8] {
        func bytes(_ value: UInt64, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
        }
        return isV4 ? bytes(UInt64(v4), 4) : bytes(high, 8) + bytes(low, 8)
    }

    /// AF_INET or AF_INET6 as rtnetlink's structures carry it.
    var family: UInt8 { isV4 ? 2 : 10 }
    /// Bits.
    var width: UInt8 { isV4 ? 32 : 128 }
}
