/// Why a configuration is refused: one problem, where it stands, and what to write instead.
///
/// The reader stops at the first one. No message ever holds the digits of a key or a salt.
public struct ConfigurationFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// As it was given to the reader.
    public var file: String
    /// nil when the file as a whole could not be read.
    public var place: Place?
    /// Without a full stop.
    public var problem: String
    /// A sentence, or more: what to write instead.
    public var remedy: String

    public var line: Int? { place?.line }
    public var column: Int? { place?.column }

    /// `cluster.yaml:17: key has 30 digits; aes256gcm16 wants 64 (32 bytes). Write all 64 …`
    public var description: String {
        let line = place.map { ":\($0.line)" } ?? ""
        return "\(file)\(line): \(problem). \(remedy)"
    }
}

/// Where something stands in the file; both count from 1, the column in Unicode scalars.
public struct Place: Hashable, Sendable {
    public var line: Int
    public var column: Int
}
