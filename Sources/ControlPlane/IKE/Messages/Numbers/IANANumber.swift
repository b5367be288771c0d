/// A number from IANA's "Internet Key Exchange Version 2 (IKEv2) Parameters". Every value is legal: a peer may use what
/// we have no name for, and that is told by its number.
public protocol IANANumber: RawRepresentable, Hashable, Sendable, CustomStringConvertible
where RawValue: FixedWidthInteger & Sendable {
    init(rawValue: RawValue)
    /// IANA's name of each number that has one here.
    static var names: [Self: String] { get }
}

extension IANANumber {
    /// IANA's name, or the number.
    public var description: String { Self.names[self] ?? "\(rawValue)" }
}
