import ArgumentParser

@main struct Viaduct: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "viaduct")
}
