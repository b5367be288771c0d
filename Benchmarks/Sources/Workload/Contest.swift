/// Two packet paths over the same packets in alternating passes: A, B, A, B, …
public struct Contest: ~Copyable {
    public enum Verification: String, CaseIterable, Sendable { case verified, peek }

    public let scenario: Scenario
    public let verification: Verification
    private let store: PacketStore
    private let bed = FrameBed()
    private var router: RouterPath
    private var twin: TwinPath

    /// Cycles a packet of each pass.
    public private(set) var routerSamples: [Double] = []
    public private(set) var twinSamples: [Double] = []

    /// Makes the packets, opens the connections, and checks that both paths make the same bytes of every packet. Traps
    /// when they do not: a comparison of different things is none.
    public init(_ scenario: Scenario, _ verification: Verification) throws {
        self.scenario = scenario
        self.verification = verification
        store = PacketStore(scenario)
        router = try RouterPath(store, verifies: verification == .verified)
        twin = TwinPath(store, verifies: verification == .verified)
        bed.open(store, verification, in: &router)
        bed.open(store, verification, in: &twin)
        let outcomes = bed.outcomes(store, of: &router)
        let others = bed.outcomes(store, of: &twin)
        // In release a precondition's message is lost; these are for people.
        if outcomes.contains(0) { fatalError("the router did not steer every packet of \(scenario.name)") }
        let different = zip(outcomes, others).filter { $0 != $1 }.count
        if different > 0 {
            fatalError("router and twin differ in \(different) of \(outcomes.count) packets of \(scenario.name)")
        }
    }

    /// Rounds that are reported; an odd number, so that the median is one of them.
    public static let rounds = 31

    /// After warming up.
    public mutating func forgetRounds() {
        routerSamples = []
        twinSamples = []
    }

    /// One pass each. Cycles are ticks of the time stamp counter.
    public mutating func round() -> (router: Double, twin: Double) {
        let cycles = (router: bed.time(store, through: &router), twin: bed.time(store, through: &twin))
        routerSamples.append(cycles.router)
        twinSamples.append(cycles.twin)
        return cycles
    }

    /// The rounds so far: medians, and the median of the rounds' ratios.
    public func figures() -> [Figure] {
        let place = "\(verification.rawValue)/\(scenario.name)"
        let ratio = zip(routerSamples, twinSamples).map { $0 / $1 }.median
        return [
            Figure(
                name: "router/\(place)", value: routerSamples.median, unit: "cycles/packet", peer: "c-twin/\(place)",
                ratio: ratio, samples: routerSamples),
            Figure(
                name: "c-twin/\(place)", value: twinSamples.median, unit: "cycles/packet", samples: twinSamples),
        ]
    }
}
