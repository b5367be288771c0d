import ArgumentParser
import Associations
import CMachine
import Configuration
import FastPath
import Foundation
import Wire

/// `viaduct replay`: the router on a capture file, without root and without a network.
struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Runs the router over a capture file: a verdict for every frame, the GRE output as a capture.")

    @Option(help: "The cluster's configuration file.")
    var config: String

    @Option(name: .customLong("in"), help: "A pcap or pcapng file of Ethernet frames.")
    var input: String

    @Option(name: .customLong("out"), help: "The pcap file to write the steered frames to.")
    var output: String

    @Option(help: "Run over the capture so many times; verdicts and output are the first run's, cycles all runs'.")
    var loop = 1

    @Flag(help: "Print the verdict of every frame and the summary as JSON.")
    var json = false

    func validate() throws {
        guard loop >= 1 else { throw ValidationError("--loop must be at least 1") }
    }

    func run() throws {
        let cluster = try Complaint.orExit { () throws(ConfigurationFailure) in
            try ClusterConfiguration.load(path: config)
        }
        for warning in cluster.warnings { Log.warn(warning) }
        let capture = try Complaint.orExit { () throws(PortFailure) in try CaptureFile(reading: input) }
        var replay = Replay(cluster)
        let results = try Complaint.orExit { () throws(PortFailure) in
            var writer = try CaptureWriter(writing: output)
            let results = replay.run(capture, to: &writer)
            try writer.finish()
            return results
        }
        for _ in 1..<loop { replay.runAgain(capture) }
        let summary = replay.summary(of: results, loops: loop)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            let frames = Dictionary(
                uniqueKeysWithValues: results.enumerated().map { (String($0.offset + 1), $0.element) })
            print(String(decoding: try encoder.encode(ReplayResult(frames: frames, summary: summary)), as: UTF8.self))
        } else {
            print(summary.text)
        }
    }
}
