import ArgumentParser
import ControlPlane

/// `viaduct ike`: what an operator asks of a router that runs.
struct IKECommandLine: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ike", abstract: "Asks a running router to initiate, rekey or end what IKE has made.",
        discussion: "NAME is that of a connection, or #n as the router's status calls one IKE SA.")

    enum Verb: String, ExpressibleByArgument, CaseIterable {
        case initiate, terminate, rekey
        case rekeyChildren = "rekey-children"
        case addChild = "add-child"
    }

    @Option(help: "The router's control socket: what `viaduct run` was given by --control.")
    var control: String

    @Argument(help: "initiate, terminate, rekey (the IKE SA), rekey-children or add-child.")
    var verb: Verb

    @Argument(help: "A connection, or #n.")
    var name: String

    func run() throws {
        let answer = try Complaint.orExit { () throws(SystemError) in
            try CommandSocket.ask("\(verb.rawValue) \(name)", path: control)
        }
        guard answer == "ok" else {
            Log.say("viaduct: \(answer.isEmpty ? "the router did not answer" : answer)")
            throw ExitCode(1)
        }
    }
}

extension IKECommand {
    /// nil for a line that is none.
    init?(line: String) {
        let words = line.split(separator: " ", maxSplits: 1).map(String.init)
        guard words.count == 2, let verb = IKECommandLine.Verb(rawValue: words[0]) else { return nil }
        switch verb {
        case .initiate: self = .initiate(words[1])
        case .terminate: self = .terminate(words[1])
        case .rekey: self = .rekey(words[1])
        case .rekeyChildren: self = .rekeyChildren(words[1])
        case .addChild: self = .addChild(words[1])
        }
    }
}
