import Associations
import Foundation
import Testing
import Wire

@testable import ControlPlane

/// The kernel's ESP, as far as this machine's kernel has it; what one with ESP does with it is shown in a guest (docs/xfrm.md).
@Suite struct KernelDeliveryTests {
    /// Where it cannot, it says what to do; where it can, it leaves nothing behind.
    @Test func aKernelOpensOrIsRefusedByName() throws {
        let namespace = try NetworkNamespace()
        try namespace.ip("link set lo up")
        let refusal = try namespace.inside { () -> String? in
            do throws(KernelRefusal) {
                let delivery = try KernelDelivery(
                    from: IPAddress("192.0.2.1")!, to: IPAddress("192.0.2.11")!, epoch: Epoch(rawValue: 1),
                    transforms: [.aes256gcm16])
                delivery.end()
                return nil
            } catch { return error.description }
        }
        if let refusal {
            #expect(refusal.contains("no ESP with aes256gcm16") || refusal.contains("no GRE"))
            #expect(refusal.contains("delivery: tun"))
        }
        let links = try namespace.ip("-o link show")
        #expect(!links.contains(KernelDelivery.interface))
    }

    @Test func greOverIPv6IsRefused() throws {
        let namespace = try NetworkNamespace()
        let refusal = try namespace.inside { () -> String? in
            do throws(KernelRefusal) {
                _ = try KernelDelivery(
                    from: IPAddress("2001:db8::1")!, to: IPAddress("2001:db8::11")!, epoch: Epoch(rawValue: 1),
                    transforms: [])
                return nil
            } catch { return error.description }
        }
        #expect(refusal?.contains("IPv4") == true)
    }

    private static func selectors(
        _ remote: [String] = ["10.71.0.0/24"], _ local: [String] = ["10.72.0.10"],
        ports: [ClosedRange<UInt16>] = []
    ) -> TrafficSelectors {
        TrafficSelectors(
            remote: remote.map { AddressRange($0)! }, local: local.map { AddressRange($0)! }, ipProtocol: 6,
            localPorts: ports)
    }

    @Test func selectorsThatTheKernelHasWordsFor() throws {
        let selector = try #require(KernelSelector(Self.selectors(ports: [80...80])))
        let bytes = selector.bytes
        #expect(bytes.count == KernelSelector.byteCount)
        #expect(bytes[0..<4] == [10, 72, 0, 10] && bytes[16..<20] == [10, 71, 0, 0])
        #expect(bytes[32..<40] == [0, 80, 0xFF, 0xFF, 0, 0, 0, 0])
        #expect(bytes[42..<45] == [32, 24, 6])
        let masked = try #require(KernelSelector(Self.selectors(ports: [1024...2047])))
        #expect(masked.bytes[32..<36] == [4, 0, 0xFC, 0])
        let all = try #require(KernelSelector(Self.selectors(ports: [0 ... .max])))
        #expect(all.bytes[32..<36] == [0, 0, 0, 0])
    }

    @Test(arguments: [
        selectors(["10.71.0.0/24", "10.73.0.0/24"]), selectors(["10.71.0.1-10.71.0.2"]),
        selectors(ports: [80...80, 443...443]), selectors(ports: [1024...2048]), selectors(ports: [1025...2048]),
        selectors(["2001:db8::/64"]),
    ])
    func selectorsThatItHasNot(_ selectors: TrafficSelectors) { #expect(KernelSelector(selectors) == nil) }

    @Test(arguments: Transform.allCases)
    func algorithmsHaveNamesAndLengths(_ transform: Transform) {
        let algorithm = KernelAlgorithm(transform)
        #expect(transform.cipher.isCombined == (algorithm.integrity == nil))
        let value = algorithm.value(algorithm.cipher, [1, 2, 3, 4], algorithm.combinedBits)
        #expect(value.count == (transform.cipher.isCombined ? 72 : 68) + 4)
        #expect(value[64] == 32)
    }
}
