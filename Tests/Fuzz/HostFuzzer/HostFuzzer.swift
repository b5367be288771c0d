// libFuzzer over a target (scripts/fuzz.sh). The first byte chooses how the rest is understood:
//
//     0 mod 4   a packet as it comes from the raw socket: GRE, or what is to be GRE
//     1 mod 4   what a router puts in GRE of ours: ESP, errors about ESP, probes, packets in clear
//     2 mod 4   what is inside a tunnel mode packet, sealed here: [1] next header, the plaintext
//     3 mod 4   a packet of the host's own stack, from the TUN device
//
// From 128 on IPv6 is outside. What must hold: a verdict for every packet; nothing is delivered, and no table changes, but for
// what was sealed here; what is sealed the peer opens; and no trap or bad access, which the sanitizer sees.
import Associations
import FuzzDriver
import TestSupport
import Wire

@testable import FastPath

private let router = "192.0.2.1"
private let ends4 = (client: "198.51.100.10", gateway: "203.0.113.1")
private let ends6 = (client: "2001:db8:c::10", gateway: "2001:db8:a::1")
private let dvipas = ["10.72.0.10", "2001:db8:72::10"].map(address)

private func tunnel(_ direction: Direction, outsideIs6: Bool, insideIs6: Bool) -> SecurityAssociation {
    let ends = outsideIs6 ? ends6 : ends4
    return association(
        spi: 0xC000_0001 + (outsideIs6 ? 2 : 0) + (insideIs6 ? 1 : 0) + (direction == .outbound ? 16 : 0), direction,
        from: direction == .inbound ? ends.client : ends.gateway,
        to: direction == .inbound ? ends.gateway : ends.client,
        insideIs6 ? .chacha20poly1305 : .aes128gcm16, remote: insideIs6 ? "2001:db8:71::/64" : "10.71.0.0/16",
        local: insideIs6 ? "2001:db8:72::/64" : "10.72.0.0/16")
}

private let kinds = [(false, false), (false, true), (true, false), (true, true)]

/// A target and the peer at the other end, who live through all runs.
private final class Bench {
    var target: HostBench
    var peer: HostBench
    var number: UInt64 = 0

    init() {
        var configuration = HostConfiguration(
            ingress: .gre(routers: [address(router)], epoch: Epoch(rawValue: 1)),
            addresses: [ends4.gateway, ends6.gateway].map(address), dvipas: dvipas)
        configuration.connectionCapacity = 64
        configuration.filter = Filter([
            FilterRule(name: "odd", action: .deny, ipProtocol: 6, destinationPorts: [22...23])
        ])
        target = HostBench(configuration, Provider.available[0])
        var other = HostConfiguration(
            ingress: .direct, addresses: [ends4.client, ends6.client].map(address), dvipas: [])
        other.connectionCapacity = 64
        peer = HostBench(other)
        for (outside, inside) in kinds {
            let out = tunnel(.outbound, outsideIs6: outside, insideIs6: inside)
            try! target.host.apply(.install(tunnel(.inbound, outsideIs6: outside, insideIs6: inside)))
            try! target.host.apply(.install(out))
            try! target.host.apply(
                .lease(out.spi, SequenceLease(identifier: 1, first: 1, end: 1 << 32 - 1, validUntil: .max)))
            try! peer.host.apply(.install(out.mirrored))
        }
    }

    private func wrapped(_ packet: Bytes) -> Bytes {
        ipv4(
            from: router, to: "192.0.2.11", protocol: 47,
            gre(key: 1, type: packet.first.map { $0 >> 4 } == 6 ? 0x86DD : 0x0800, packet))
    }

    func run(_ input: Bytes) {
        let rest = Bytes(input.dropFirst())
        let isIPv6 = input[0] >= 128
        guard rest.count < 1400 else { return }
        switch input[0] % 4 {
        case 0: refuse(rest)
        case 1: refuse(wrapped(rest))
        case 2: open(rest, isIPv6)
        default: seal(rest)
        }
    }

    private func refuse(_ packet: Bytes) {
        var before = target.host.stateDigests()
        let result = target.open(packet)
        precondition(result.verdict != .pending && !result.verdict.delivers)
        // What came in clear its filter counts; a path MTU is believed in without proof.
        before["filter"] = nil
        var after = target.host.stateDigests()
        after["filter"] = nil
        if result.verdict == .tooBigHeeded { (before["outbound"], after["outbound"]) = (nil, nil) }
        precondition(after == before)
    }

    private func open(_ rest: Bytes, _ isIPv6: Bool) {
        guard let next = rest.first else { return }
        number += 1
        let association = tunnel(.inbound, outsideIs6: isIPv6, insideIs6: next == 41)
        let packet = esp(association, number: number, nextHeader: next, Bytes(rest.dropFirst()))
        let ends = isIPv6 ? ends6 : ends4
        let outer =
            isIPv6
            ? ipv6(from: ends.client, to: ends.gateway, next: 50, packet, trafficClass: UInt8(number & 3))
            : ipv4(from: ends.client, to: ends.gateway, protocol: 50, packet, trafficClass: UInt8(number & 3))
        let result = target.open(wrapped(outer))
        precondition(result.verdict != .pending && result.verdict != .badICV && result.verdict != .replayed)
        if result.verdict == .delivered { precondition(result.bytes.count <= rest.count - 1) }
    }

    private func seal(_ packet: Bytes) {
        let result = target.seal(packet)
        guard result.verdict == .sealed else {
            precondition(result.verdict != .pending)
            return
        }
        let opened = peer.open(result.bytes)
        // A first piece that gave way there, and not here, is no fault: tables hash in their own ways.
        precondition(
            opened.verdict == .delivered && opened.bytes.count <= packet.count || opened.verdict == .innerFragment,
            "\(opened.verdict)")
    }
}

nonisolated(unsafe) private let bench = Bench()

@_cdecl("HostFuzzer_main")
public func main(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    fuzz(count, arguments) { bench.run($0) }
}
