import ArgumentParser
import ControlPlane
import Wire

/// `viaduct ike`: what an operator asks of a router that runs.
struct IKECommandLine: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ike", abstract: "Asks a running router to initiate, rekey or end what IKE has made.",
        discussion: "NAME is that of a connection, or #n as the router's status calls one IKE SA.")

    enum Verb: String, ExpressibleByArgument, CaseIterable {
        case initiate, terminate, rekey
        case rekeyChildren = "rekey-children"
        case addChild = "add-child"
        case redirect, move
    }

    @Option(help: "The router's control socket: what `viaduct run` was given by --control.")
    var control: String

    @Argument(
        help: """
            initiate, terminate, rekey (the IKE SA), rekey-children, add-child, redirect (the peers to another gateway) or move \
            (to another address of ours).
            """)
    var verb: Verb

    @Argument(help: "A connection, or #n.")
    var name: String

    @Argument(help: "Where to, of redirect and move.")
    var address: String?

    func validate() throws {
        guard IKECommand(line: line) != nil else {
            throw ValidationError("\(verb.rawValue) wants NAME\(verb.wantsAddress ? " and ADDRESS" : " alone").")
        }
    }

    private var line: String { ([verb.rawValue, name] + (address.map { [$0] } ?? [])).joined(separator: " ") }

    func run() throws { try ControlSocket.ask(line, at: control) }
}

extension IKECommandLine.Verb {
    var wantsAddress: Bool { self == .redirect || self == .move }
}

extension IKECommand {
    /// nil for a line that is none.
    init?(line: String) {
        let words = line.split(separator: " ", maxSplits: 1).map(String.init)
        guard words.count == 2, let verb = IKECommandLine.Verb(rawValue: words[0]) else { return nil }
        var name = words[1]
        var address: IPAddress?
        if verb.wantsAddress {
            let parts = words[1].split(separator: " ").map(String.init)
            guard parts.count == 2, let read = IPAddress(parts[1]) else { return nil }
            (name, address) = (parts[0], read)
        }
        switch verb {
        case .initiate: self = .initiate(name)
        case .terminate: self = .terminate(name)
        case .rekey: self = .rekey(name)
        case .rekeyChildren: self = .rekeyChildren(name)
        case .addChild: self = .addChild(name)
        case .redirect: self = .redirect(name, address!)
        case .move: self = .move(name, address!)
        }
    }
}
