import Associations
import Testing
import Wire

@testable import Configuration
@testable import viaduct

/// What an endpoint's packets come from when their socket names no address.
@Suite struct PreferredSourceTests {
    private func outbound(_ source: String, _ mode: Mode) -> SecurityAssociation {
        SecurityAssociation(
            name: "out", spi: SPI(rawValue: 256), direction: .outbound, mode: mode, source: IPAddress(source)!,
            destination: IPAddress("192.0.2.100")!, transform: .aes128gcm16,
            key: SecretBytes([UInt8](repeating: 1, count: 16)), salt: SecretBytes([1, 2, 3, 4]),
            selectors: TrafficSelectors(remote: [AddressRange("192.0.2.100")!], local: [AddressRange(source)!]),
            replayWindow: 64)
    }

    private func preferred(_ addresses: [String], _ associations: SecurityAssociation...) -> String? {
        EndpointNode(addresses: addresses.map { IPAddress($0)! }, mtu: nil).preferredSource(associations)?.description
    }

    @Test func inTransportModeItIsTheSAsOwnSource() {
        let one = outbound("198.51.100.10", .transport)
        var inbound = outbound("192.0.2.200", .transport)
        inbound.direction = .inbound
        #expect(preferred([], one) == "198.51.100.10")
        #expect(preferred([], one, inbound, one) == "198.51.100.10")
    }

    @Test func whereThatIsNotOneAnswerTheKernelChooses() {
        let one = outbound("198.51.100.10", .transport)
        #expect(preferred([]) == nil)
        #expect(preferred(["10.71.0.1"], one) == nil)
        #expect(preferred([], one, outbound("203.0.113.10", .transport)) == nil)
        #expect(preferred([], outbound("198.51.100.10", .tunnel)) == nil)
        #expect(preferred([], one, outbound("198.51.100.10", .tunnel)) == nil)
    }
}
