import Associations
import FastPath
import TestSupport
import Wire

/// The cluster of the golden packets: a tunnel SA to a gateway with a DVIPA inside, a transport SA to a DVIPA outside.
enum Example {
    static let client = "198.51.100.10"
    static let gateway = "203.0.113.1"
    static let inner = "10.71.0.1"
    static let dvipa = "10.72.0.10"
    static let outerDVIPA = "203.0.113.100"
    static let routerAddress = "192.0.2.1"
    static let routerMAC = MACAddress("02:00:00:00:99:01")!

    static let targets = (1...3).map {
        Target(name: "t\($0)", trustedAddress: address("192.0.2.1\($0)"))
    }

    static let tunnel = association(
        spi: 0xC000_0001, from: client, to: gateway, .aes128gcm16, remote: "10.71.0.0/24", local: "10.72.0.0/24")
    static let transport = association(
        spi: 0xC000_0002, .inbound, .transport, from: client, to: outerDVIPA, .aes256gcm16, remote: "\(client)/32",
        local: "\(outerDVIPA)/32", protocol: 6)
    static let narrow = association(
        spi: 0xC000_0003, from: client, to: gateway, .aes256gcm16, remote: "10.71.9.0/24", local: "\(dvipa)/32",
        protocol: 6, localPorts: [80...80])

    static func configuration() -> RouterConfiguration {
        let names = targets.map(\.name)
        var configuration = RouterConfiguration(
            dvipas: [address(dvipa), address(outerDVIPA)], gateways: [address(gateway)],
            services: [dvipa, outerDVIPA].map {
                Service(name: "web", dvipa: address($0), ipProtocol: 6, ports: [80...80, 443...443], targets: names)
            },
            targets: targets, epoch: Epoch(rawValue: 7), trustedAddress: address(routerAddress),
            trustedMAC: routerMAC, trustedMTU: 1500)
        configuration.associationCapacity = 16
        configuration.connectionCapacity = 64
        return configuration
    }

    static func bench(_ provider: Provider = .openSSL, _ configuration: RouterConfiguration = configuration())
        -> RouterBench
    {
        var bench = RouterBench(configuration, provider)
        for association in [tunnel, transport, narrow] { try! bench.router.apply(.install(association)) }
        for (index, target) in targets.enumerated() {
            try! bench.router.apply(
                .neighbour(target: target.name, MACAddress(rawValue: 0x0200_0000_0010 + UInt64(index))))
        }
        return bench
    }

    /// An inner packet of the tunnel.
    static func innerTCP(
        port: UInt16 = 40000, to destinationPort: UInt16 = 80, flags: UInt8 = TCPFlags.syn, payload: Int = 0,
        options: Bytes = [], source: String = inner, destination: String = dvipa
    ) -> Bytes {
        ipv4(
            from: source, to: destination, protocol: 6,
            tcp(port, destinationPort, flags: flags, Bytes(repeating: 0x55, count: payload)), options: options)
    }

    /// A tunnel mode frame around `inner`.
    static func tunnelFrame(
        number: UInt64, _ inner: Bytes = innerTCP(), nextHeader: UInt8 = 4,
        under association: SecurityAssociation = tunnel,
        espFault: ESPFault = ESPFault(), options: Bytes = [], fragment: UInt16 = 0x4000,
        ipFault: IPv4Fault = IPv4Fault()
    ) -> Bytes {
        ethernet(
            ipv4(
                from: client, to: gateway, protocol: 50,
                esp(association, number: number, nextHeader: nextHeader, inner, fault: espFault), options: options,
                fragment: fragment, fault: ipFault))
    }

    static func transportFrame(
        number: UInt64, _ segment: Bytes = tcp(40000, 80, flags: TCPFlags.syn), nextHeader: UInt8 = 6,
        source: String = client
    ) -> Bytes {
        ethernet(
            ipv4(
                from: source, to: outerDVIPA, protocol: 50,
                esp(transport, number: number, nextHeader: nextHeader, segment)))
    }

    /// What a steered frame must look like, by the same words.
    static func encapsulated(_ frame: Bytes, target: Int, epoch: UInt32 = 7) -> Bytes {
        let datagram = Bytes(frame.dropFirst(14))
        let total = Int(datagram[2]) << 8 | Int(datagram[3])
        let outer = ipv4(
            from: routerAddress, to: targets[target].trustedAddress.description, protocol: 47,
            gre(key: epoch, Bytes(datagram.prefix(total))))
        return [2, 0, 0, 0, 0, UInt8(0x10 + target), 2, 0, 0, 0, 0x99, 1, 8, 0] + outer
    }
}
