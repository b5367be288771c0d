import ArgumentParser
import ControlPlane

/// `viaduct target`: what an operator asks of a router about one of its targets.
struct TargetCommandLine: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "target", abstract: "Takes a target out of rotation, or puts it back.")

    enum Verb: String, ExpressibleByArgument, CaseIterable {
        case drain, quiesce, resume
    }

    @Option(help: "The router's control socket: what `viaduct run` was given by --control.")
    var control: String

    @Argument(
        help: """
            drain (its connections stay, no new ones), quiesce (nothing goes there, its connections wait) or resume.
            """)
    var verb: Verb

    @Argument(help: "The target, by its name in the configuration.")
    var name: String

    func run() throws { try ControlSocket.ask("target \(verb.rawValue) \(name)", at: control) }
}

/// The router's control socket: one line, one answer.
enum ControlSocket {
    /// Ends the program with 1 unless the router said ok; prints what it said besides.
    static func ask(_ line: String, at path: String, seconds: Int32 = 2) throws {
        let answer = try Complaint.orExit { () throws(SystemError) in
            try CommandSocket.ask(line, path: path, milliseconds: seconds * 1000)
        }
        guard answer == "ok" || answer.hasPrefix("ok ") else {
            Log.say("viaduct: \(answer.isEmpty ? "the router did not answer" : answer)")
            throw ExitCode(1)
        }
        if answer != "ok" { print(answer.dropFirst(3)) }
    }

    /// What a router answers. `targets` are the names it knows.
    static func answer(
        _ line: String, _ control: RouterControl?, targets: [String], rotateKey: () -> String
    ) -> String {
        if line == RotateKeyCommand.line { return rotateKey() }
        guard let control else { return "this router has neither link nor ike in its configuration" }
        if let command = TargetCommand(line: line) {
            guard targets.contains(command.target) else { return "no target \(command.target)" }
            control.order(command)
            return "ok"
        }
        guard let command = IKECommand(line: line) else { return "not understood: \(line)" }
        control.order(command)
        return "ok"
    }
}

extension TargetCommand {
    /// nil for a line that is none.
    init?(line: String) {
        let words = line.split(separator: " ").map(String.init)
        guard words.count == 3, words[0] == "target", let verb = TargetCommandLine.Verb(rawValue: words[1]) else {
            return nil
        }
        let command: TargetRotation.Command =
            switch verb {
            case .drain: .drain
            case .quiesce: .quiesce
            case .resume: .resume
            }
        self.init(command, target: words[2])
    }
}
