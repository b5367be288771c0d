import Associations
import Testing
import Wire

@testable import ControlPlane

/// Ends that change their addresses: behind a NAT (RFC 7296 §2.23), and by MOBIKE (RFC 4555).
@Suite struct MovingTests {
    private static let elsewhere = Path(
        local: SocketAddress(address: IPAddress("10.9.9.9")!, port: 4500),
        remote: SocketAddress(address: SessionPair.responderAddress.address, port: 4500))

    private static func pair(
        _ initiator: MobilityPolicy?, _ responder: MobilityPolicy?, seed: UInt64 = 1, hasNAT: Bool = false
    ) throws -> SessionPair {
        var policies = [try SessionPolicy.sample(.initiator), try SessionPolicy.sample(.responder)]
        policies[0].mobility = initiator
        policies[1].mobility = responder
        var pair = SessionPair(policies[0], policies[1], seed: seed)
        pair.hasNAT = hasNAT
        pair.start()
        pair.settle()
        return pair
    }

    private static var trusting: MobilityPolicy {
        var policy = MobilityPolicy()
        policy.checksRoutability = false
        return policy
    }

    /// What both ends did since, and no more.
    private func after(_ pair: SessionPair, _ end: SessionPair.End, _ count: Int) -> [String] {
        Array(pair.story(end).dropFirst(count))
    }

    /// Each end's Child SAs lead to where the other is.
    private func expectTogether(_ pair: SessionPair, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(pair.disagreements == [], sourceLocation: sourceLocation)
        let there = Dictionary(
            uniqueKeysWithValues: pair.shells[.responder]!.installed.values.map { ($0.inbound.spi, $0) })
        for child in pair.shells[.initiator]!.installed.values {
            guard let other = there[child.outbound.spi] else { continue }
            #expect(child.outbound.destination == other.inbound.destination, sourceLocation: sourceLocation)
            #expect(child.inbound.destination == child.outbound.source, sourceLocation: sourceLocation)
            if !pair.hasNAT { #expect(child.outbound.source == other.inbound.source, sourceLocation: sourceLocation) }
        }
    }

    private func path(_ session: Session) -> Path? {
        if case .established(let established) = session.state { established.path } else { nil }
    }

    // MARK: Without MOBIKE

    @Test func aNATThatMapsAnewIsFollowed() throws {
        var pair = try Self.pair(nil, nil, hasNAT: true)
        pair.natOffset = 30_000
        pair.command(.initiator) { session, now, _ in session.probe(at: now) }
        pair.settle()
        #expect(
            after(pair, .responder, 2) == ["move to 4500-34500", "relocate to 203.0.113.7:34500 in UDP"])
        // And the other way round, by an answer.
        pair.natOffset = 10_000
        pair.command(.responder) { session, now, _ in session.probe(at: now) }
        pair.settle()
        #expect(
            after(pair, .responder, 4) == ["move to 4500-14500", "relocate to 203.0.113.7:14500 in UDP"])
        #expect(after(pair, .initiator, 3) == [])
        expectTogether(pair)
    }

    /// Old requests and garbled ones, from somewhere else.
    @Test func onlyWhatIsNewAndVerifiedMoves() throws {
        var pair = try Self.pair(nil, nil, hasNAT: true)
        pair.command(.initiator) { session, now, _ in session.probe(at: now) }
        pair.settle()
        let before = contents(of: pair.responder)
        let stranger = Path(
            local: SessionPair.responderAddress, remote: SocketAddress(address: IPAddress("198.51.100.1")!, port: 9))
        for bytes in pair.sent[.initiator]! {
            _ = pair.responder.receive(bytes, over: stranger, at: pair.now, using: &pair.random)
        }
        let probe = pair.initiator.probe(at: pair.now)
        guard case .send(var bytes, _) = probe.first else { return }
        for index in bytes.indices {
            bytes[index] ^= 1
            _ = pair.responder.receive(bytes, over: stranger, at: pair.now, using: &pair.random)
            bytes[index] ^= 1
        }
        #expect(contents(of: pair.responder) == before)
    }

    /// While ESP goes the same way nobody else need keep it open.
    @Test func whatIsUsedNeedsNoKeepalive() throws {
        var policies = [try SessionPolicy.sample(.initiator), try SessionPolicy.sample(.responder)]
        for index in policies.indices { policies[index].timing.keepAlive = 20_000_000_000 }
        var pair = SessionPair(policies[0], policies[1])
        pair.hasNAT = true
        pair.start()
        pair.settle()
        func count() -> Int { pair.actions[.initiator]!.count { if case .keepAlive = $0 { true } else { false } } }
        let child = try #require(pair.initiator.childSPIs.first)
        var usage = ChildUsage()
        for _ in 0..<8 {
            pair.run(until: pair.now + 10_000_000_000)
            usage.sequenceNumber += 100
            pair.command(.initiator) { session, now, random in
                session.used(child, usage, at: now, using: &random)
            }
        }
        #expect(count() == 0)
        pair.run(until: pair.now + 45_000_000_000)
        #expect(count() == 2)
    }

    // MARK: By its ESP

    /// As who verifies a peer's packets says.
    @Test func espShowsWhereAPeerBehindANATIs() throws {
        var pair = try Self.pair(nil, nil, hasNAT: true)
        let there = SocketAddress(address: SessionPair.natAddress, port: 34_500)
        let actions = pair.responder.sighted(at: there)
        #expect(
            actions.compactMap(\.event) == ["move to 4500-34500", "relocate to 203.0.113.7:34500 in UDP"])
        #expect(path(pair.responder)?.remote == there)
        let again = pair.responder.sighted(at: there)
        #expect(again.isEmpty)
    }

    /// A peer without a NAT says where it is, and so does one with MOBIKE; where a NAT is before us the peer does not move.
    @Test func espMovesNobodyElse() throws {
        let there = SocketAddress(address: SessionPair.natAddress, port: 34_500)
        var plain = try Self.pair(nil, nil)
        let ofPlain = plain.responder.sighted(at: there)
        var mobile = try Self.pair(Self.trusting, Self.trusting, hasNAT: true)
        let ofMobile = mobile.responder.sighted(at: there)
        var behind = try Self.pair(nil, nil, hasNAT: true)
        let ofBehind = behind.initiator.sighted(at: there)
        var closing = try Self.pair(nil, nil, hasNAT: true)
        closing.command(.responder) { session, now, _ in session.close(at: now) }
        let ofClosing = closing.responder.sighted(at: there)
        #expect(ofPlain.isEmpty && ofMobile.isEmpty && ofBehind.isEmpty && ofClosing.isEmpty)
    }

    @Test func whoIsBehindTheNATDoesNotFollow() throws {
        var pair = try Self.pair(nil, nil, hasNAT: true)
        let before = path(pair.initiator)
        let probe = pair.responder.probe(at: pair.now)
        guard case .send(let bytes, _) = probe.first else { return }
        let stranger = Path(
            local: SessionPair.initiatorAddress, remote: SocketAddress(address: IPAddress("198.51.100.1")!, port: 9))
        let actions = pair.initiator.receive(bytes, over: stranger, at: pair.now, using: &pair.random)
        #expect(actions.compactMap(\.event) == [])
        #expect(path(pair.initiator) == before)
    }

    @Test(arguments: [true, false]) func aNATBeforeUsIsKeptAwake(_ hasNAT: Bool) throws {
        var policies = [try SessionPolicy.sample(.initiator), try SessionPolicy.sample(.responder)]
        for index in policies.indices { policies[index].timing.keepAlive = 20_000_000_000 }
        var pair = SessionPair(policies[0], policies[1])
        pair.hasNAT = hasNAT
        pair.start()
        pair.settle()
        pair.run(until: pair.now + 65_000_000_000)
        func count(_ end: SessionPair.End) -> Int {
            pair.actions[end]!.count { if case .keepAlive(let path) = $0 { path.remote.port == 4500 } else { false } }
        }
        #expect(count(.initiator) == (hasNAT ? 3 : 0))
        #expect(count(.responder) == 0)
    }

    // MARK: MOBIKE

    @Test func whoBeganMoves() throws {
        var pair = try Self.pair(MobilityPolicy(), Self.trusting)
        #expect(pair.story(.initiator) == ["move to 4500-4500", "established", "install"])
        pair.command(.initiator) { $0.moved(to: Self.elsewhere, at: $1, using: &$2) }
        pair.settle()
        #expect(after(pair, .initiator, 3) == ["move to 4500-4500", "relocate to 192.0.2.1:4500"])
        #expect(after(pair, .responder, 2) == ["move to 4500-4500", "relocate to 10.9.9.9:4500"])
        expectTogether(pair)
        // Back again, from the other end's rekeyed IKE SA: it is still who began that moves.
        pair.command(.responder) { $0.rekey(at: $1, using: &$2) }
        pair.settle()
        var back = Self.elsewhere
        back.local.address = SessionPair.initiatorAddress.address
        pair.command(.initiator) { $0.moved(to: back, at: $1, using: &$2) }
        pair.settle()
        #expect(path(pair.responder)?.remote == back.local)
        expectTogether(pair)
    }

    @Test func itsRouteIsCheckedFirst() throws {
        var pair = try Self.pair(MobilityPolicy(), MobilityPolicy())
        let sent = pair.sent[.responder]!.count
        pair.command(.initiator) { $0.moved(to: Self.elsewhere, at: $1, using: &$2) }
        pair.settle()
        // The answer to the update, and the cookie; our traffic follows behind that.
        #expect(pair.sent[.responder]!.count == sent + 2)
        #expect(after(pair, .responder, 2) == ["move to 4500-4500", "relocate to 10.9.9.9:4500"])
        let words = pair.actions[.responder]!.suffix(4).map { $0.event ?? "send" }
        #expect(words == ["move to 4500-4500", "send", "send", "relocate to 10.9.9.9:4500"])
        expectTogether(pair)
    }

    /// Who answers without our cookie is not the peer at its new place.
    @Test func aWrongCookieClosesTheSession() throws {
        var pair = try Self.pair(MobilityPolicy(), MobilityPolicy())
        let update = pair.initiator.moved(to: Self.elsewhere, at: pair.now, using: &pair.random)
        let there = Path(local: Self.elsewhere.remote, remote: Self.elsewhere.local)
        for case .send(let bytes, _) in update {
            let actions = pair.responder.receive(bytes, over: there, at: pair.now, using: &pair.random)
            for case .send(let bytes, _) in actions {
                pair.carry(
                    pair.initiator.receive(bytes, over: Self.elsewhere, at: pair.now, using: &pair.random),
                    of: .initiator)
            }
        }
        guard case .established(var established) = pair.responder.state,
            case .checkRoute(let path, _) = established.current.asked
        else {
            Issue.record("no check")
            return
        }
        established.current.asked = .checkRoute(path, cookie: [UInt8](repeating: 0, count: 16))
        pair.responder.state = .established(established)
        pair.settle()
        #expect(after(pair, .responder, 2).prefix(1).allSatisfy { $0.hasPrefix("refused: what answers at") })
        #expect(pair.responder.isClosed && pair.initiator.isClosed)
    }

    @Test func aNATOnTheNewWayIsFound() throws {
        var pair = try Self.pair(MobilityPolicy(), Self.trusting)
        pair.hasNAT = true
        var path = Self.elsewhere
        path.local = SocketAddress(address: SessionPair.initiatorAddress.address, port: 4501)
        pair.command(.initiator) { $0.moved(to: path, at: $1, using: &$2) }
        pair.settle()
        #expect(after(pair, .responder, 2).last == "relocate to 203.0.113.7:24501 in UDP")
        #expect(after(pair, .initiator, 3).last == "relocate to 192.0.2.1:4500 in UDP")
        #expect(pair.initiator.nat == NATFinding(isBeforeUs: true, isBeforePeer: false))
        #expect(pair.responder.nat == NATFinding(isBeforeUs: false, isBeforePeer: true))

        // The NAT maps anew: who is behind it finds out by a probe, and says so (RFC 4555 §3.8).
        for offset in [20_000, 25_000] as [UInt16] {
            pair.natOffset = offset
            pair.command(.initiator) { session, now, _ in session.probe(at: now) }
            pair.settle()
        }
        #expect(after(pair, .responder, 2).last == "relocate to 203.0.113.7:29501 in UDP")
    }

    @Test func aNATMayBeForbidden() throws {
        for who in [SessionPair.End.initiator, .responder] {
            var strict = Self.trusting
            strict.forbidsNAT = true
            var pair = try Self.pair(
                who == .initiator ? strict : Self.trusting, who == .responder ? strict : Self.trusting)
            pair.hasNAT = true
            var path = Self.elsewhere
            path.local = SocketAddress(address: SessionPair.initiatorAddress.address, port: 4501)
            pair.command(.initiator) { $0.moved(to: path, at: $1, using: &$2) }
            pair.settle()
            let refused = "refused: it refused our new address by UNEXPECTED_NAT_DETECTED"
            #expect(after(pair, .initiator, 3) == ["move to 4501-4500", refused])
            #expect(after(pair, .responder, 2).count == 1)
            #expect(pair.initiator.isEstablished && pair.responder.isEstablished)
        }
    }

    @Test func anAddressMayBeUnacceptable() throws {
        var near = Self.trusting
        near.allowed = [AddressRange("10.0.0.0/24")!]
        var pair = try Self.pair(MobilityPolicy(), near)
        pair.command(.initiator) { $0.moved(to: Self.elsewhere, at: $1, using: &$2) }
        pair.settle()
        #expect(
            after(pair, .initiator, 3).last == "refused: it refused our new address by UNACCEPTABLE_ADDRESSES")
        let words = "refused: UNACCEPTABLE_ADDRESSES: it went to 10.9.9.9:4500, where the policy does not have it"
        #expect(after(pair, .responder, 2) == [words])
    }

    @Test func notEveryoneMoves() throws {
        let words = "refused: it speaks no MOBIKE, or it is the end that would move: our new address cannot be told"
        var pair = try Self.pair(MobilityPolicy(), MobilityPolicy())
        pair.command(.responder) { $0.moved(to: Self.elsewhere, at: $1, using: &$2) }
        #expect(after(pair, .responder, 2) == [words])
        pair = try Self.pair(MobilityPolicy(), nil)
        pair.command(.initiator) { $0.moved(to: Self.elsewhere, at: $1, using: &$2) }
        #expect(after(pair, .initiator, 3) == [words])
    }

    /// Addresses, and what looks like one.
    @Test func furtherAddressesHaveABound() {
        var mobility = Mobility(isAgreed: true, isInitiator: false)
        let addresses = (0..<40).map { IKEPayload.notify(NotifyPayload(.additionalIPv4Address, data: [10, 0, 0, $0])) }
        mobility.noteAddresses(addresses)
        #expect(mobility.peerAddresses.count == Mobility.maximumAddresses)
        mobility.noteAddresses([.notify(NotifyPayload(.cookie2))])
        #expect(mobility.peerAddresses.first == IPAddress("10.0.0.0"))
        mobility.noteAddresses([
            .notify(NotifyPayload(.additionalIPv6Address, data: [0x20, 1] + [UInt8](repeating: 0, count: 13) + [1])),
            .notify(NotifyPayload(.additionalIPv6Address, data: [1])),
            .notify(
                NotifyPayload(
                    .additionalIPv6Address, data: [UInt8](repeating: 0, count: 10) + [255, 255, 1, 2, 3, 4])),
        ])
        #expect(mobility.peerAddresses == [IPAddress("2001::1")!])
        mobility.noteAddresses([.notify(NotifyPayload(.noAdditionalAddresses))])
        #expect(mobility.peerAddresses.isEmpty)
    }

    /// Moves, rekeys and probes through loss; at rest both ends are where the last move led.
    @Test func movesAndRekeysInBadWeather() throws {
        var whole = 0
        for seed in UInt64(1)...60 {
            var pair = try Self.pair(
                MobilityPolicy(), seed % 2 == 0 ? Self.trusting : MobilityPolicy(), seed: seed)
            pair.weather = SessionPair.Weather(lost: 150, doubled: 200, delay: 2_000_000_000)
            var last = Self.elsewhere
            for step in UInt8(1)...6 {
                last.local.address = IPAddress(v4: 0x0A09_0900 + UInt32(step))
                pair.command(.initiator) { $0.moved(to: last, at: $1, using: &$2) }
                if step % 2 == 0 { pair.command(.responder) { $0.rekey(at: $1, using: &$2) } }
                if step % 3 == 0, let child = pair.children(.initiator).first {
                    pair.command(.initiator) { $0.rekeyChild(child, at: $1, using: &$2) }
                }
                pair.run(until: pair.now + pair.random.next() % 4_000_000_000)
            }
            pair.run()
            guard pair.initiator.isEstablished, pair.responder.isEstablished else { continue }
            whole += 1
            #expect(path(pair.initiator) == last, "seed \(seed)")
            #expect(path(pair.responder) == Path(local: last.remote, remote: last.local), "seed \(seed)")
            #expect(pair.disagreements == [], "seed \(seed)")
            for child in pair.shells[.responder]!.installed.values {
                #expect(child.outbound.destination == last.local.address, "seed \(seed)")
            }
            for child in pair.shells[.initiator]!.installed.values {
                #expect(child.outbound.source == last.local.address, "seed \(seed)")
            }
        }
        #expect(whole > 50, "\(whole)")
    }
}
