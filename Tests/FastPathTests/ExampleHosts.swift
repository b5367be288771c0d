import Associations
import FastPath
import TestSupport
import Wire

/// A target of the example cluster, and the endpoint at the other end of its SAs.
extension Example {
    static let outTunnel = association(
        spi: 0xD000_0001, .outbound, from: Example.gateway, to: Example.client, remote: "10.71.0.0/24",
        local: "10.72.0.0/24")
    static let outTransport = association(
        spi: 0xD000_0002, .outbound, .transport, from: Example.outerDVIPA, to: Example.client, .aes256gcm16,
        remote: "\(Example.client)/32", local: "\(Example.outerDVIPA)/32")

    /// Of the same selectors as `outTunnel`: what it is after a rekey.
    static let outTunnel2 = association(
        spi: 0xD000_0003, .outbound, from: Example.gateway, to: Example.client, remote: "10.71.0.0/24",
        local: "10.72.0.0/24")

    static func targetConfiguration() -> HostConfiguration {
        HostConfiguration(
            ingress: .gre(routers: [address(Example.routerAddress)], epoch: Epoch(rawValue: 7)),
            addresses: [Example.gateway, Example.outerDVIPA].map(address),
            dvipas: [Example.dvipa, Example.outerDVIPA].map(address))
    }

    static func target(_ provider: Provider = .openSSL) -> HostBench { target(targetConfiguration(), provider) }

    static func target(_ configuration: HostConfiguration, _ provider: Provider = .openSSL) -> HostBench {
        var bench = HostBench(configuration, provider)
        for association in [Example.tunnel, Example.transport, outTunnel, outTransport] {
            try! bench.host.apply(.install(association))
        }
        return bench
    }

    /// The endpoint at the other end of the same SAs.
    static func endpoint(_ provider: Provider = .openSSL) -> HostBench {
        var bench = HostBench(
            HostConfiguration(ingress: .direct, addresses: [address(Example.client)], dvipas: []), provider)
        for association in [Example.tunnel, Example.transport, outTunnel, outTransport] {
            try! bench.host.apply(.install(association.mirrored))
        }
        return bench
    }

    /// As the router sends it to the first target.
    static func wrapped(
        _ frame: Bytes, from router: String = Example.routerAddress, key: UInt32 = 7, flags: UInt16 = 0x2000,
        type: UInt16 = 0x0800
    ) -> Bytes {
        ipv4(
            from: router, to: "192.0.2.11", protocol: 47,
            gre(key: key, type: type, flags: flags, Bytes(frame.dropFirst(14))))
    }

    static func lease(_ first: UInt64, _ end: UInt64, validUntil: UInt64 = .max) -> SequenceLease {
        SequenceLease(identifier: 1, first: first, end: end, validUntil: validUntil)
    }
}
