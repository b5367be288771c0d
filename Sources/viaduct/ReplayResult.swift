import Associations
import FastPath
import Foundation
import Wire

/// What a replay prints with `--json`.
struct ReplayResult: Encodable {
    /// By number, from 1.
    var frames: [String: ReplayedFrame]
    var summary: ReplaySummary
}

struct ReplayedFrame: Encodable {
    /// The verdict's name.
    var fate: String
    var target: String?
    var inner: InnerTuple?
}

/// `["tcp", "10.1.2.3", 40000, "10.4.5.6", 80]`: protocol, source and destination of what was inside; null for the ports of a
/// protocol without.
struct InnerTuple: Encodable {
    private let flow: Flow
    init(_ flow: Flow) { self.flow = flow }

    func encode(to encoder: any Encoder) throws {
        var list = encoder.unkeyedContainer()
        let hasPorts = TransportProtocol.hasPorts(flow.ipProtocol)
        let icmp: [UInt8: String] = [1: "icmp", 58: "ipv6-icmp"]
        try list.encode(icmp[flow.ipProtocol] ?? TransportProtocol.name(of: flow.ipProtocol))
        try list.encode(flow.remote.description)
        try list.encode(hasPorts ? flow.remotePort : nil)
        try list.encode(flow.local.description)
        try list.encode(hasPorts ? flow.localPort : nil)
    }
}

struct ReplaySummary: Encodable {
    var frames: Int
    var loops: Int
    var ciphers: String
    var verdicts: [String: Int] = [:]
    var connectionsByTarget: [String: Int] = [:]
    /// nil where the configuration has no filter for the router.
    var filter: [FilterStatus]?
    /// Ticks of the time stamp counter, over all loops; a small capture's first loop is all cold.
    var cyclesPerPacket = 0.0

    init(frames: Int, loops: Int, ciphers: String) {
        self.frames = frames
        self.loops = loops
        self.ciphers = ciphers
    }

    private var decisions: [String: Int] {
        Dictionary(uniqueKeysWithValues: (filter ?? []).map { ("\($0.rule) (\($0.action))", Int($0.packets)) })
    }

    var text: String {
        func rows(_ title: String, _ values: [String: Int]) -> [String] {
            let width = values.keys.map(\.count).max() ?? 0
            return values.isEmpty
                ? []
                : [title]
                    + values.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { name, count in
                        "  " + name.padding(toLength: width, withPad: " ", startingAt: 0) + "  \(count)"
                    }
        }
        let loopText = loops == 1 ? "once" : "\(loops) times"
        return
            ([
                "\(frames) frames, \(loopText), \(ciphers): "
                    + String(format: "%.0f cycles a packet", cyclesPerPacket)
            ]
            + rows("verdicts", verdicts) + rows("decided by the filter's rules", decisions)
            + rows("connections by target", connectionsByTarget)).joined(separator: "\n")
    }
}
