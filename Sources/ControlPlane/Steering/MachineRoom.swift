/// The weight that a target asks for where targets lead: the room its machine has left.
///
/// ```
///   processors  load (1 minute)   weight
///   8           0                 800
///   8           8                 400     as many wait as there are processors: half
///   8           24                200
///   2           0                 200
/// ```
public enum MachineRoom {
    /// A processor of an idle machine counts 100; where others use them, as much as a new thread would get of them. 1 to
    /// 1000, so that a busy target still gets some.
    ///
    /// - Parameter load: threads that run or want to, as /proc/loadavg has it. What is no number counts as none.
    public static func weight(processors: Int, load: Double) -> UInt16 {
        let processors = Double(max(processors, 1))
        let others = load.isFinite && load > 0 ? load : 0
        return UInt16(min(max((100 * processors * processors / (processors + others)).rounded(), 1), 1000))
    }

    /// Of the line in /proc/loadavg, `0.20 0.18 0.12 1/80 11206`; nil for anything else.
    public static func load(_ line: String) -> Double? {
        let words = line.split(whereSeparator: \.isWhitespace)
        guard words.count >= 3, let load = Double(words[0]), load.isFinite, load >= 0 else { return nil }
        return load
    }
}
