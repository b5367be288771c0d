/// The configuration file itself.
enum ConfigurationFile {
    /// A longer file is refused: thousands of SAs fit, a mistaken path is noticed before memory is.
    static let byteLimit = 4 << 20

    static func contents(path: String) throws(ConfigurationFailure) -> FileContents {
        do {
            return try FileContents(path: path, byteLimit: byteLimit)
        } catch {
            throw failure(path, error)
        }
    }

    static func failure(_ path: String, _ fault: FileFault) -> ConfigurationFailure {
        let (problem, remedy) =
            switch fault {
            case .missing(let reason): ("cannot be read: \(reason)", "Name a file that exists with --config.")
            case .unreadable(let reason): ("cannot be read: \(reason)", "Let the user who runs viaduct read the file.")
            case .notAFile: ("this is not a file", "Name the YAML file itself with --config.")
            case .tooLong:
                (
                    "the file is longer than \(byteLimit >> 20) MiB, which no configuration is",
                    "Name the YAML file of the cluster with --config."
                )
            }
        return ConfigurationFailure(file: path, place: nil, problem: problem, remedy: remedy)
    }
}
