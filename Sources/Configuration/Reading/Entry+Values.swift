internal import Wire

/// Values with one meaning each, read from the text of the file.
extension Entry {
    /// A path, or a name for people: something to see, on one line, at most `limit` bytes.
    func text(limit: Int = 256) throws(ConfigurationFailure) -> String {
        guard let text = try scalar(), !text.isEmpty else { throw failure(wanted: "a text") }
        guard text.utf8.count <= limit, text.contains(where: { !$0.isWhitespace }),
            text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
        else {
            throw failure("\(name) is not one line of 1 to \(limit) bytes")
        }
        return text
    }

    /// Decimal; where `hexadecimal` is set, also with a leading 0x. Nothing that two readers of YAML read differently.
    func integer(
        in range: ClosedRange<Int>, hexadecimal: Bool = false, rangeText: String? = nil
    ) throws(ConfigurationFailure) -> Int {
        let allowed = rangeText ?? "\(range.lowerBound) to \(range.upperBound)"
        guard let text = try scalar() else { throw failure(wanted: "a number, \(allowed),") }
        let digits = hexadecimal && text.hasPrefix("0x") ? text.dropFirst(2) : text[...]
        let radix = digits.startIndex == text.startIndex ? 10 : 16
        // Not a sign, not an underscore, and no leading 0, which is octal to some.
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isHexDigit && (radix == 16 || $0.isNumber) }),
            radix == 16 || digits.count == 1 || digits.first != "0"
        else { throw failure(wanted: "a number, \(allowed),") }
        guard let number = Int(digits, radix: radix), range.contains(number) else {
            throw failure("\(name) is \(text.count > 60 ? "too large" : text); \(allowed) is allowed")
        }
        return number
    }

    /// One of the words given. `or` is what else could stand there, for the message.
    func word<Value>(
        _ words: KeyValuePairs<String, Value>, or other: String? = nil
    ) throws(ConfigurationFailure) -> Value {
        let names = words.map(\.key)
        let choices = names + (other.map { [$0] } ?? [])
        let last = choices[choices.count - 1]
        let choice = choices.count == 1 ? last : choices.dropLast().joined(separator: ", ") + " or \(last)"
        guard let text = try scalar() else { throw failure(wanted: choice) }
        if let found = words.first(where: { $0.key == text }) { return found.value }
        let remedy = Spelling.nearest(to: text, among: names).map { "Write \(name): \($0)." }
        throw failure("\(name) is \(quoted(text)); \(choice) is wanted", remedy: remedy)
    }

    /// An address that a host can have.
    func address() throws(ConfigurationFailure) -> IPAddress {
        guard let text = try scalar(), let address = IPAddress(text) else { throw failure(wanted: "an IP address") }
        try requireHost(address)
        return address
    }

    func requireHost(_ address: IPAddress) throws(ConfigurationFailure) {
        guard address.isHost else {
            throw failure("\(name) \(verb) \(address), which is not the address of a host")
        }
    }

    /// `address/length`, `first-last` or one address.
    func addressRange() throws(ConfigurationFailure) -> AddressRange {
        let wanted = "an address, a network (host bits 0) or a range first-last"
        guard let text = try scalar(), !text.contains("+"), let range = AddressRange(text) else {
            throw failure(wanted: wanted)
        }
        return range
    }

    /// `port` or `first-last`.
    func portRange(in allowed: ClosedRange<UInt16>) throws(ConfigurationFailure) -> ClosedRange<UInt16> {
        let wanted = "a port or a range first-last, \(allowed.lowerBound) to \(allowed.upperBound),"
        guard let text = try scalar() else { throw failure(wanted: wanted) }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        var numbers: [UInt16] = []
        for end in ends {
            guard !end.isEmpty, end.allSatisfy({ $0.isASCII && $0.isNumber }), end.count == 1 || end.first != "0",
                let number = UInt16(end), allowed.contains(number)
            else { throw failure(wanted: wanted) }
            numbers.append(number)
        }
        guard let first = numbers.first, let last = numbers.last, numbers.count <= 2, first <= last else {
            throw failure(wanted: wanted)
        }
        return first...last
    }

    /// Every port of a list is compared with the others; a list that needs more wants ranges.
    private static let portsLimit = 1024

    /// Ports of which none is named twice.
    func ports(in allowed: ClosedRange<UInt16>) throws(ConfigurationFailure) -> [ClosedRange<UInt16>] {
        var ranges: [ClosedRange<UInt16>] = []
        for entry in try list() {
            guard ranges.count < Self.portsLimit else {
                throw entry.failure(
                    "\(name) holds more than \(Self.portsLimit) ports", remedy: "Write ranges: 1024-65535.")
            }
            let range = try entry.portRange(in: allowed)
            if let other = ranges.first(where: { $0.overlaps(range) }) {
                throw entry.failure(
                    "\(name) names port \(max(other.lowerBound, range.lowerBound)) twice", remedy: "Remove one.")
            }
            ranges.append(range)
        }
        if ranges.isEmpty { throw failure("\(name) is an empty list") }
        return ranges
    }
}

extension IPAddress {
    /// One that a host can be reached by from other links: neither 0/8, multicast nor reserved; of IPv6 neither ::,
    /// loopback, of one link, nor multicast (RFC 4291 §2.4).
    fileprivate var isHost: Bool {
        if isV4 { return v4 >> 24 != 0 && v4 >> 28 < 0xE }
        let isOfOneLink = high >> 54 == 0x3FA
        return high >> 56 != 0xFF && !isOfOneLink && !(high == 0 && low <= 1)
    }
}
