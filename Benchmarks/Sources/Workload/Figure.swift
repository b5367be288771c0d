import Foundation

/// A measured value, as it goes to Benchmarks/latest.json.
public struct Figure: Codable, Sendable {
    public var name: String
    public var value: Double
    public var unit: String
    /// The name of the figure it was measured beside, in alternating passes of one run.
    public var peer: String?
    /// Value over the peer's value: the median of the passes' ratios.
    public var ratio: Double?
    /// Of the passes, lowest and highest.
    public var lowest: Double?
    public var highest: Double?

    public init(
        name: String, value: Double, unit: String, peer: String? = nil, ratio: Double? = nil, samples: [Double] = []
    ) {
        func rounded(_ number: Double) -> Double { (number * 1_000).rounded() / 1_000 }
        self.name = name
        self.value = rounded(value)
        self.unit = unit
        self.peer = peer
        self.ratio = ratio.map(rounded)
        lowest = samples.min().map(rounded)
        highest = samples.max().map(rounded)
    }

    /// Appends the figure as a line of JSON to the file that VIADUCT_FIGURES names, if it does.
    public func record() throws {
        guard let path = ProcessInfo.processInfo.environment["VIADUCT_FIGURES"] else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let line = try encoder.encode(self) + Data("\n".utf8)
        if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        defer { try? file.close() }
        try file.seekToEnd()
        try file.write(contentsOf: line)
    }
}

extension [Double] {
    /// Traps when there are none.
    public var median: Double {
        let sorted = sorted()
        return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2
    }
}
