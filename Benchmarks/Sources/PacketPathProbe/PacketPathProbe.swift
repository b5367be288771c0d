// PacketPathProbe packets=N scenario=1sa-64conn/40B verification=verified|peek path=router|c-twin|host-open|host-seal|both
// PacketPathProbe ticks
//
// The first sends N packets through one path and nothing else: scripts/bench/callgrind.py runs it under valgrind, which
// counts inside the path's `process` only, with N and 2N packets. `both` times the two paths in turns instead, for a
// quick look. The second prints how many ticks the time stamp counter makes in a second.
import FixedRandom
import Foundation
import Workload

@main enum PacketPathProbe {
    static func main() throws {
        if CommandLine.arguments.dropFirst() == ["ticks"] { return print(Int(tickRate())) }
        var options = [
            "packets": "2048", "scenario": "1sa-64conn/40B", "verification": "verified", "path": "router",
        ]
        for argument in CommandLine.arguments.dropFirst() {
            let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, options[parts[0]] != nil else { fail("unknown argument \(argument)") }
            options[parts[0]] = parts[1]
        }
        guard let packets = Int(options["packets"]!), packets > 0, packets % 64 == 0 else {
            fail("packets must be a multiple of 64")
        }
        guard let verification = Contest.Verification(rawValue: options["verification"]!) else {
            fail("verification must be verified or peek")
        }
        // Rounds of the store are whole passes: the packets of the longer run must all be made in both.
        guard let scenario = Scenario(name: options["scenario"]!) else { fail("scenario must be like 1sa-64conn/40B") }
        if options["path"] == "both" {
            var contest = try Contest(scenario, verification)
            for _ in 0..<Contest.rounds { _ = contest.round() }
            for figure in contest.figures() {
                print(figure.name, figure.value, figure.unit, "lowest", figure.lowest!, figure.ratio ?? "")
            }
            return
        }
        fixed_random_begin()
        let steered =
            switch options["path"]! {
            case "router": try Probe.router(scenario, verification, packets: packets)
            case "host-open": try Probe.host(.open, scenario, packets: packets)
            case "host-seal": try Probe.host(.seal, scenario, packets: packets)
            case "c-twin": try Probe.twin(scenario, verification, packets: packets)
            default: fail("path must be router, c-twin, host-open, host-seal or both")
            }
        print("\(steered) packets steered")
    }

    static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("PacketPathProbe: \(message)\n".utf8))
        exit(2)
    }
}
