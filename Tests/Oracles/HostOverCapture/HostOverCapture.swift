import ArgumentParser
import Associations
import Configuration
import FastPath
import Foundation
import TestSupport
import Wire

/// A target over the frames of a capture, so that programs that others wrote may read what it opens and what it seals. It is
/// a test's and not the tool's: it gives numbers that nobody leased, and who ran it beside a cluster would use nonces twice.
@main
struct HostOverCapture: ParsableCommand {
    enum Way: String, ExpressibleByArgument { case open, seal }

    @Option(help: "The cluster's configuration file, whose SAs the target has.")
    var config: String

    @Option(name: .customLong("in"), help: "Ethernet frames: a router's output to be opened, or packets to be sealed.")
    var input: String

    @Option(name: .customLong("out"), help: "The frames whose packets were delivered or sealed, in their order.")
    var output: String

    @Option var way: Way
    @Option(help: "multiBuffer or openSSL.") var provider: String
    @Option(help: "The number of each SA's first packet.") var first: UInt64 = 1

    func run() throws {
        guard let provider = Provider.available.first(where: { "\($0)" == provider }) else {
            throw ValidationError("this machine has no provider \(provider)")
        }
        let cluster = try ClusterConfiguration.load(path: config)
        let capture = try CaptureFile(reading: input)
        var bench = HostBench(configuration(of: cluster), provider)
        for configured in cluster.securityAssociations {
            let association = configured.association
            try bench.host.apply(.install(association))
            guard association.direction == .outbound else { continue }
            let lease = SequenceLease(identifier: 1, first: first, end: first + 100_000, validUntil: .max)
            try bench.host.apply(.lease(association.spi, lease))
        }
        var writer = try CaptureWriter(writing: output)
        var verdicts: [String] = []
        for index in capture.frames.indices {
            let packet = Bytes(capture[index].dropFirst(14))
            let result = way == .open ? bench.open(packet) : bench.seal(packet)
            verdicts.append(result.verdict.name)
            guard result.verdict == .delivered || result.verdict == .sealed else { continue }
            let type: UInt16 = result.bytes[0] >> 4 == 6 ? 0x86DD : 0x0800
            writer.write(
                ethernet(result.bytes, type: type).span.bytes,
                timestampNanoseconds: capture.frames[index].timestampNanoseconds)
        }
        try writer.finish()
        print(String(decoding: try JSONEncoder().encode(verdicts), as: UTF8.self))
    }

    private func configuration(of cluster: ClusterConfiguration) -> HostConfiguration {
        var configuration = HostConfiguration(
            ingress: .gre(routers: cluster.routers.compactMap(\.trustedAddress), epoch: cluster.epoch),
            addresses: cluster.dvipas + cluster.gateways, dvipas: cluster.dvipas)
        configuration.associationCapacity = max(64, cluster.securityAssociations.count * 2)
        return configuration
    }
}
