import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// The filter at both of its places: packets built in words, what becomes of each, and at which rule it is counted.
@Suite struct FilterTests {
    private static let noHTTPS = FilterRule(
        name: "no-https", action: .deny, ipProtocol: 6, destinationPorts: [443...443])

    /// By rule, what no rule matched at the end.
    private func counts(_ tallies: [FilterTally]?) -> [UInt64]? { tallies.map { $0.map(\.packets) } }

    private func router(
        _ filter: Filter?, _ provider: Provider = .openSSL, verification: Verification = .router
    ) -> RouterBench {
        var configuration = Example.configuration()
        configuration.filter = filter
        configuration.verification = verification
        return Example.bench(provider, configuration)
    }

    private func target(_ filter: Filter?, _ provider: Provider = .openSSL) -> HostBench {
        var configuration = Example.targetConfiguration()
        configuration.filter = filter
        return Example.target(configuration, provider)
    }

    private func frame(_ number: UInt64, to port: UInt16, options: Bytes = []) -> Bytes {
        Example.tunnelFrame(number: number, Example.innerTCP(to: port, options: options))
    }

    // MARK: At the router

    @Test(arguments: Provider.available, [Verification.router, .target])
    func theRouterStopsWhatARuleDenies(_ provider: Provider, _ verification: Verification) {
        var bench = router(Filter([Self.noHTTPS]), provider, verification: verification)
        let denied = frame(1, to: 443)
        let outcome = bench.send(denied)
        #expect(outcome.verdict == .filtered)
        #expect(outcome.bytes == denied, "it lies there as it came")
        #expect(bench.router.stateSnapshot().connections == 0)
        let allowed = frame(2, to: 80)
        let other = bench.send(allowed)
        #expect(other.verdict == .steered)
        #expect(other.bytes.suffix(allowed.count - 14) == allowed.dropFirst(14), "the datagram goes on as it came")
        #expect(bench.router.counters.snapshot() == ["filtered": 1, "steered": 1])
        #expect(
            bench.router.filterTallies == [
                FilterTally(rule: "no-https", action: .deny, packets: 1),
                FilterTally(rule: "default", action: .allow, packets: 1),
            ])
    }

    @Test(arguments: Provider.available) func everyWayThroughTheRouterIsFiltered(_ provider: Provider) {
        var bench = router(Filter([Self.noHTTPS]), provider)
        #expect(bench.send(frame(1, to: 443, options: [1, 1, 1, 1])).verdict == .filtered, "inner options")
        #expect(bench.send(frame(2, to: 443, options: Bytes(repeating: 1, count: 40))).verdict == .filtered)
        #expect(bench.send(Example.transportFrame(number: 1, tcp(1, 443))).verdict == .filtered, "transport mode")
        #expect(bench.send(Example.transportFrame(number: 2)).verdict == .steered)
        #expect(counts(bench.router.filterTallies) == [3, 1])
    }

    /// A connection that is under way ends at a rule like a new one: rules are asked about packets.
    @Test func connectionsUnderWayAreFilteredToo() {
        var bench = router(Filter([FilterRule(name: "no-fin", action: .deny, sourcePorts: [41000...41000])]))
        #expect(bench.send(frame(1, to: 80)).verdict == .steered)
        let other = Example.innerTCP(port: 41000, flags: TCPFlags.ack)
        #expect(bench.send(Example.tunnelFrame(number: 2, other)).verdict == .filtered)
        #expect(bench.router.stateSnapshot().connections == 1)
    }

    @Test func aRuleMayBeAboutWhatNoServiceCanBe() {
        let rules = [FilterRule(name: "no-dns", action: .deny, ipProtocol: 17, destinationPorts: [53...53])]
        var bench = router(Filter(rules))
        func send(_ number: UInt64, protocol ipProtocol: UInt8, _ payload: Bytes) -> Verdict {
            let inner = ipv4(from: Example.inner, to: Example.dvipa, protocol: ipProtocol, payload)
            return bench.send(Example.tunnelFrame(number: number, inner)).verdict
        }
        #expect(send(1, protocol: 17, udp(5353, 53)) == .filtered)
        #expect(send(2, protocol: 17, udp(53, 5353)) == .noService)
        #expect(send(3, protocol: 1, [13, 0, 0, 0, 0, 0, 0, 0]) == .noService)
        #expect(send(4, protocol: 6, tcp(1, 22)) == .noService, "the filter is asked before the service")
        #expect(counts(bench.router.filterTallies) == [1, 3])
    }

    @Test func whatHoldsWithoutARule() {
        let rules = [FilterRule(name: "web", action: .allow, ipProtocol: 6, destinationPorts: [80...80])]
        var strict = router(Filter(rules, otherwise: .deny))
        #expect(strict.send(frame(1, to: 80)).verdict == .steered)
        #expect(strict.send(frame(2, to: 443)).verdict == .filtered)
        #expect(counts(strict.router.filterTallies) == [1, 1])
        var empty = router(Filter([], otherwise: .deny))
        #expect(empty.send(frame(1, to: 80)).verdict == .filtered)
        var none = router(nil)
        #expect(none.send(frame(1, to: 443)).verdict == .steered)
        #expect(none.router.filterTallies == nil)
    }

    /// All that comes as far as a router's filter came under IPsec.
    @Test func requiringIPsecAllowsWhatCameUnderIt() {
        var bench = router(Filter([FilterRule(name: "ipsec", action: .requireIPsec)], otherwise: .deny))
        #expect(bench.send(frame(1, to: 80)).verdict == .steered)
        let clear = ethernet(ipv4(from: Example.client, to: Example.dvipa, protocol: 6, tcp(1, 80)))
        #expect(bench.send(clear).verdict == .passed, "the kernel has it, whatever we would say")
        #expect(counts(bench.router.filterTallies) == [1, 0])
    }

    /// What is refused before has not been asked about: forged, repeated, outside the SA's selectors, for no DVIPA.
    @Test func rulesAreAskedAboutAuthenticPacketsOnly() {
        var bench = router(Filter([FilterRule(name: "all", action: .deny)]))
        #expect(bench.send(frame(1, to: 80)).verdict == .filtered)
        #expect(bench.send(frame(1, to: 80)).verdict == .replayed, "what is filtered has moved the window")
        #expect(bench.send(Example.tunnelFrame(number: 2, espFault: ESPFault(otherKey: true))).verdict == .badICV)
        let outside = Example.innerTCP(source: "10.99.0.1")
        #expect(bench.send(Example.tunnelFrame(number: 3, outside)).verdict == .tunnelCheckFailed)
        let elsewhere = Example.innerTCP(destination: "10.72.0.11")
        #expect(bench.send(Example.tunnelFrame(number: 4, elsewhere)).verdict == .notDVIPA)
        #expect(counts(bench.router.filterTallies) == [1, 0])
    }

    // MARK: At the target

    @Test(arguments: Provider.available) func theTargetStopsWhatARuleDenies(_ provider: Provider) {
        var bench = target(Filter([Self.noHTTPS]), provider)
        #expect(bench.open(Example.wrapped(frame(1, to: 443))).verdict == .filtered)
        let allowed = bench.open(Example.wrapped(frame(2, to: 80)))
        #expect(allowed == HostBench.Result(verdict: .delivered, bytes: Example.innerTCP()))
        let inTransport = Example.transportFrame(number: 1, tcp(1, 443))
        #expect(bench.open(Example.wrapped(inTransport)).verdict == .filtered)
        #expect(bench.open(Example.wrapped(frame(1, to: 80))).verdict == .replayed)
        #expect(bench.host.counters.snapshot() == ["filtered": 2, "delivered": 1, "replayed": 1])
        #expect(
            bench.host.filterTallies == [
                FilterTally(rule: "no-https", action: .deny, packets: 2),
                FilterTally(rule: "default", action: .allow, packets: 1),
            ])
        #expect(bench.host.takeConnectionEvents().isEmpty)
    }

    /// A target whose routers filter takes what comes from them as it is: of the two exactly one has the rules.
    @Test func theTargetBypassesWhatTheRouterFiltered() {
        let filter = Filter([Self.noHTTPS])
        var filteringRouter = router(filter)
        var bypassingTarget = target(nil)
        var bypassingRouter = router(nil)
        var filteringTarget = target(filter)
        let sent = frame(1, to: 443)
        #expect(filteringRouter.send(sent).verdict == .filtered)
        #expect(bypassingTarget.open(Example.wrapped(sent)).verdict == .delivered)
        #expect(bypassingTarget.host.filterTallies == nil)
        let steered = bypassingRouter.send(sent)
        #expect(steered.verdict == .steered)
        #expect(filteringTarget.open(Bytes(steered.bytes.dropFirst(14))).verdict == .filtered)
    }

    @Test(arguments: [(Filter.Action.allow, Verdict.passed), (.deny, .filtered), (.requireIPsec, .filtered)])
    func whatComesInClear(_ action: Filter.Action, _ verdict: Verdict) {
        let rules = [FilterRule(name: "web", action: action, ipProtocol: 6, destinationPorts: [80...80])]
        var bench = target(Filter(rules))
        func clear(to destination: String = Example.dvipa, _ segment: Bytes) -> Bytes {
            Example.wrapped(ethernet(ipv4(from: Example.inner, to: destination, protocol: 6, segment)))
        }
        #expect(bench.open(clear(tcp(1, 80))).verdict == verdict)
        #expect(bench.open(clear(tcp(1, 443))).verdict == .passed)
        #expect(bench.open(clear(to: "10.72.0.11", tcp(1, 80))).verdict == .passed, "for no DVIPA")
        #expect(bench.open(clear(Bytes(tcp(1, 80).prefix(7)))).verdict == .passed, "not to be read")
        #expect(counts(bench.host.filterTallies) == [1, 1])
        var without = target(nil)
        #expect(without.open(clear(tcp(1, 80))).verdict == .passed)
        // Under IPsec the same rule denies only when it says so.
        let sealed = bench.open(Example.wrapped(frame(1, to: 80))).verdict
        #expect(sealed == (action == .deny ? .filtered : .delivered))
    }

    /// Routers ask whether a target is there; no rule is about that.
    @Test func probesAreNotFiltered() {
        var bench = target(Filter([FilterRule(name: "all", action: .deny)], otherwise: .deny))
        let probe = ipv4(from: Example.routerAddress, to: Example.dvipa, protocol: 59, bigEndian(UInt64(9)))
        #expect(bench.open(Example.wrapped(ethernet(probe))).verdict == .probed)
        #expect(counts(bench.host.filterTallies) == [0, 0])
    }
}
