// LinkBench roundtrip clients=1,8,10,100 [rounds=N]
// LinkBench resync count=100000
//
// The XCF link over mutual TLS on loopback, all ends in one process: from `send` of one entry to the last report that says it is
// done; and how long a target waits for all that is to be there. Figures go where Figure.record says.
import Associations
import ControlPlane
import Crypto
import Dispatch
import Foundation
import Synchronization
import Wire
import Workload
import XCF

@main enum LinkBench {
    static func main() throws {
        var options: [String: String] = [:]
        for word in CommandLine.arguments.dropFirst(2) {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { fail("unknown argument \(word)") }
            options[parts[0]] = parts[1]
        }
        switch CommandLine.arguments.dropFirst().first {
        case "roundtrip":
            let counts = (options["clients"] ?? "1,8,10,100").split(separator: ",").compactMap { Int($0) }
            for count in counts { try roundTrips(count, rounds: options["rounds"].flatMap(Int.init) ?? 1000) }
        case "resync": try resync(options["count"].flatMap(Int.init) ?? 100_000)
        default: fail("which part: roundtrip or resync?")
        }
    }

    static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("LinkBench: \(message)\n".utf8))
        exit(2)
    }

    /// An entry to every client, and a report from each.
    private static func roundTrips(_ count: Int, rounds: Int) throws {
        let ends = try Ends(clients: count)
        defer { ends.stop() }
        var next: UInt64 = 1
        var samples: [Double] = []
        for round in 0..<(rounds + 50) {
            let start = DispatchTime.now().uptimeNanoseconds
            for connection in ends.connections {
                guard ends.server.send(.entries(first: next, [Ends.install(UInt32(round))]), to: connection) else {
                    fail("the queue is full")
                }
            }
            ends.waitForReports(upTo: next)
            // The first ones warm up.
            if round >= 50 { samples.append(Double(DispatchTime.now().uptimeNanoseconds - start) / 1000) }
            next += 1
        }
        let sorted = samples.sorted()
        let name = "link/roundtrip/\(count)client\(count == 1 ? "" : "s")"
        try Figure(name: name, value: samples.median, unit: "µs", samples: samples).record()
        print(
            "\(count) clients: median \(Int(samples.median)) µs, 99th percentile \(Int(sorted[sorted.count * 99 / 100])) µs, "
                + "\(Int(sorted[0])) to \(Int(sorted[sorted.count - 1]))")
    }

    private static func resync(_ count: Int) throws {
        let ends = try Ends(clients: 1)
        defer { ends.stop() }
        var samples: [Double] = []
        var next: UInt64 = 1
        for _ in 0..<5 {
            let start = DispatchTime.now().uptimeNanoseconds
            var left = count
            while left > 0 {
                let batch = min(left, LinkBounds.entriesPerMessage)
                let entries = (0..<batch).map { Ends.install(UInt32(left - $0)) }
                while !ends.server.send(.entries(first: next, entries), to: ends.connections[0]) {
                    // 64 MiB wait: more than a hundred thousand SAs are.
                    fail("the queue is full")
                }
                left -= batch
                next += UInt64(batch)
            }
            ends.waitForReports(upTo: next - 1)
            samples.append(Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9)
        }
        try Figure(name: "link/resync/\(count)SAs", value: samples.median, unit: "s", samples: samples).record()
        print("\(count) SAs: median \(samples.median) s (\(samples.min()!) to \(samples.max()!))")
        // For sanity alone: the aim is below 3 s.
        if samples.median > 3 { fail("a resync takes more than 3 s") }
    }
}
