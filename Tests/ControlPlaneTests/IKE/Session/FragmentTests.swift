import Associations
import Testing
import Wire

@testable import ControlPlane

/// Messages longer than a datagram (RFC 7383).
@Suite struct FragmentTests {
    private static let here = Path(local: SessionPair.initiatorAddress, remote: SessionPair.responderAddress)
    private static let there = Path(local: SessionPair.responderAddress, remote: SessionPair.initiatorAddress)

    /// 100 networks make an IKE_AUTH of a few kilobytes.
    private static let networks = (0..<100).map { "10.1.\($0).0/25" }

    private static func policies(
        _ initiatorBytes: Int? = 576, _ responderBytes: Int? = 576, proposal: String = "aes128gcm16-prfsha256-x25519"
    ) throws -> (initiator: SessionPolicy, responder: SessionPolicy) {
        var initiator = try SessionPolicy.sample(.initiator, proposals: [proposal], local: networks)
        var responder = try SessionPolicy.sample(.responder, proposals: [proposal])
        initiator.datagramByteCount = initiatorBytes
        responder.datagramByteCount = responderBytes
        return (initiator, responder)
    }

    private static func pair(
        _ initiatorBytes: Int? = 576, _ responderBytes: Int? = 576, seed: UInt64 = 1,
        proposal: String = "aes128gcm16-prfsha256-x25519"
    ) throws -> SessionPair {
        let (initiator, responder) = try policies(initiatorBytes, responderBytes, proposal: proposal)
        return SessionPair(initiator, responder, seed: seed)
    }

    /// A responder that waits for IKE_AUTH, and the fragments of it.
    private static func waiting(
        _ random: inout SeededGenerator
    ) throws -> (initiator: Session, responder: Session, fragments: [[UInt8]]) {
        let policies = try policies()
        var initiator = Session(policies.initiator)
        var responder = Session(policies.responder)
        let request = datagrams(initiator.start(here, at: 0, using: &random))
        let response = datagrams(responder.receive(request[0], over: there, at: 0, using: &random))
        let fragments = datagrams(initiator.receive(response[0], over: here, at: 0, using: &random))
        #expect(fragments.count > 3)
        return (initiator, responder, fragments)
    }

    private static func datagrams(_ actions: [Session.Action]) -> [[UInt8]] {
        actions.compactMap { if case .send(let bytes, _) = $0 { bytes } else { nil } }
    }

    private static func events(_ actions: [Session.Action]) -> [Session.Event] {
        actions.compactMap { if case .count(let event) = $0 { event } else { nil } }
    }

    @Test(arguments: [
        "aes128gcm16-prfsha256-x25519", "aes256-sha512-x25519", "chacha20poly1305-prfsha384-x25519",
    ])
    func aLongMessageGoesInDatagramsOfTheSizeAsked(_ proposal: String) throws {
        var pair = try Self.pair(576, 1280, proposal: proposal)
        pair.start()
        pair.settle()
        #expect(pair.story(.initiator) == ["established", "install"])
        #expect(pair.story(.responder) == ["established", "install"])
        let own = pair.sent[.initiator]!.dropFirst()
        #expect(own.count > 3 && own.allSatisfy { $0.count <= 576 - 52 })
        // No byte of room is left but what a block cipher cannot use.
        #expect(own.dropLast().allSatisfy { $0.count > 576 - 52 - 16 })
        #expect(pair.sent[.responder]!.dropFirst().allSatisfy { $0.count <= 1280 - 52 })
        #expect(Set(pair.sent[.initiator]!).count == pair.sent[.initiator]!.count)
    }

    @Test(arguments: [(576, nil), (nil, 576), (nil, nil)] as [(Int?, Int?)])
    func itGoesWholeUnlessBothKnowFragments(_ initiator: Int?, _ responder: Int?) throws {
        var pair = try Self.pair(initiator, responder)
        pair.start()
        pair.settle()
        #expect(pair.story(.initiator) == ["established", "install"])
        #expect(pair.sent[.initiator]?.count == 2)
        let answer = try IKEMessage(try #require(pair.sent[.responder]?.first))
        #expect(answer.payloads.notification(.ikev2FragmentationSupported) == nil)
    }

    @Test func theFirstExchangeIsNeverFragmented() throws {
        var initiator = try SessionPolicy.sample(
            .initiator, proposals: Array(repeating: "aes128gcm16-prfsha256-x25519", count: 32))
        initiator.datagramByteCount = 576
        var pair = SessionPair(initiator, try .sample(.responder))
        pair.start()
        pair.settle()
        #expect(pair.sent[.initiator]![0].count > 1200)
        #expect(pair.story(.initiator) == ["established", "install"])
    }

    @Test func anyOrderDoes() throws {
        for seed in UInt64(1)...50 {
            var random = SeededGenerator(seed: seed)
            var (_, responder, fragments) = try Self.waiting(&random)
            // Each twice, in any order.
            fragments = (fragments + fragments).shuffled(using: &random)
            var all: [Session.Action] = []
            for fragment in fragments {
                all += responder.receive(fragment, over: Self.there, at: 0, using: &random)
            }
            #expect(all.compactMap(\.event) == ["established", "install"], "seed \(seed)")
            #expect(responder.isEstablished)
            #expect(!Self.events(all).contains(.unauthentic))
        }
    }

    @Test func lossDuplicationAndDelayHaveANamedEnd() throws {
        var established = 0
        for seed in UInt64(1)...100 {
            var pair = try Self.pair(seed: seed)
            pair.weather = SessionPair.Weather(lost: 100, doubled: 200, delay: 3_000_000_000, garbled: 50)
            pair.start()
            pair.run()
            let hasFailed = pair.story(.initiator).last?.hasPrefix("failed: ") == true
            #expect(pair.initiator.isEstablished || hasFailed, "seed \(seed)")
            guard pair.initiator.isEstablished else { continue }
            established += 1
            #expect(pair.responder.isEstablished, "seed \(seed)")
            #expect(pair.story(.responder) == ["established", "install"], "seed \(seed)")
        }
        // A garbled answer of IKE_SA_INIT ends an attempt.
        #expect(established > 70, "\(established)")
    }

    /// One bit of each byte of a fragment, and each of its beginnings, before any and when only one is missing.
    @Test func unverifiedFragmentsChangeNothing() throws {
        var random = SeededGenerator(seed: 3)
        var (_, responder, fragments) = try Self.waiting(&random)
        func expectNothing(of fragment: [UInt8]) {
            let before = contents(of: responder)
            for index in fragment.indices {
                var garbled = fragment
                garbled[index] ^= UInt8(1 << (index % 8))
                let actions = responder.receive(garbled, over: Self.there, at: 0, using: &random)
                #expect(actions.count == 1 && Self.events(actions).count == 1, "byte \(index)")
                _ = responder.receive(Array(fragment.prefix(index)), over: Self.there, at: 0, using: &random)
            }
            #expect(contents(of: responder) == before)
        }
        expectNothing(of: fragments[1])
        for fragment in fragments.dropLast() {
            let actions = responder.receive(fragment, over: Self.there, at: 0, using: &random)
            #expect(Self.events(actions) == [.fragmentKept])
        }
        expectNothing(of: fragments.last!)
        expectNothing(of: fragments[0])
        let end = responder.receive(fragments.last!, over: Self.there, at: 0, using: &random)
        #expect(end.compactMap(\.event) == ["established", "install"])
    }

    /// A peer that tries shorter fragments: more of them take the place of fewer, and not the other way round.
    @Test func aLargerTotalReplacesASmallerOne() throws {
        var random = SeededGenerator(seed: 4)
        var (initiator, responder, fragments) = try Self.waiting(&random)
        guard case .authSent(let sent) = initiator.state else { return }
        // What the initiator sealed, sealed again for a narrower way.
        var channel = sent.agreed.channel
        let parts = try fragments.map { try #require(IKEMessage($0).payloads.encryptedFragment) }
        let whole = try fragments.enumerated().flatMap { index, fragment in
            let message = try IKEMessage(fragment)
            return try #require(
                channel.keys.protection(of: .initiator).open(
                    fragment[message.sealedOffset!...], associatedData: fragment[..<message.sealedOffset!]))
        }
        let payloads = try IKEPayload.innerChain(parts[0].first, whole)
        channel = SealedChannel(
            initiatorSPI: channel.initiatorSPI, responderSPI: channel.responderSPI, role: .initiator,
            keys: channel.keys,
            fragmentLimit: 300)
        let shorter = channel.seal(payloads, .ikeAuth, messageID: 1, isResponse: false)
        #expect(shorter.count > fragments.count)

        func give(_ fragment: [UInt8]) -> [Session.Event] {
            Self.events(responder.receive(fragment, over: Self.there, at: 0, using: &random))
        }
        for fragment in fragments.dropLast() { #expect(give(fragment) == [.fragmentKept]) }
        #expect(give(shorter[0]) == [.fragmentKept])
        let before = contents(of: responder)
        #expect(give(fragments.last!) == [.stale])
        #expect(contents(of: responder) == before)
        for fragment in shorter.dropFirst().dropLast() { #expect(give(fragment) == [.fragmentKept]) }
        let end = responder.receive(shorter.last!, over: Self.there, at: 0, using: &random)
        #expect(end.compactMap(\.event) == ["established", "install"])

        // Answered: asked again by the first fragment only, in whatever pieces.
        let established = contents(of: responder)
        for first in [fragments[0], shorter[0]] {
            let again = responder.receive(first, over: Self.there, at: 0, using: &random)
            #expect(Self.events(again) == [.answerRepeated])
            #expect(Self.datagrams(again) == Self.datagrams(end))
        }
        for other in fragments.dropFirst() + shorter.dropFirst() { #expect(give(other) == [.stale]) }
        var garbled = shorter[0]
        garbled[garbled.count - 1] ^= 1
        #expect(give(garbled) == [.stale])
        #expect(contents(of: responder) == established)
        initiator = Session(initiator.policy)
    }

    /// Fragments that the peer sealed, of a message that would be longer than any.
    @Test func fragmentsHaveABound() throws {
        var random = SeededGenerator(seed: 5)
        var (initiator, responder, fragments) = try Self.waiting(&random)
        let keys = try #require(initiator.channel).keys
        let protection = keys.protection(of: .initiator)
        var header = try #require(IKEHeader(fragments[0]))
        header.messageID = 1
        var kept = 0
        for number in UInt16(1)...70 {
            let plaintext = [UInt8](repeating: 7, count: 1000)
            let room = [UInt8](repeating: 0, count: keys.protection.bodyByteCount(plaintext: plaintext.count))
            let message = IKEMessage(
                header,
                [
                    .encryptedFragment(
                        EncryptedFragmentPayload(number: number, of: 128, first: .vendorID, sealed: room))
                ])
            let data = Array(message.bytes.dropLast(room.count))
            let bytes = data + protection.seal(plaintext, associatedData: data, number: UInt64(number) + 1000)
            let events = Self.events(responder.receive(bytes, over: Self.there, at: 0, using: &random))
            if events == [.fragmentKept] { kept += 1 } else { #expect(events == [.fragmentsTooLong]) }
        }
        #expect(kept == 65)
        // A message in one piece is not hindered.
        guard case .authSent(let sent) = initiator.state else { return }
        var channel = SealedChannel(
            initiatorSPI: header.initiatorSPI, responderSPI: header.responderSPI, role: .initiator, keys: keys)
        let whole = channel.seal(
            try AuthExchange.request(sent.agreed, initiator.policy, sent.childSPI), .ikeAuth, messageID: 1,
            isResponse: false)
        let end = responder.receive(whole[0], over: Self.there, at: 0, using: &random)
        #expect(end.compactMap(\.event) == ["established", "install"])
        initiator = Session(initiator.policy)
        fragments = []
    }

    @Test func fragmentsThatWereNotAgreedAreNotTaken() throws {
        var random = SeededGenerator(seed: 6)
        var policies = try Self.policies()
        policies.responder.datagramByteCount = nil
        var initiator = Session(policies.initiator)
        var responder = Session(policies.responder)
        let request = Self.datagrams(initiator.start(Self.here, at: 0, using: &random))
        let response = Self.datagrams(responder.receive(request[0], over: Self.there, at: 0, using: &random))
        _ = initiator.receive(response[0], over: Self.here, at: 0, using: &random)
        let channel = try #require(initiator.channel)
        var other = SealedChannel(
            initiatorSPI: channel.initiatorSPI, responderSPI: channel.responderSPI, role: .initiator,
            keys: channel.keys,
            fragmentLimit: 300)
        let before = contents(of: responder)
        let payload = IKEPayload.vendorID([UInt8](repeating: 1, count: 500))
        for fragment in other.seal([payload], .ikeAuth, messageID: 1, isResponse: false) {
            let actions = responder.receive(fragment, over: Self.there, at: 0, using: &random)
            #expect(Self.events(actions) == [.unexpected])
        }
        #expect(contents(of: responder) == before)
    }
}
