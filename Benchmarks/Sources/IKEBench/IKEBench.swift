// IKEBench handshakes proof=psk-x25519|ecdsa-p256|rsa-2048 [folder=DIR] [passes=N] [batch=N] [judge=no]
// IKEBench load proof=… responder=ADDRESS [folder=DIR] [handshakes=N] [slots=N]
// IKEBench opening                      the bytes of a first message, in hexadecimal, for the flood
// IKEBench memory sessions=N
// IKEBench rekeys count=N
//
// The parts of scripts/bench/ike.py. Figures go where Figure.record says; what else there is to know is printed.
import Foundation
import Glibc

@main enum IKEBench {
    static func main() throws {
        guard let verb = CommandLine.arguments.dropFirst().first else { fail("which part?") }
        let options = Options(CommandLine.arguments.dropFirst(2))
        switch verb {
        case "handshakes": try Handshakes(options).run()
        case "load": try Load(options).run()
        case "opening": try Load.printOpening()
        case "memory": try Memory.ofSessions(options.number("sessions", 10_000))
        case "rekeys": try Memory.ofRekeys(options.number("count", 100_000))
        default: fail("there is no part \(verb)")
        }
    }

    static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("IKEBench: \(message)\n".utf8))
        exit(2)
    }
}

/// Words of the form name=value.
struct Options {
    private var values: [String: String] = [:]

    init(_ words: some Sequence<String>) {
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { IKEBench.fail("unknown argument \(word)") }
            values[parts[0]] = parts[1]
        }
    }

    subscript(name: String) -> String? { values[name] }

    func number(_ name: String, _ usual: Int) -> Int {
        guard let text = values[name] else { return usual }
        guard let number = Int(text), number > 0 else { IKEBench.fail("\(name) must be a positive number") }
        return number
    }

    var proof: Proof {
        guard let proof = Proof(rawValue: values["proof"] ?? Proof.psk.rawValue) else {
            IKEBench.fail("proof must be one of \(Proof.allCases.map(\.rawValue))")
        }
        return proof
    }
}
