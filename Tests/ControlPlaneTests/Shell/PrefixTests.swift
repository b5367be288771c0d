import ControlPlane
import Testing
import Wire

@Suite struct PrefixTests {
    @Test(arguments: [
        ("10.72.0.10", ["10.72.0.10/32"]), ("10.72.0.0/24", ["10.72.0.0/24"]), ("0.0.0.0/0", ["0.0.0.0/0"]),
        ("10.0.0.1-10.0.0.6", ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"]),
        ("255.255.255.254-255.255.255.255", ["255.255.255.254/31"]), ("2001:db8::/32", ["2001:db8::/32"]),
        ("::/0", ["::/0"]), ("2001:db8::1-2001:db8::2", ["2001:db8::1/128", "2001:db8::2/128"]),
    ])
    func coverTheRangeExactly(range: String, prefixes: [String]) {
        #expect(Prefix.covering(AddressRange(range)!).map(\.description) == prefixes)
    }
}
