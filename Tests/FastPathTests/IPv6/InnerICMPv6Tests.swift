import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// `InnerICMPTests` of the other family: errors go where the connection they are about goes, echo requests to one target.
@Suite struct InnerICMPv6Tests {
    /// An ICMPv6 message with its checksum.
    static func message(
        _ type: UInt8, _ code: UInt8 = 0, rest: UInt32 = 0, _ payload: Bytes = [], from source: String,
        to destination: String
    ) -> Bytes {
        var bytes: Bytes = [type, code, 0, 0] + bigEndian(rest) + payload
        let pseudo = wireBytes(source) + wireBytes(destination) + bigEndian(UInt32(bytes.count)) + [0, 0, 0, 58]
        bytes.replaceSubrange(2..<4, with: bigEndian(internetChecksum(pseudo + bytes)))
        return bytes
    }

    private struct Traffic: ~Copyable {
        var bench: RouterBench
        var number: UInt64 = 0
        let tunnel: Example6.Tunnel

        init(
            _ provider: Provider = .openSSL, in tunnel: Example6.Tunnel = Example6.sixInSix,
            _ configuration: RouterConfiguration? = nil
        ) {
            bench = Example6.bench(provider, configuration)
            self.tunnel = tunnel
        }

        mutating func send(_ inner: Bytes) -> Outcome {
            number += 1
            return bench.send(tunnel.frame(number: number, inner))
        }

        mutating func open(_ port: UInt16) -> Int? { send(tunnel.innerTCP(port: port)).target }

        /// An error of a hop's about what the DVIPA sent to a client's port.
        mutating func error(
            _ type: UInt8 = 1, about port: UInt16, from sender: String = "2001:db8:71::77",
            client: String = Example6.inner, dvipa: String = Example6.dvipa, extensions: [Extension] = [],
            quotedExtensions: [Extension] = [], quoting: Int = 60, next: UInt8 = 6
        ) -> Outcome {
            let quoted = ipv6(from: dvipa, to: client, next: next, tcp(80, port), extensions: quotedExtensions)
            let message = InnerICMPv6Tests.message(
                type, Bytes(quoted.prefix(quoting)), from: sender, to: Example6.dvipa)
            return send(ipv6(from: sender, to: Example6.dvipa, next: 58, message, extensions: extensions))
        }
    }

    private static func message(_ type: UInt8, _ payload: Bytes, from source: String, to destination: String) -> Bytes {
        message(type, 0, rest: 1280, payload, from: source, to: destination)
    }

    @Test(arguments: Provider.available, [Example6.sixInSix, Example6.sixInFour])
    func anErrorGoesToItsConnectionsTarget(_ provider: Provider, _ tunnel: Example6.Tunnel) {
        var traffic = Traffic(provider, in: tunnel)
        let targets = (1...6).map { traffic.open($0) }
        #expect(Set(targets).count == 3)
        for type: UInt8 in [1, 2, 3, 4] {
            for port in UInt16(1)...6 {
                let outcome = traffic.error(type, about: port)
                #expect(outcome.verdict == .steered && outcome.target == targets[Int(port) - 1])
                #expect(outcome.flow?.ipProtocol == 58 && outcome.flow?.remote == address("2001:db8:71::77"))
            }
        }
        #expect(traffic.bench.router.stateSnapshot().connections == 6, "an error makes no entry")
        // Extension headers on either side, as far as 240 bytes go.
        let options = [Extension.options(), .options(byteCount: 24)]
        #expect(traffic.error(about: 2, extensions: options).target == targets[1])
        #expect(traffic.error(about: 2, quotedExtensions: options, quoting: 100).target == targets[1])
        #expect(traffic.error(about: 2, quotedExtensions: [.fragment(more: true)], quoting: 80).target == targets[1])
    }

    @Test func anErrorAboutNoConnectionGoesNowhere() {
        var traffic = Traffic()
        _ = traffic.open(1)
        #expect(traffic.error(about: 2).verdict == .noConnection)
        #expect(traffic.error(about: 1, dvipa: "2001:db8:72::11").verdict == .noConnection, "no DVIPA sent it")
        #expect(traffic.error(about: 1, next: 17).verdict == .noConnection)
        #expect(traffic.error(about: 1, next: 58).verdict == .noConnection, "ours was ICMPv6 itself")
        #expect(traffic.error(about: 1, quotedExtensions: [.fragment(offset: 3)]).verdict == .noConnection)
        for quoting in [0, 20, 39, 40, 43] {
            #expect(traffic.error(about: 1, quoting: quoting).verdict == .noConnection)
        }
        #expect(traffic.error(about: 1, quoting: 44).verdict == .steered)
        #expect(traffic.error(about: 1, client: "2001:db8:99::1").verdict == .tunnelCheckFailed)
        #expect(traffic.bench.router.stateSnapshot().connections == 1)
    }

    @Test(arguments: Provider.available) func aClientsEchoesGoToOneTargetAndEveryRouterSaysWhich(_ provider: Provider) {
        var one = Traffic(provider)
        var other = Traffic(provider)
        var all: Set<Int?> = []
        func echo(_ client: Int, size: Int) -> Bytes {
            let source = "2001:db8:71::\(client)"
            return ipv6(
                from: source, to: Example6.dvipa, next: 58,
                Self.message(
                    128, rest: UInt32(size), Bytes(repeating: 3, count: size), from: source, to: Example6.dvipa))
        }
        for client in 1...40 {
            let outcome = one.send(echo(client, size: 0))
            #expect(outcome.verdict == .steered && outcome.flow?.ipProtocol == 58)
            for size in [20, 56, 1000] { #expect(other.send(echo(client, size: size)).target == outcome.target) }
            all.insert(outcome.target)
        }
        #expect(all == [0, 1, 2])
        #expect(one.bench.router.stateSnapshot().connections == 0)
        var target = Example6.target(provider)
        let packet = echo(1, size: 56)
        let opened = target.open(Example6.wrapped(Example6.sixInSix.frame(number: 1, packet)))
        #expect(opened == HostBench.Result(verdict: .delivered, bytes: packet))
    }

    /// Also over ESP in transport mode, behind destination options.
    @Test func anEchoInTransportMode() {
        var configuration = Example6.configuration(onIPv6: false)
        configuration.filter = Filter([
            FilterRule(
                name: "ping", action: .allow, sources: [AddressRange("\(Example6.client)/128")!], ipProtocol: 58)
        ])
        var bench = Example6.bench(.openSSL, configuration)
        let echo = Self.message(128, [], from: Example6.client, to: Example6.outerDVIPA)
        #expect(bench.send(Example6.transportFrame(number: 1, echo, nextHeader: 58)).verdict == .steered)
        let optional = chained([.options()], 58, echo)
        #expect(
            bench.send(Example6.transportFrame(number: 2, optional.bytes, nextHeader: optional.first)).verdict
                == .steeredWithOptions)
    }

    /// Neighbour discovery, redirects, answers; and each family's ICMP in the other's packets.
    @Test func otherMessagesAreNobodys() {
        var traffic = Traffic()
        _ = traffic.open(1)
        for type: UInt8 in [0, 5, 100, 127, 129, 130, 133, 135, 136, 137, 255] {
            #expect(traffic.error(type, about: 1).verdict == .noService)
        }
        let short = ipv6(from: Example6.inner, to: Example6.dvipa, next: 58, [128, 0, 0, 0])
        #expect(traffic.send(short).verdict == .noService)
        #expect(
            traffic.send(ipv6(from: Example6.inner, to: Example6.dvipa, next: 1, icmp(8))).verdict == .noService)
        var four = Traffic(in: Example6.fourInSix)
        let strange = Self.message(128, [], from: Example6.inner, to: Example6.dvipa)
        #expect(
            four.send(ipv4(from: Example6.inner4, to: Example6.dvipa4, protocol: 58, strange)).verdict == .noService)
    }

    /// A long echo request in fragments goes where a short one goes, of either family.
    @Test func anEchoInFragments() {
        var six = Traffic()
        let client = Example6.inner
        let whole = Self.message(
            128, Bytes(repeating: 1, count: 96), from: client, to: Example6.dvipa)
        let target = six.send(ipv6(from: client, to: Example6.dvipa, next: 58, whole)).target
        for (offset, range) in [(0, 0..<64), (8, 64..<104)] {
            let piece = ipv6(
                from: client, to: Example6.dvipa, next: 58, Bytes(whole[range]),
                extensions: [.fragment(offset: UInt16(offset), more: offset == 0)])
            #expect(six.send(piece).target == target)
        }
        var four = Traffic(in: Example6.fourInSix)
        let message = icmp(8, 0, Bytes(repeating: 1, count: 96))
        let short = four.send(ipv4(from: Example6.inner4, to: Example6.dvipa4, protocol: 1, message)).target
        #expect(short != nil)
        for (fragment, range) in [(UInt16(0x2000), 0..<64), (8, 64..<104)] {
            let piece = ipv4(
                from: Example6.inner4, to: Example6.dvipa4, protocol: 1, Bytes(message[range]), fragment: fragment)
            #expect(four.send(piece).target == short)
        }
    }
}
