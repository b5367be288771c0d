// LeaseBench model [packets=N] [seed=N] [threads=N]     simulated SAs before a model of the peer; ends with 1 on a fault
// LeaseBench machine [leases=N]                         leases a second through the machines, and through sealing
// LeaseBench service [milliseconds=N] [senders=1,2,…] [windows=32,…] [sealed=no]
//                                                       the real service over loopback; ends with 1 on a fault
//
// Figures go where Figure.record says; what else there is to know is printed. The models are those of the unit tests.
import Foundation
import Glibc

@main enum LeaseBench {
    static func main() throws {
        guard let verb = CommandLine.arguments.dropFirst().first else { fail("which part?") }
        let options = Options(CommandLine.arguments.dropFirst(2))
        let isGood: Bool
        switch verb {
        case "model":
            isGood = try ModelRun(
                packets: options.number("packets", 100_000_000), seed: UInt64(options.number("seed", 1)),
                threads: options.number("threads", ProcessInfo.processInfo.activeProcessorCount)
            ).run()
        case "machine":
            try MachineRate.measure(leases: options.number("leases", 500_000))
            isGood = true
        case "service":
            isGood = try ServiceRun.measure(
                milliseconds: options.number("milliseconds", 500),
                senders: options.list("senders", [1, 2, 4, 8, 16]),
                windows: options.list("windows", [32, 64, 128, 1024]), isSealed: options["sealed"] != "no")
        default: fail("there is no part \(verb)")
        }
        exit(isGood ? 0 : 1)
    }

    static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("LeaseBench: \(message)\n".utf8))
        exit(2)
    }
}

/// Words of the form name=value.
struct Options {
    private var values: [String: String] = [:]

    init(_ words: some Sequence<String>) {
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { LeaseBench.fail("unknown argument \(word)") }
            values[parts[0]] = parts[1]
        }
    }

    subscript(name: String) -> String? { values[name] }

    func number(_ name: String, _ usual: Int) -> Int {
        guard let text = values[name] else { return usual }
        guard let number = Int(text), number > 0 else { LeaseBench.fail("\(name) must be a positive number") }
        return number
    }

    func list(_ name: String, _ usual: [Int]) -> [Int] {
        guard let text = values[name] else { return usual }
        let numbers = text.split(separator: ",").compactMap { Int($0) }
        guard !numbers.isEmpty else { LeaseBench.fail("\(name) must be numbers with commas between") }
        return numbers
    }
}
