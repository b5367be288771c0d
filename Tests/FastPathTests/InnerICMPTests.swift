import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// ICMP inside the tunnel: errors go where the connection they are about goes, echo requests to one target, all else nowhere.
@Suite struct InnerICMPTests {
    private struct Traffic: ~Copyable {
        var bench: RouterBench
        var number: UInt64 = 0

        init(_ provider: Provider = .openSSL, _ configuration: RouterConfiguration = Example.configuration()) {
            bench = Example.bench(provider, configuration)
        }

        mutating func send(_ inner: Bytes, under association: SecurityAssociation = Example.tunnel) -> Outcome {
            number += 1
            return bench.send(Example.tunnelFrame(number: number, inner, under: association))
        }

        mutating func open(_ port: UInt16) -> Int? { send(Example.innerTCP(port: port)).target }

        /// An error of `sender` about what the DVIPA sent to a client's port.
        mutating func error(
            _ type: UInt8 = 3, about port: UInt16, from sender: String = "10.71.0.77", client: String = Example.inner,
            dvipa: String = Example.dvipa, options: Bytes = [], quotedOptions: Bytes = [], quoting: Int = 28,
            fragment: UInt16 = 0x4000, ipProtocol: UInt8 = 6, under association: SecurityAssociation = Example.tunnel
        ) -> Outcome {
            let quoted = ipv4(
                from: dvipa, to: client, protocol: ipProtocol, tcp(80, port), options: quotedOptions, fragment: fragment
            )
            let message = icmp(type, 1, Bytes(quoted.prefix(quoting + quotedOptions.count)))
            return send(
                ipv4(from: sender, to: Example.dvipa, protocol: 1, message, options: options), under: association)
        }
    }

    @Test(arguments: Provider.available) func anErrorGoesToItsConnectionsTarget(_ provider: Provider) {
        var traffic = Traffic(provider)
        let targets = (1...6).map { traffic.open($0) }
        #expect(Set(targets).count == 3)
        for type: UInt8 in [3, 11, 12] {
            for port in UInt16(1)...6 {
                let outcome = traffic.error(type, about: port)
                #expect(outcome.verdict == .steered && outcome.target == targets[Int(port) - 1])
                #expect(
                    outcome.flow
                        == Flow(
                            remote: address("10.71.0.77"), local: address(Example.dvipa), remotePort: 0, localPort: 0,
                            ipProtocol: 1))
            }
        }
        let state = traffic.bench.router.stateSnapshot()
        #expect(state.connections == 6, "an error makes no entry")
        // 112 bytes are read of a packet at most: no options of either header, or some, but not all that there may be.
        for count in [4, 20, 40] {
            #expect(traffic.error(about: 2, quotedOptions: Bytes(repeating: 1, count: count)).target == targets[1])
            #expect(traffic.error(about: 2, options: Bytes(repeating: 1, count: count)).target == targets[1])
        }
        let everything = Bytes(repeating: 1, count: 40)
        let long = traffic.error(about: 2, options: everything, quotedOptions: everything)
        #expect(long.verdict == .malformedInner || long.target == targets[1])
    }

    @Test func anErrorInTheBatchOfTheFirstPacketFindsTheConnection() {
        var bench = Example.bench()
        let quoted = ipv4(from: Example.dvipa, to: Example.inner, protocol: 6, tcp(80, 40000))
        let error = ipv4(from: "10.71.0.77", to: Example.dvipa, protocol: 1, icmp(3, 1, quoted))
        let outcomes = bench.send([Example.tunnelFrame(number: 1), Example.tunnelFrame(number: 2, error)])
        #expect(outcomes.map(\.verdict) == [.steered, .steered] && outcomes[0].target == outcomes[1].target)
    }

    @Test func anErrorAboutNoConnectionGoesNowhere() {
        var traffic = Traffic()
        _ = traffic.open(1)
        #expect(traffic.error(about: 2).verdict == .noConnection)
        #expect(traffic.error(about: 1, dvipa: "10.72.0.11").verdict == .noConnection, "no DVIPA sent it")
        #expect(traffic.error(about: 1, ipProtocol: 17).verdict == .noConnection)
        #expect(traffic.error(about: 1, ipProtocol: 1).verdict == .noConnection, "ours was ICMP itself")
        #expect(traffic.error(about: 1, fragment: 0x0010).verdict == .noConnection, "a later fragment has no ports")
        for quoting in [0, 10, 20, 23] { #expect(traffic.error(about: 1, quoting: quoting).verdict == .noConnection) }
        #expect(traffic.error(about: 1, quoting: 24).verdict == .steered)
        #expect(traffic.bench.router.stateSnapshot().connections == 1)
    }

    /// A peer has no say in what another one's SA carries.
    @Test func anErrorIsHeldAgainstTheSelectorsWithWhatItQuotes() {
        var traffic = Traffic()
        #expect(traffic.open(1) == 0)
        #expect(traffic.error(about: 1, from: "10.99.0.1").verdict == .tunnelCheckFailed)
        #expect(traffic.error(about: 1, client: "10.99.0.1").verdict == .tunnelCheckFailed)
        let narrow = traffic.error(about: 1, from: "10.71.9.1", under: Example.narrow)
        #expect(narrow.verdict == .tunnelCheckFailed, "an SA for TCP alone carries no ICMP")
    }

    @Test func anErrorFollowsWhatItsTargetMayGet() {
        var traffic = Traffic()
        #expect((1...3).map { traffic.open($0) } == [0, 1, 2])
        func stand(_ state: TargetStanding.State) {
            try! traffic.bench.router.apply(.standing(target: "t2", TargetStanding(state: state)))
        }
        stand(.draining)
        #expect(traffic.error(about: 2).target == 1)
        stand(.quiesced)
        #expect(traffic.error(about: 2).verdict == .targetQuiesced)
        stand(.lost)
        #expect(traffic.error(about: 2).verdict == .noConnection)
        #expect(traffic.error(about: 3).target == 2)
    }

    /// Errors about an idle connection do not keep its entry.
    @Test func anErrorDoesNotMakeAConnectionLast() {
        var traffic = Traffic()
        _ = traffic.open(1)
        _ = traffic.send(Example.innerTCP(port: 1, flags: TCPFlags.ack))
        traffic.bench.now += 7000
        #expect(traffic.error(about: 1).verdict == .steered)
        traffic.bench.now += 201
        for _ in 0..<60 { _ = traffic.send(Example.innerTCP(to: 22)) }
        #expect(traffic.bench.router.stateSnapshot().connections == 0)
    }

    @Test func theFilterIsAskedAboutTheMessage() {
        var configuration = Example.configuration()
        configuration.filter = Filter([
            FilterRule(name: "no-icmp", action: .deny, sources: [AddressRange("10.71.0.66")!], ipProtocol: 1)
        ])
        var traffic = Traffic(.openSSL, configuration)
        #expect(traffic.open(1) == 0)
        #expect(traffic.error(about: 1, from: "10.71.0.66").verdict == .filtered)
        #expect(traffic.error(about: 1, from: "10.71.0.67").target == 0)
    }

    // MARK: Echo

    private func echo(_ client: Int, identifier: UInt32 = 0x0001_0001, type: UInt8 = 8, size: Int = 0) -> Bytes {
        ipv4(
            from: "10.71.0.\(client)", to: Example.dvipa, protocol: 1,
            icmp(type, 0, Bytes(repeating: 3, count: size), rest: identifier))
    }

    @Test(arguments: Provider.available) func aClientsEchoesGoToOneTargetAndEveryRouterSaysWhich(_ provider: Provider) {
        var one = Traffic(provider)
        var other = Traffic(provider)
        var all: Set<Int?> = []
        for client in 1...60 {
            let target = one.send(echo(client)).target
            #expect(target != nil)
            for size in [0, 20, 56, 1000] {
                #expect(other.send(echo(client, identifier: 0x0002_0000 + UInt32(size), size: size)).target == target)
            }
            all.insert(target)
        }
        #expect(all == [0, 1, 2])
        #expect(one.bench.router.stateSnapshot().connections == 0)
        try! one.bench.router.apply(.standing(target: "t1", TargetStanding(state: .lost)))
        for client in 1...60 {
            let was = other.send(echo(client)).target
            let now = one.send(echo(client)).target
            #expect(was == 0 ? now == 1 || now == 2 : now == was)
        }
        for target in ["t2", "t3"] {
            try! one.bench.router.apply(.standing(target: target, TargetStanding(state: .draining)))
        }
        #expect(one.send(echo(1)).verdict == .noTarget)
    }

    @Test func otherMessagesAreNobodys() {
        var traffic = Traffic()
        _ = traffic.open(1)
        for type: UInt8 in [0, 4, 5, 9, 13, 17, 255] {
            #expect(traffic.send(echo(1, type: type)).verdict == .noService)
            #expect(traffic.error(type, about: 1).verdict == .noService)
        }
        let short = ipv4(from: Example.inner, to: Example.dvipa, protocol: 1, [8, 0, 0, 0])
        #expect(traffic.send(short).verdict == .noService)
    }

    @Test func theTargetsOwnStackGetsThem() {
        var bench = Example.target(Example.targetConfiguration())
        let packet = echo(1, size: 56)
        let result = bench.open(Example.wrapped(Example.tunnelFrame(number: 1, packet)))
        #expect(result == HostBench.Result(verdict: .delivered, bytes: packet))
    }

    @Test func withoutAnEntryAnErrorGoesWhereTheConnectionWould() {
        var configuration = Example.configuration()
        configuration.verification = .target
        var traffic = Traffic(.openSSL, configuration)
        for port in UInt16(1)...20 {
            let target = traffic.open(port)
            #expect(target != nil && traffic.error(about: port).target == target)
        }
    }
}
