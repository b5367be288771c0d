/// How much of an SA's life-size may pass at a target between two reports. It adapts to how quick IKE is: halved when an SA
/// was used up before it was refreshed, a quarter more when the refresh came in time.
public struct LifecountShare: Sendable, Hashable {
    /// What `parts` counts: 65,536 of them are the life-size.
    public static let whole: UInt64 = 65_536
    /// 1/256 of the life-size.
    static let least: UInt64 = whole / 256
    /// 1/8 of the life-size.
    static let most: UInt64 = whole / 8

    /// `least` to `most`; a sixteenth at first.
    public private(set) var parts: UInt64 = whole / 16

    public init() {}

    /// An SA was used up first.
    mutating func shrink() { parts = max(Self.least, parts / 2) }
    /// A refresh came in time.
    mutating func relax() { parts = min(Self.most, parts + parts / 4) }

    /// So much of a life-size, rounded down.
    func of(_ lifeSize: UInt64) -> UInt64 {
        lifeSize / Self.whole * parts + lifeSize % Self.whole * parts / Self.whole
    }
}
