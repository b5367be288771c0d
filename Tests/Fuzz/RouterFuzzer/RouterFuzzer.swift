// libFuzzer over the whole router path (scripts/fuzz.sh). The first byte chooses how the rest is understood:
//
//     0 mod 4   a frame as it comes from the wire: nothing in it can be authentic, so nothing may change
//     1 mod 4   what is inside a tunnel mode packet: [1] next header, [2] stated padding, the plaintext; sealed here
//     2 mod 4   the same in transport mode
//     3 mod 4   the same in tunnel mode, the ICV spoiled: nothing may change
//
// From 128 on the same with IPv6 on the outside: choices 1 and 3 have in [1] how many extension headers of destination
// options stand before ESP, from its upper four bits; what is inside is as it comes, so IPv6 with next header 41.
//
// What must hold: a verdict for every packet, steering only for what was sealed here, no change without authenticity,
// and no trap or bad access, which the sanitizer sees.
import Associations
import FastPath
import FuzzDriver
import TestSupport
import Wire

private let client = "198.51.100.10"
private let gateway = "203.0.113.1"
private let tunnel = association(
    spi: 0xC000_0001, from: client, to: gateway, remote: "10.71.0.0/16", local: "10.72.0.0/16")
private let transport = association(
    spi: 0xC000_0002, .inbound, .transport, from: client, to: gateway, .aes256gcm16, remote: "\(client)/32",
    local: "\(gateway)/32", hasESN: true)

private let client6 = "2001:db8:c::10"
private let gateway6 = "2001:db8:a::1"
private let tunnel6 = association(
    spi: 0xC600_0001, from: client6, to: gateway6, remote: "2001:db8:71::/64", local: "2001:db8:72::/64")
private let transport6 = association(
    spi: 0xC600_0002, .inbound, .transport, from: client6, to: gateway6, .aes128sha256, remote: "\(client6)/128",
    local: "\(gateway6)/128")

/// A router that lives through all runs, as a real one does.
private final class Bench {
    var router: RouterBench
    var number: UInt64 = 0

    private static let kinds: [(UInt8, [ClosedRange<UInt16>], Steering)] = [
        (6, [0...65535], Steering(.consistentHash, affinitySeconds: 5)),
        (17, [0...65535], Steering(.activeConnections)),
        (132, [0...65535], Steering()), (47, [], Steering(.hotStandby)),
    ]

    init() {
        let targets = [
            Target(name: "t1", trustedAddress: address("192.0.2.11")),
            Target(name: "t2", trustedAddress: address("192.0.2.12")),
        ]
        let dvipas = ["10.72.0.10", gateway, "2001:db8:72::10", gateway6].map(address)
        var configuration = RouterConfiguration(
            dvipas: dvipas, gateways: [],
            services: dvipas.flatMap { dvipa in
                Self.kinds.map { ipProtocol, ports, steering in
                    Service(
                        name: "any", dvipa: dvipa, ipProtocol: ipProtocol, ports: ports, targets: ["t1", "t2"],
                        steering: steering)
                }
            },
            targets: targets, epoch: Epoch(rawValue: 1), trustedAddress: address("192.0.2.1"),
            trustedMAC: MACAddress(rawValue: 0x0200_0000_9901), trustedMTU: 1500)
        configuration.associationCapacity = 8
        configuration.connectionCapacity = 256
        configuration.filter = Filter(
            [
                FilterRule(name: "odd", action: .deny, ipProtocol: 6, destinationPorts: [22...23, 8000...8999]),
                FilterRule(name: "datagrams", action: .deny, sources: [AddressRange("10.71.3.0/24")!], ipProtocol: 17),
            ], otherwise: .requireIPsec)
        router = RouterBench(configuration, Provider.available[0])
        try! router.router.apply(.install(tunnel))
        try! router.router.apply(.install(transport))
        try! router.router.apply(.install(tunnel6))
        try! router.router.apply(.install(transport6))
        for target in targets {
            try! router.router.apply(.neighbour(target: target.name, MACAddress(rawValue: 0x0200_0000_0001)))
        }
    }

    func run(_ input: Bytes) {
        let choice = input[0] % 4
        let asked = router.router.filterTallies
        let rest = Bytes(input.dropFirst())
        if choice == 0 {
            let before = router.router.stateSnapshot()
            let outcome = router.send(rest)
            precondition(outcome.verdict != .pending && !outcome.verdict.steers)
            precondition(router.router.stateSnapshot() == before && router.router.filterTallies == asked)
            return
        }
        guard rest.count >= 2, rest.count < 1500 else { return }
        number += 1
        let isIPv6 = input[0] >= 128
        let association = isIPv6 ? (choice == 2 ? transport6 : tunnel6) : choice == 2 ? transport : tunnel
        // With CBC the padding must align: the trailer's word is the fault, not its length.
        let packet = esp(
            association, number: number, nextHeader: rest[0], Bytes(rest.dropFirst(2)),
            fault: ESPFault(
                statedPadding: rest[1] & 15 == 0 ? nil : rest[1] - 1, otherKey: choice == 3))
        let frame =
            isIPv6
            ? ethernet(
                ipv6(
                    from: client6, to: gateway6, next: 50, packet,
                    extensions: Array(repeating: .options(), count: Int(rest[1] >> 4) % 9)), type: 0x86DD)
            : ethernet(ipv4(from: client, to: gateway, protocol: 50, packet))
        let before = router.router.stateSnapshot()
        let outcome = router.send(frame)
        precondition(outcome.verdict != .pending)
        if choice == 3 {
            precondition(outcome.verdict == .badICV && router.router.stateSnapshot() == before)
            precondition(router.router.filterTallies == asked)
        } else {
            precondition(outcome.verdict != .badICV && outcome.verdict != .replayed)
            if outcome.verdict.steers {
                precondition(outcome.bytes.suffix(frame.count - 14) == frame.dropFirst(14))
            }
        }
    }
}

nonisolated(unsafe) private let bench = Bench()

@_cdecl("RouterFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    fuzz(count, arguments) { bench.run($0) }
}
