import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// ESP in fragments, at the router: what is steered is the datagram as its sender made it.
@Suite struct OuterFragmentTests {
    /// A frame's IPv4 packet in pieces, cut at these payload bytes.
    static func pieces(_ frame: Bytes, at cuts: [Int], identification: UInt16 = 99) -> [Bytes] {
        let packet = Bytes(frame.dropFirst(14))
        let headerByteCount = Int(packet[0] & 15) * 4
        let payload = Bytes(packet.dropFirst(headerByteCount))
        let edges = [0] + cuts + [payload.count]
        return zip(edges, edges.dropFirst()).map { start, end in
            var header = Bytes(packet.prefix(headerByteCount))
            header.replaceSubrange(2..<4, with: bigEndian(UInt16(headerByteCount + end - start)))
            header.replaceSubrange(4..<6, with: bigEndian(identification))
            header.replaceSubrange(6..<8, with: bigEndian(UInt16(start / 8) | (end < payload.count ? 0x2000 : 0)))
            header.replaceSubrange(10..<12, with: [0, 0])
            header.replaceSubrange(10..<12, with: bigEndian(internetChecksum(header)))
            return ethernet(header + payload[start..<end])
        }
    }

    /// The frame as a router sees it when it is whole again: no DF, and the pieces' identification.
    static func joined(_ frame: Bytes, identification: UInt16 = 99) -> Bytes {
        pieces(frame, at: [], identification: identification)[0]
    }

    @Test(arguments: Provider.available) func whatIsSteeredIsTheDatagram(_ provider: Provider) {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            var bench = Example.bench(provider)
            let frame = Example.tunnelFrame(number: 1, Example.innerTCP(payload: 1200))
            let pieces = Self.pieces(frame, at: [480, 960])
            let outcomes = bench.send(order.map { pieces[$0] })
            #expect(outcomes.map(\.verdict) == [.held, .held, .steered])
            #expect(outcomes[2].bytes == Example.encapsulated(Self.joined(frame), target: 0))
            #expect(bench.router.counters.snapshot() == ["held": 2, "steered": 1])
        }
    }

    /// Across batches, with others between them, and padding of Ethernet behind the shortest.
    @Test func piecesComeWithOthersBetween() {
        var bench = Example.bench()
        let frame = Example.transportFrame(number: 3)
        let pieces = Self.pieces(frame, at: [8, 16])
        #expect(bench.send([pieces[0] + [9, 9, 9, 9]]).map(\.verdict) == [.held])
        #expect(bench.send([Example.transportFrame(number: 1), pieces[2]]).map(\.verdict) == [.steered, .held])
        let last = bench.send([
            Example.transportFrame(number: 2), pieces[1] + [9, 9], Example.transportFrame(number: 4),
        ])
        #expect(last.map(\.verdict) == [.steered, .steered, .steered])
        #expect(last[1].bytes == Example.encapsulated(Self.joined(frame), target: 0))
    }

    @Test func optionsAreTheFirstPiecesOwn() {
        var bench = Example.bench()
        let frame = Example.tunnelFrame(number: 1, options: [7, 7, 4, 0, 0, 0, 0, 0])
        var pieces = Self.pieces(frame, at: [16])
        pieces[1] = Self.pieces(Example.tunnelFrame(number: 1), at: [16])[1]
        let outcomes = bench.send([pieces[1], pieces[0]])
        #expect(outcomes.map(\.verdict) == [.held, .steeredWithOptions])
        #expect(outcomes[1].bytes == Example.encapsulated(Self.joined(frame), target: 0))
    }

    @Test func whatIsWrongIsRefusedByName() {
        var bench = Example.bench()
        let frame = Example.tunnelFrame(number: 1, Example.innerTCP(payload: 400))
        func verdicts(_ frames: [Bytes]) -> [Verdict] { bench.send(frames).map(\.verdict) }
        let one = Self.pieces(frame, at: [96, 192], identification: 1)
        #expect(
            verdicts([one[0], Self.pieces(frame, at: [88], identification: 1)[1], one[1]]) == [
                .held, .fragmentOverlap, .fragmentOverlap,
            ])
        #expect(verdicts([one[2]]) == [.fragmentOverlap], "all of it")
        let forged = Self.pieces(Example.tunnelFrame(number: 2, espFault: ESPFault(otherKey: true)), at: [40])
        #expect(verdicts(forged) == [.held, .badICV])
        func lone(_ fragment: UInt16, _ count: Int) -> Bytes {
            ethernet(
                ipv4(
                    from: Example.client, to: Example.gateway, protocol: 50, Bytes(repeating: 1, count: count),
                    fragment: fragment))
        }
        #expect(verdicts([lone(0x2000, 13)]) == [.malformedHeader], "no multiple of 8")
        #expect(verdicts([lone(0x2000, 0)]) == [.malformedHeader], "empty")
        #expect(verdicts([lone(0x1FFF, 64)]) == [.malformedHeader], "behind 65,535")
        #expect(verdicts([lone(0x0200, 64)]) == [.fragmentTooLarge])
    }

    @Test func aReplayInPiecesIsAReplay() {
        var bench = Example.bench()
        let frame = Example.tunnelFrame(number: 5, Example.innerTCP(payload: 400))
        #expect(bench.send(Self.pieces(frame, at: [200])).map(\.verdict) == [.held, .steered])
        #expect(bench.send(Self.pieces(frame, at: [96], identification: 100)).map(\.verdict) == [.held, .replayed])
        #expect(bench.send(frame).verdict == .replayed)
    }

    /// What does not fit the trusted link is refused under the name that says what to do.
    @Test func wholeAndTooLongForTheTrustedLink() {
        var bench = Example.bench()
        let frame = Example.tunnelFrame(number: 1, Example.innerTCP(payload: 1700))
        #expect(bench.send(Self.pieces(frame, at: [800, 1600])).map(\.verdict) == [.held, .held, .oversized])
    }

    /// Nothing of what routers keep is changed by pieces; the reassembler is bounded (docs/fragments.md).
    @Test func piecesChangeNothingElse() {
        var bench = Example.bench()
        let before = bench.router.stateSnapshot()
        let frame = Example.tunnelFrame(number: 1, Example.innerTCP(payload: 400), espFault: ESPFault(otherKey: true))
        for identification in UInt16(1)...200 {
            _ = bench.send(Self.pieces(frame, at: [160, 320], identification: identification))
        }
        #expect(bench.router.stateSnapshot() == before)
    }

    // MARK: In UDP

    private static let encapsulated: SecurityAssociation = {
        var association = association(
            spi: 0xC000_0005, from: Example.client, to: Example.gateway, remote: "10.71.0.0/24", local: "10.72.0.0/24")
        association.udpEncapsulation = UDPEncapsulation(remotePort: 17_000)
        return association
    }()

    private static func inUDP(_ payload: Bytes, to port: UInt16 = 4500) -> Bytes {
        ethernet(
            ipv4(from: Example.client, to: Example.gateway, protocol: 17, udp(17_000, port, payload)))
    }

    @Test(arguments: [[0, 1, 2], [2, 1, 0], [1, 0, 2]]) func inUDPTheyAreHeldUntilTheFirstSaysWhoseTheyAre(
        _ order: [Int]
    )
        throws
    {
        var bench = Example.bench()
        try bench.router.apply(.install(Self.encapsulated))
        let frame = Self.inUDP(esp(Self.encapsulated, number: 1, nextHeader: 4, Example.innerTCP(payload: 500)))
        let pieces = Self.pieces(frame, at: [200, 400])
        let outcomes = bench.send(order.map { pieces[$0] })
        #expect(outcomes.map(\.verdict) == [.held, .held, .steered])
        #expect(outcomes[2].bytes == Example.encapsulated(Self.joined(frame), target: 0))
    }

    @Test func theKernelGetsItsOwnFragments() {
        var bench = Example.bench()
        let message = Bytes(repeating: 0, count: 4) + Bytes(repeating: 7, count: 600)
        for port: UInt16 in [4500, 500, 53] {
            let pieces = Self.pieces(Self.inUDP(message, to: port), at: [200, 400], identification: port)
            #expect(bench.send(pieces).map(\.verdict) == [.passed, .passed, .passed])
        }
        // To somebody else's address nobody looks.
        let stranger = ethernet(
            ipv4(from: Example.client, to: "203.0.113.77", protocol: 17, udp(1, 2), fragment: 0x2000))
        #expect(bench.send(stranger).verdict == .passed)
    }
}
