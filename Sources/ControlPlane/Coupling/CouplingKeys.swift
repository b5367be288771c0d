public import Associations

/// The keys of one cluster. Several live side by side in one facility: their keys have nothing in common.
///
/// ```
/// /viaduct/<cluster>/epoch                        the owner's epoch, decimal; never deleted
///                   /step                         epoch and number of the owner's last transaction
///                   /owner                        member and process that own it, under their lease
///                   /member/<name>
///                   /sa/<in|out>/<spi>            an SA, wrapped
///                   /sequence/<spi>-<fingerprint> the mark up to which an outbound SA's numbers are reserved, wrapped
/// ```
public struct CouplingKeys: Sendable, Hashable {
    public let cluster: String

    /// nil unless the name is fit for a key: 1 to 63 letters, digits, `.`, `-` or `_`.
    public init?(cluster: String) {
        guard Self.isFit(cluster) else { return nil }
        self.cluster = cluster
    }

    public static func isFit(_ name: String) -> Bool {
        (1...63).contains(name.utf8.count)
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "-" || $0 == "_") }
    }

    /// All of the cluster's keys begin with it, and no other's.
    public var prefix: String { "/viaduct/\(cluster)/" }
    public var epoch: String { prefix + "epoch" }
    public var step: String { prefix + "step" }
    public var owner: String { prefix + "owner" }
    public var members: String { prefix + "member/" }
    public var associations: String { prefix + "sa/" }
    public var sequences: String { prefix + "sequence/" }

    /// Traps when the name is not fit for a key.
    public func member(_ name: String) -> String {
        precondition(Self.isFit(name))
        return members + name
    }

    public func association(_ key: ShadowEntry.Key) -> String {
        associations + (key.direction == .inbound ? "in/" : "out/") + key.spi.description
    }

    public func sequence(_ key: SequenceKey) -> String { sequences + key.description }
}

/// Names the numbers of one key: the same SPI with another key is another one.
public struct SequenceKey: Sendable, Hashable, CustomStringConvertible {
    public let spi: SPI
    public let fingerprint: String

    /// `fingerprint` names key and salt without betraying them: 8 to 128 letters and digits, as of `ReservationFile`. Traps
    /// when it is anything else.
    public init(spi: SPI, fingerprint: String) {
        precondition(Self.isFit(fingerprint))
        self.spi = spi
        self.fingerprint = fingerprint
    }

    /// The end of a key, as `description` writes it.
    init?(_ text: Substring) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let spi = SPI(keyed: parts[0]), Self.isFit(String(parts[1])) else { return nil }
        self.spi = spi
        fingerprint = String(parts[1])
    }

    private static func isFit(_ fingerprint: String) -> Bool {
        (8...128).contains(fingerprint.utf8.count)
            && fingerprint.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
    }

    public var description: String { "\(spi)-\(fingerprint)" }
}

extension SPI {
    /// As `description` writes it, and no other way.
    fileprivate init?(keyed text: Substring) {
        guard text.count == 10, let number = UInt32(text.dropFirst(2), radix: 16) else { return nil }
        self.init(rawValue: number)
        guard description == text else { return nil }
    }
}
