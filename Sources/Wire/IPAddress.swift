/// An IPv4 or IPv6 address as one 128-bit number, so that tables need one key form for both families.
///
/// IPv4 addresses are kept IPv4-mapped (`::ffff:a.b.c.d`, RFC 4291 §2.5.5.2). A true IPv6 packet that bears such an
/// address must be refused before it gets here (RFC 4942 §2.2); the header parsers do that.
public struct IPAddress: Hashable, Sendable, Comparable, BitwiseCopyable {
    /// The first eight bytes on the wire, as a number in host order.
    public var high: UInt64
    /// The last eight bytes on the wire, as a number in host order.
    public var low: UInt64

    @inlinable @inline(__always)
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// `v4` is the address as a number in host order: 10.0.0.1 is 0x0A000001.
    @inlinable @inline(__always)
    public init(v4: UInt32) {
        high = 0
        low = 0xFFFF_0000_0000 | UInt64(v4)
    }

    @inlinable @inline(__always)
    public var isV4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// The IPv4 address as a number in host order; meaningless unless `isV4`.
    @inlinable @inline(__always)
    public var v4: UInt32 { UInt32(truncatingIfNeeded: low) }

    @inlinable @inline(__always)
    public static func < (a: IPAddress, b: IPAddress) -> Bool {
        a.high != b.high ? a.high < b.high : a.low < b.low
    }
}

extension IPAddress: LosslessStringConvertible {
    /// Dotted decimal for IPv4; RFC 4291 §2.2 text for IPv6. nil for anything else, and for IPv4-mapped text.
    public init?(_ text: String) {
        if let v4 = Self.parseV4(text[...]) {
            self.init(v4: v4)
            return
        }
        guard let groups = Self.parseV6(text) else { return nil }
        func number(_ range: Range<Int>) -> UInt64 { range.reduce(0) { $0 << 16 | UInt64(groups[$1]) } }
        self.init(high: number(0..<4), low: number(4..<8))
        if isV4 { return nil }
    }

    private static func parseV4(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy({ $0.isASCII && $0.isNumber }),
                part.count == 1 || part.first != "0", let byte = UInt8(part)
            else { return nil }
            value = value << 8 | UInt32(byte)
        }
        return value
    }

    private static func parseV6(_ text: String) -> [UInt16]? {
        /// The groups between "::" or the ends; an IPv4 tail, at the end of the whole only, counts as two.
        func groups(_ half: Substring, isEnd: Bool) -> [UInt16]? {
            if half.isEmpty { return [] }
            var result: [UInt16] = []
            let parts = half.split(separator: ":", omittingEmptySubsequences: false)
            for (index, part) in parts.enumerated() {
                if isEnd && index == parts.count - 1, let v4 = parseV4(part) {
                    result += [UInt16(v4 >> 16), UInt16(truncatingIfNeeded: v4)]
                } else if (1...4).contains(part.count), part.allSatisfy(\.isHexDigit),
                    let group = UInt16(part, radix: 16)
                {
                    result.append(group)
                } else {
                    return nil
                }
            }
            return result
        }
        let characters = Array(text)
        guard
            let gap = characters.indices.dropLast().first(where: { characters[$0] == ":" && characters[$0 + 1] == ":" })
        else {
            guard let all = groups(text[...], isEnd: true), all.count == 8 else { return nil }
            return all
        }
        guard let head = groups(Substring(String(characters[..<gap])), isEnd: false),
            let tail = groups(Substring(String(characters[(gap + 2)...])), isEnd: true), head.count + tail.count < 8
        else { return nil }
        return head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    public var description: String {
        if isV4 {
            return [24, 16, 8, 0].map { String(v4 >> $0 & 0xFF) }.joined(separator: ".")
        }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: ($0 < 4 ? high : low) >> (48 - 16 * UInt64($0 % 4))) }
        // RFC 5952 §4.2: the longest run of two or more zero groups, the first of equals, becomes "::".
        var longest = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8 && groups[end] == 0 { end += 1 }
            if end - start > max(longest.count, 1) { longest = start..<end }
            start = end + 1
        }
        func text(_ range: Range<Int>) -> String { range.map { String(groups[$0], radix: 16) }.joined(separator: ":") }
        return longest.isEmpty ? text(0..<8) : text(0..<longest.lowerBound) + "::" + text(longest.upperBound..<8)
    }
}

/// The addresses from `first` to `last`, both included: the form of RFC 7296 §3.13.1 traffic selectors.
public struct AddressRange: Hashable, Sendable, BitwiseCopyable {
    public var first: IPAddress
    public var last: IPAddress

    /// Traps unless `first <= last` and both are of one family.
    public init(first: IPAddress, last: IPAddress) {
        precondition(first <= last && first.isV4 == last.isV4)
        self.first = first
        self.last = last
    }

    @inlinable @inline(__always)
    public func contains(_ address: IPAddress) -> Bool { first <= address && address <= last }
}

extension AddressRange: LosslessStringConvertible {
    /// `address/length` (host bits must be 0), `first-last`, or one address.
    public init?(_ text: String) {
        let dash = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        if dash.count == 2 {
            guard let first = IPAddress(dash[0]), let last = IPAddress(dash[1]), first <= last, first.isV4 == last.isV4
            else { return nil }
            self.init(first: first, last: last)
            return
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(parts.count), let address = IPAddress(parts[0]) else { return nil }
        let width = address.isV4 ? 32 : 128
        guard let length = parts.count == 1 ? width : Self.length(parts[1]), length <= width else { return nil }
        let hostBits = width - length
        let lowMask: UInt64 = hostBits >= 64 ? .max : (1 << UInt64(hostBits)) - 1
        let highMask: UInt64 = hostBits <= 64 ? 0 : hostBits == 128 ? .max : (1 << UInt64(hostBits - 64)) - 1
        guard address.low & lowMask == 0, address.high & highMask == 0 else { return nil }
        self.init(first: address, last: IPAddress(high: address.high | highMask, low: address.low | lowMask))
    }

    /// One to three digits, without sign or leading 0.
    private static func length(_ text: String) -> Int? {
        guard (1...3).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }),
            text.utf8.count == 1 || text.first != "0"
        else { return nil }
        return Int(text)
    }

    public var description: String {
        if first == last { return first.description }
        for length in 0...(first.isV4 ? 32 : 128) {
            if let prefix = AddressRange("\(first)/\(length)"), prefix == self { return "\(first)/\(length)" }
        }
        return "\(first)-\(last)"
    }
}
