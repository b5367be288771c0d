/// Transform type 5, the width of ESP's and AH's sequence numbers (RFC 7296 §3.3.2).
public struct SequenceNumbersID: IANANumber {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let plain = Self(rawValue: 0)
    public static let extended = Self(rawValue: 1)

    public static let names: [SequenceNumbersID: String] = [
        .plain: "No Extended Sequence Numbers",
        .extended: "Extended Sequence Numbers",
    ]
}
