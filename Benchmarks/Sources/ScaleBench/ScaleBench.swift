// ScaleBench PART ...
//
// What `make bench` measures beside the router's three scenarios: many SAs and connections (crowd), the cost over their
// number (curve), the memory that they take (memory), whole packets at a target beside the bare ciphers (host), the router's
// ciphers alone (verify), and AES-CBC with HMAC many at a time beside one at a time (chained). Each part is a process of its
// own in `make bench`, so that none finds the other's memory.
import Foundation
import Workload

@main enum ScaleBench {
    static func main() throws {
        let parts = CommandLine.arguments.dropFirst()
        let known: [String: () throws -> Void] = [
            "crowd": crowd, "curve": curve, "memory": memory, "host": host, "verify": verify, "chained": chained,
        ]
        for part in parts {
            guard let run = known[part] else {
                FileHandle.standardError.write(Data("ScaleBench: no part \(part) of \(known.keys.sorted())\n".utf8))
                exit(2)
            }
            try run()
        }
    }

    static func report(_ figures: [Figure]) throws {
        for figure in figures {
            let ratio = figure.ratio.map { "  \($0) x \(figure.peer!)" } ?? ""
            print("  \(figure.name): \(figure.value) \(figure.unit)\(ratio)")
            try figure.record()
        }
    }

    static func figure(_ name: String, _ samples: [Double], unit: String = "cycles/packet") -> Figure {
        Figure(name: name, value: samples.median, unit: unit, samples: samples)
    }

    /// A figure beside another that was measured in turns with it.
    static func figure(_ name: String, _ samples: [Double], beside peer: Figure, _ others: [Double]) -> Figure {
        Figure(
            name: name, value: samples.median, unit: peer.unit, peer: peer.name,
            ratio: zip(samples, others).map { $0 / $1 }.median, samples: samples)
    }
}
