import TestSupport
import Testing
import Wire

@Suite struct IPAddressTests {
    @Test(arguments: [
        ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("10.72.0.10", "10.72.0.10"), ("::", "::"),
        ("::1", "::1"), ("1::", "1::"), ("2001:db8::10", "2001:db8::10"), ("2001:DB8:0:0:0:0:0:10", "2001:db8::10"),
        ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("1:0:0:2:2:0:0:3", "1::2:2:0:0:3"), ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("::1.2.3.4", "::102:304"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
    ]) func textIsReadAndWrittenInItsCanonicalForm(_ text: String, _ canonical: String) {
        #expect(IPAddress(text)?.description == canonical)
        #expect(IPAddress(canonical)?.description == canonical)
    }

    @Test(arguments: [
        "", " ", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", "1.2.3.-4", "1.2.3.+4", "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.4/32", "0x1.2.3.4", "1..2.3", ".1.2.3", "1.2.3.", "١.2.3.4", ":", ":::", "1:::2", "1::2::3", "1:2:3",
        "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "12345::", "g::", "::1%eth0", "[::1]", ":1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:",
        "::ffff:10.0.0.1", "::ffff:a00:1", "1.2.3.4::", "1.2.3.4:5::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "::+1",
        "::1.2.3.256",
    ]) func whatIsNoAddressIsRefused(_ text: String) { #expect(IPAddress(text) == nil) }

    @Test func whatIsWrittenReadsBackTheSame() {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<5000 {
            let v4 = IPAddress(v4: UInt32(truncatingIfNeeded: generator.next()))
            #expect(v4.isV4 && IPAddress(v4.description) == v4)
            // Many groups of zero, so that "::" is tried in all its places.
            var (high, low): (UInt64, UInt64) = (0, 0)
            for index in 0..<8 where !generator.once(in: 2) {
                let group = generator.next() >> UInt64.random(in: 48...63, using: &generator)
                if index < 4 { high |= group << UInt64(16 * index) } else { low |= group << UInt64(16 * (index - 4)) }
            }
            let address = IPAddress(high: high, low: low)
            if !address.isV4 { #expect(IPAddress(address.description) == address, "\(address)") }
        }
    }

    @Test func theNumberIsInHostOrder() {
        #expect(IPAddress("10.0.0.1")?.v4 == 0x0A00_0001)
        #expect(IPAddress("2001:db8::1") == IPAddress(high: 0x2001_0DB8_0000_0000, low: 1))
        #expect(IPAddress("10.0.0.255")! < IPAddress("10.0.1.0")!)
        #expect(IPAddress("1::ffff:ffff:ffff:ffff")! < IPAddress("1:0:0:1::")!)
    }
}

@Suite struct AddressRangeTests {
    @Test(arguments: [
        ("10.71.0.0/24", "10.71.0.0", "10.71.0.255", "10.71.0.0/24"),
        ("0.0.0.0/0", "0.0.0.0", "255.255.255.255", "0.0.0.0/0"),
        ("10.0.0.1", "10.0.0.1", "10.0.0.1", "10.0.0.1"), ("10.0.0.1/32", "10.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1-10.0.0.3", "10.0.0.1", "10.0.0.3", "10.0.0.1-10.0.0.3"),
        ("10.0.0.0-10.0.0.3", "10.0.0.0", "10.0.0.3", "10.0.0.0/30"),
        ("2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::/32"),
        ("2001:db8::/64", "2001:db8::", "2001:db8::ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("::/1", "::", "7fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::/1"),
    ]) func rangesAreReadAndWritten(_ text: String, _ first: String, _ last: String, _ canonical: String) throws {
        let range = try #require(AddressRange(text))
        #expect(range == AddressRange(first: IPAddress(first)!, last: IPAddress(last)!))
        #expect(range.description == canonical && AddressRange(canonical) == range)
        #expect(range.contains(range.first) && range.contains(range.last))
    }

    @Test func wholeIPv6IsARange() throws {
        let all = try #require(AddressRange("::/0"))
        #expect(all.first == IPAddress(high: 0, low: 0) && all.last == IPAddress(high: .max, low: .max))
        #expect(AddressRange(all.description) == all)
    }

    @Test(arguments: [
        "", "/", "/24", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8/8",
        "10.0.0.1/24",
        "10.0.0.0/a", "10.0.0.3-10.0.0.1", "10.0.0.1-", "-10.0.0.1", "10.0.0.1-2001:db8::1",
        "10.0.0.1-10.0.0.2-10.0.0.3",
        "10.0.0.0/24-10.0.1.0", "2001:db8::/129", "2001:db8::1/64", "2001:db8::/ 32", "10.0.0.0/255.0.0.0",
    ]) func whatIsNoRangeIsRefused(_ text: String) { #expect(AddressRange(text) == nil) }

    @Test func itHoldsWhatIsBetween() {
        let range = AddressRange("10.0.0.4-10.0.1.2")!
        for (address, isInside) in [
            ("10.0.0.3", false), ("10.0.0.4", true), ("10.0.0.255", true), ("10.0.1.2", true), ("10.0.1.3", false),
            ("::a00:4", false), ("2001:db8::1", false),
        ] { #expect(range.contains(IPAddress(address)!) == isInside, "\(address)") }
    }

    @Test func randomRangesReadBackTheSame() {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<1000 {
            let ends = (0..<2).map { _ in
                IPAddress(
                    v4: UInt32(truncatingIfNeeded: generator.next()) & (generator.once(in: 2) ? .max : 0xFF00_0000))
            }.sorted()
            let range = AddressRange(first: ends[0], last: ends[1])
            #expect(AddressRange(range.description) == range, "\(range)")
        }
    }
}
