import Benchmark
import Workload

/// Swift beside C: each sample of the report is one pass over the scenario's packets, and the passes alternate.
///
/// The library's own clocks would time the making of packets as well, so the passes are timed inside (see `FrameBed`)
/// and reported as metrics of our own, in cycles a packet.
let benchmarks: @Sendable () -> Void = {
    let router = BenchmarkMetric.custom("Swift (cycles/packet)", useScalingFactor: false)
    let twin = BenchmarkMetric.custom("C twin (cycles/packet)", useScalingFactor: false)
    let percent = BenchmarkMetric.custom("Swift over C (%)", useScalingFactor: false)

    for verification in Contest.Verification.allCases {
        for scenario in Scenario.all {
            Benchmark(
                "\(verification.rawValue)/\(scenario.name)",
                configuration: .init(
                    metrics: [router, twin, percent], warmupIterations: 0, maxDuration: .seconds(600),
                    maxIterations: 1)
            ) { benchmark in
                var contest = try Contest(scenario, verification)
                _ = contest.round()
                contest.forgetRounds()
                for _ in 0..<Contest.rounds {
                    let cycles = contest.round()
                    benchmark.measurement(router, Int(cycles.router.rounded()))
                    benchmark.measurement(twin, Int(cycles.twin.rounded()))
                    benchmark.measurement(percent, Int((cycles.router / cycles.twin * 100).rounded()))
                }
                for figure in contest.figures() { try figure.record() }
            }
        }
    }
}
