import Workload

extension ScaleBench {
    /// 100,000 SAs and 1,000,000 connections: every packet another connection's, and drawn by Zipf; the cost beside that of
    /// 256 SAs and 4,096 connections, in one run.
    static func crowd() throws {
        let small = Scenario(associations: 256, connections: 4_096, innerByteCount: 40)
        var uniform = Scenario(associations: 100_000, connections: 1_000_000, innerByteCount: 40)
        let base = try pass(small, rounds: 15, name: "router/verified/\(small.name)/beside-a-crowd")
        let peer = Figure(name: base.name, value: base.samples.median, unit: "cycles/packet", samples: base.samples)
        try report([peer])
        for draw in [Scenario.Draw.uniform, .zipf] {
            uniform.draw = draw
            let measured = try pass(uniform, rounds: 5, name: "router/verified/\(uniform.name)/\(draw.rawValue)")
            let others = Array(repeating: base.samples.median, count: measured.samples.count)
            try report([
                figure(measured.name, measured.samples, beside: peer, others),
                Figure(
                    name: measured.name + "/swift-over-c", value: measured.ratio, unit: "times"),
            ])
        }
    }

    /// The cost over the number of SAs, with a connection each, and over the number of connections of one SA.
    static func curve() throws {
        for count in [1, 1_000, 10_000, 100_000, 1_000_000] {
            for (associations, connections) in count == 1 ? [(1, 1)] : [(count, count), (1, count)] {
                let scenario = Scenario(associations: associations, connections: connections, innerByteCount: 40)
                let measured = try pass(
                    scenario, rounds: count < 100_000 ? 15 : 3, name: "curve/\(scenario.name)")
                try report([
                    figure(measured.name, measured.samples),
                    figure("c-twin/\(measured.name)", measured.others),
                ])
            }
        }
    }

    private static func pass(
        _ scenario: Scenario, rounds: Int, name: String
    ) throws -> (name: String, samples: [Double], others: [Double], ratio: Double) {
        var contest = try Contest(scenario, .verified)
        _ = contest.round()
        contest.forgetRounds()
        for _ in 0..<rounds { _ = contest.round() }
        let (mine, others) = (contest.routerSamples, contest.twinSamples)
        return (name, mine, others, zip(mine, others).map { $0 / $1 }.median)
    }
}
