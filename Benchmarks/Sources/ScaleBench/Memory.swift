import Associations
import FastPath
import Foundation
import Wire
import Workload

extension ScaleBench {
    /// Resident memory of a router with 1,000,000 SAs (AES-128-GCM-16, windows of 64), and of one with 10,000,000 connections.
    static func memory() throws {
        let associations = 1_000_000
        let connections = 10_000_000
        func configuration() -> RouterConfiguration {
            RouterConfiguration(
                dvipas: [Cluster.dvipa], gateways: [Cluster.gateway], services: [Cluster.service],
                targets: Cluster.targets, epoch: Cluster.epoch, trustedAddress: Cluster.trustedAddress,
                trustedMAC: Cluster.trustedMAC, trustedMTU: Cluster.trustedMTU)
        }
        var many = configuration()
        many.associationCapacity = associations
        many.connectionCapacity = 64
        let before = resident()
        var router = Router(many)
        let everyone = AddressRange(first: IPAddress("0.0.0.0")!, last: IPAddress("255.255.255.255")!)
        let here = AddressRange(first: Cluster.dvipa, last: Cluster.dvipa)
        for index in 0..<associations {
            let key = (0..<16).map { UInt8(truncatingIfNeeded: index >> ($0 % 3 * 8)) ^ UInt8($0) }
            try router.apply(
                .install(
                    SecurityAssociation(
                        name: "", spi: SPI(rawValue: 256 + UInt32(index)), direction: .inbound, mode: .tunnel,
                        source: IPAddress(v4: 0xC612_0000 &+ UInt32(index)), destination: Cluster.gateway,
                        transform: .aes128gcm16, key: SecretBytes(key), salt: SecretBytes([1, 2, 3, 4]),
                        selectors: TrafficSelectors(remote: [everyone], local: [here]), replayWindow: 64)))
        }
        try hold("memory/router/\(associations)sa", resident() - before, atMost: 1_500_000_000)
        _ = consume router

        var busy = configuration()
        busy.associationCapacity = 64
        busy.connectionCapacity = connections
        let start = resident()
        var other = Router(busy)
        for index in 0..<connections {
            let flow = Flow(
                remote: IPAddress(v4: 0x0A00_0000 + UInt32(index % 1_000_000)), local: Cluster.dvipa,
                remotePort: UInt16(1_024 + index / 1_000_000), localPort: 443, ipProtocol: 6)
            guard other.learn(flow, servedBy: Cluster.targets[index % 3].name, now: 1) else {
                fatalError("no room for connection \(index)")
            }
        }
        try hold("memory/router/\(connections)conn", resident() - start, atMost: 800_000_000)
    }

    /// Reports so many bytes; more than the aim end the run as a failure.
    private static func hold(_ name: String, _ bytes: Int, atMost aim: Int) throws {
        try report([Figure(name: name, value: Double(bytes) / 1e6, unit: "MB")])
        guard bytes > aim else { return }
        FileHandle.standardError.write(Data("\(name): \(bytes / 1_000_000) MB, at most \(aim / 1_000_000)\n".utf8))
        exit(1)
    }

    /// Bytes of this process that are in the machine's memory.
    private static func resident() -> Int {
        let words = try! String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return Int(words[1])! * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
