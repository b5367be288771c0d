import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// The cluster of the IPv6 tests: DVIPAs, gateways and SAs of both families, each in the other, and a trusted link of
/// either.
enum Example6 {
    static let client = "2001:db8:c::10"
    static let client4 = Example.client
    static let gateway = "2001:db8:a::1"
    static let gateway4 = Example.gateway
    static let inner = "2001:db8:71::1"
    static let inner4 = Example.inner
    static let dvipa = "2001:db8:72::10"
    static let dvipa4 = Example.dvipa
    static let outerDVIPA = "2001:db8:a::100"
    static let router = "2001:db8:99::1"

    /// A tunnel: what is outside, what is inside, its SA and the way back.
    struct Tunnel: Sendable, CustomTestStringConvertible {
        let isIPv6Outside: Bool
        let isIPv6Inside: Bool
        var testDescription: String { "\(isIPv6Inside ? 6 : 4) in \(isIPv6Outside ? 6 : 4)" }

        var client: String { isIPv6Outside ? Example6.client : client4 }
        var gateway: String { isIPv6Outside ? Example6.gateway : gateway4 }
        var inner: String { isIPv6Inside ? Example6.inner : inner4 }
        var dvipa: String { isIPv6Inside ? Example6.dvipa : dvipa4 }
        private var spi: UInt32 { 0xC600_0010 + (isIPv6Outside ? 2 : 0) + (isIPv6Inside ? 1 : 0) }
        private var remote: String { isIPv6Inside ? "2001:db8:71::/64" : "10.71.0.0/24" }
        private var local: String { isIPv6Inside ? "2001:db8:72::/64" : "10.72.0.0/24" }
        var nextHeader: UInt8 { isIPv6Inside ? 41 : 4 }

        var inbound: SecurityAssociation {
            association(spi: spi, from: client, to: gateway, remote: remote, local: local)
        }
        var outbound: SecurityAssociation {
            association(spi: spi + 0x100, .outbound, from: gateway, to: client, remote: remote, local: local)
        }

        /// An IP packet outside.
        func outer(next: UInt8 = 50, _ payload: Bytes, extensions: [Extension] = []) -> Bytes {
            isIPv6Outside
                ? ipv6(from: client, to: gateway, next: next, payload, extensions: extensions)
                : ipv4(from: client, to: gateway, protocol: next, payload)
        }

        func innerTCP(port: UInt16 = 40000, flags: UInt8 = TCPFlags.syn, payload: Int = 0) -> Bytes {
            let segment = tcp(port, 80, flags: flags, Bytes(repeating: 0x55, count: payload))
            return isIPv6Inside
                ? ipv6(from: inner, to: dvipa, next: 6, segment) : ipv4(from: inner, to: dvipa, protocol: 6, segment)
        }

        /// What the target's stack answers.
        func answer(payload: Int = 100) -> Bytes {
            let segment = tcp(80, 40000, Bytes(repeating: 7, count: payload))
            return isIPv6Inside
                ? ipv6(from: dvipa, to: inner, next: 6, segment, trafficClass: 0xB8)
                : ipv4(from: dvipa, to: inner, protocol: 6, segment, trafficClass: 0xB8)
        }

        func frame(number: UInt64, _ inner: Bytes? = nil, extensions: [Extension] = []) -> Bytes {
            let sealed = esp(inbound, number: number, nextHeader: nextHeader, inner ?? innerTCP())
            return framed(outer(sealed, extensions: extensions))
        }
    }

    static let tunnels = [false, true].flatMap { outside in
        [false, true].map { Tunnel(isIPv6Outside: outside, isIPv6Inside: $0) }
    }
    static let sixInSix = Tunnel(isIPv6Outside: true, isIPv6Inside: true)
    static let fourInSix = Tunnel(isIPv6Outside: true, isIPv6Inside: false)
    static let sixInFour = Tunnel(isIPv6Outside: false, isIPv6Inside: true)

    static let transport = association(
        spi: 0xC600_0001, .inbound, .transport, from: client, to: outerDVIPA, .aes256gcm16, remote: "\(client)/128",
        local: "\(outerDVIPA)/128")
    static let outTransport = association(
        spi: 0xC600_0101, .outbound, .transport, from: outerDVIPA, to: client, .aes256gcm16, remote: "\(client)/128",
        local: "\(outerDVIPA)/128")

    static func transportFrame(
        number: UInt64, _ payload: Bytes = tcp(40000, 80, flags: TCPFlags.syn), nextHeader: UInt8 = 6,
        extensions: [Extension] = [], source: String = client
    ) -> Bytes {
        framed(
            ipv6(
                from: source, to: outerDVIPA, next: 50,
                esp(transport, number: number, nextHeader: nextHeader, payload), extensions: extensions))
    }

    /// In Ethernet, by its version.
    static func framed(_ packet: Bytes) -> Bytes { ethernet(packet, type: packet[0] >> 4 == 6 ? 0x86DD : 0x0800) }

    // MARK: Members

    static func targets(onIPv6 trusted: Bool) -> [Target] {
        (1...3).map {
            Target(name: "t\($0)", trustedAddress: address(trusted ? "2001:db8:99::1\($0)" : "192.0.2.1\($0)"))
        }
    }

    static func configuration(onIPv6 trusted: Bool) -> RouterConfiguration {
        let targets = targets(onIPv6: trusted)
        let dvipas = [dvipa, dvipa4, outerDVIPA].map(address)
        var configuration = RouterConfiguration(
            dvipas: dvipas, gateways: [gateway, gateway4].map(address),
            services: dvipas.map {
                Service(name: "web", dvipa: $0, ipProtocol: 6, ports: [80...80], targets: targets.map(\.name))
            },
            targets: targets, epoch: Epoch(rawValue: 7),
            trustedAddress: address(trusted ? router : Example.routerAddress), trustedMAC: Example.routerMAC,
            trustedMTU: 1500)
        configuration.associationCapacity = 16
        configuration.connectionCapacity = 64
        return configuration
    }

    static func bench(
        _ provider: Provider = .openSSL, onIPv6 trusted: Bool = false, _ configuration: RouterConfiguration? = nil
    ) -> RouterBench {
        var bench = RouterBench(configuration ?? Self.configuration(onIPv6: trusted), provider)
        for association in tunnels.map(\.inbound) + [transport] { try! bench.router.apply(.install(association)) }
        for (index, target) in targets(onIPv6: trusted).enumerated() {
            try! bench.router.apply(
                .neighbour(target: target.name, MACAddress(rawValue: 0x0200_0000_0010 + UInt64(index))))
        }
        return bench
    }

    static func target(
        _ provider: Provider = .openSSL, onIPv6 trusted: Bool = false, pathMTU: Int? = nil
    ) -> HostBench {
        var configuration = HostConfiguration(
            ingress: .gre(
                routers: [address(trusted ? router : Example.routerAddress)], epoch: Epoch(rawValue: 7)),
            addresses: [gateway, gateway4, outerDVIPA].map(address), dvipas: [dvipa, dvipa4, outerDVIPA].map(address))
        configuration.trustedAddress = targets(onIPv6: trusted)[0].trustedAddress
        if let pathMTU { configuration.pathMTU = pathMTU }
        var bench = HostBench(configuration, provider)
        for association in tunnels.flatMap({ [$0.inbound, $0.outbound] }) + [transport, outTransport] {
            try! bench.host.apply(.install(association))
        }
        return bench
    }

    /// The endpoint at the other end of the same SAs.
    static func endpoint(_ provider: Provider = .openSSL) -> HostBench {
        var bench = HostBench(
            HostConfiguration(ingress: .direct, addresses: [client, client4].map(address), dvipas: []), provider)
        for association in tunnels.flatMap({ [$0.inbound, $0.outbound] }) + [transport, outTransport] {
            try! bench.host.apply(.install(association.mirrored))
        }
        return bench
    }

    // MARK: GRE

    /// A datagram in GRE to the target of that index, as a router sends it.
    static func wrapped(
        _ frame: Bytes, onIPv6 trusted: Bool = false, target: Int = 0, key: UInt32 = 7, type: UInt16? = nil,
        from router: String? = nil
    ) -> Bytes {
        let datagram = Bytes(frame.dropFirst(14))
        let inside = gre(key: key, type: type ?? (datagram[0] >> 4 == 6 ? 0x86DD : 0x0800), datagram)
        let destination = targets(onIPv6: trusted)[target].trustedAddress.description
        return trusted
            ? ipv6(from: router ?? Example6.router, to: destination, next: 47, inside)
            : ipv4(from: router ?? Example.routerAddress, to: destination, protocol: 47, inside)
    }

    /// What a steered frame must look like.
    static func encapsulated(_ frame: Bytes, target: Int, onIPv6 trusted: Bool = false) -> Bytes {
        [2, 0, 0, 0, 0, UInt8(0x10 + target), 2, 0, 0, 0, 0x99, 1] + (trusted ? [0x86, 0xDD] : [8, 0])
            + wrapped(frame, onIPv6: trusted, target: target)
    }
}
