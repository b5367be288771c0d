import Associations
import Testing
import Wire

@testable import ControlPlane

/// Further key exchanges before IKE_AUTH (RFC 9242, RFC 9370).
@Suite struct IntermediateTests {
    static let hybrid = "aes256gcm16-prfsha384-x25519-ke1_mlkem768"

    private func pair(_ initiator: String, _ responder: String, seed: UInt64 = 1) throws -> SessionPair {
        SessionPair(
            try .sample(.initiator, proposals: [initiator]), try .sample(.responder, proposals: [responder]), seed: seed
        )
    }

    /// The exchanges and message IDs of what an end sent, fragments once.
    private func exchanges(_ pair: SessionPair, _ end: SessionPair.End) -> [String] {
        var told: [String] = []
        for bytes in pair.sent[end]! {
            guard let header = IKEHeader(bytes) else { continue }
            let one = "\(header.exchange) \(header.messageID)"
            if told.last != one { told.append(one) }
        }
        return told
    }

    private func expectMirrored(_ pair: SessionPair, sourceLocation: SourceLocation = #_sourceLocation) {
        guard let mine = pair.installed(.initiator).first, let theirs = pair.installed(.responder).first else {
            Issue.record("not installed", sourceLocation: sourceLocation)
            return
        }
        #expect(mine.outbound.key.matches(theirs.inbound.key), sourceLocation: sourceLocation)
        #expect(theirs.outbound.key.matches(mine.inbound.key), sourceLocation: sourceLocation)
    }

    @Test func aHybridMakesAnSA() throws {
        var pair = try pair(Self.hybrid, Self.hybrid)
        pair.start()
        pair.settle()
        let both = ["IKE_SA_INIT 0", "IKE_INTERMEDIATE 1", "IKE_AUTH 2"]
        #expect(exchanges(pair, .initiator) == both)
        #expect(exchanges(pair, .responder) == both)
        #expect(pair.story(.initiator) == ["established", "install"])
        #expect(pair.story(.responder) == ["established", "install"])
        // The encapsulation key of 1184 bytes does not fit in one datagram.
        #expect(pair.sent[.initiator]!.count == 4)
        #expect(pair.sent.values.joined().allSatisfy { $0.count <= 1280 - 52 })
        expectMirrored(pair)
        pair.carry(pair.initiator.probe(at: pair.now), of: .initiator)
        pair.carry(pair.responder.probe(at: pair.now), of: .responder)
        pair.settle()
        #expect(pair.initiator.deadline == nil && pair.responder.deadline == nil)
    }

    @Test func severalRoundsAreMadeInTheirOrder() throws {
        let proposal = "aes128gcm16-prfsha256-x25519-ke1_ecp256-ke3_mlkem768-ke7_modp2048"
        var pair = try pair(proposal, proposal)
        pair.hasNAT = true
        pair.start()
        pair.settle()
        #expect(
            exchanges(pair, .initiator) == [
                "IKE_SA_INIT 0", "IKE_INTERMEDIATE 1", "IKE_INTERMEDIATE 2", "IKE_INTERMEDIATE 3", "IKE_AUTH 4",
            ])
        #expect(pair.story(.initiator) == ["move to 4500-4500", "established", "install"])
        expectMirrored(pair)
    }

    @Test func mlkemMayBeTheOnlyOne() throws {
        let proposal = "aes128gcm16-prfsha256-mlkem768"
        var pair = try pair(proposal, proposal)
        pair.start()
        pair.settle()
        #expect(exchanges(pair, .initiator) == ["IKE_SA_INIT 0", "IKE_AUTH 1"])
        expectMirrored(pair)
    }

    @Test(arguments: [
        ("aes256gcm16-prfsha384-x25519-ke1_mlkem768-ke1_none", "aes256gcm16-prfsha384-x25519"),
        ("aes256gcm16-prfsha384-x25519", "aes256gcm16-prfsha384-x25519-ke1_mlkem768-ke1_none"),
    ])
    func noneIsAChoice(_ initiator: String, _ responder: String) throws {
        var pair = try pair(initiator, responder)
        pair.start()
        pair.settle()
        #expect(exchanges(pair, .initiator) == ["IKE_SA_INIT 0", "IKE_AUTH 1"])
        expectMirrored(pair)
    }

    @Test(arguments: [
        (hybrid, "aes256gcm16-prfsha384-x25519"), ("aes256gcm16-prfsha384-x25519", hybrid),
        (hybrid, "aes256gcm16-prfsha384-x25519-ke1_ecp256"),
        // No method twice (RFC 9370 §2.2.2).
        ("aes128gcm16-prfsha256-x25519-ke1_x25519", "aes128gcm16-prfsha256-x25519-ke1_x25519"),
    ])
    func whatIsAskedForIsNotLeftOut(_ initiator: String, _ responder: String) throws {
        var pair = try pair(initiator, responder)
        pair.start()
        pair.settle()
        #expect(pair.story(.initiator).first?.hasPrefix("failed: NO_PROPOSAL_CHOSEN") == true)
    }

    /// An initiator that offers rounds without INTERMEDIATE_EXCHANGE_SUPPORTED is understood as RFC 9370 §2.2.1 has it.
    @Test func withoutTheNotificationThereIsNone() throws {
        let proposals = try ["ke1_mlkem768-ke1_none", "ke1_mlkem768"].map {
            try Proposal(named: "aes256gcm16-prfsha384-x25519-\($0)", .ike)
        }
        #expect(proposals[0].withoutAdditionalKeyExchanges.name == "aes256gcm16-prfsha384-x25519-ke1_none")
        #expect(ProposalChoice.choose(from: [proposals[1].withoutAdditionalKeyExchanges], by: proposals) == nil)
    }

    @Test func lossDuplicationAndDelayHaveANamedEnd() throws {
        var established = 0
        for seed in UInt64(1)...60 {
            var pair = try pair(Self.hybrid, Self.hybrid, seed: seed)
            pair.weather = SessionPair.Weather(lost: 150, doubled: 200, delay: 3_000_000_000, garbled: 20)
            pair.start()
            pair.run()
            let hasFailed = pair.story(.initiator).last?.hasPrefix("failed: ") == true
            #expect(pair.initiator.isEstablished || hasFailed, "seed \(seed)")
            guard pair.initiator.isEstablished else { continue }
            established += 1
            #expect(pair.responder.isEstablished, "seed \(seed)")
            expectMirrored(pair)
        }
        #expect(established > 45, "\(established)")
    }

    /// However a message was cut, AUTH vouches for the same bytes.
    @Test func theClearFormDoesNotDependOnFragments() throws {
        var random = SeededGenerator(seed: 7)
        let keys = IKEKeys(
            skeyseed: random.secret(byteCount: 32), prf: .prfsha256,
            protection: try #require(ProtectionAlgorithm(.aes128, .sha256)),
            seed: IKESeed(initiatorNonce: [1], responderNonce: [2], initiatorSPI: 3, responderSPI: 4))
        let payloads: [IKEPayload] = [
            .keyExchange(KeyExchangePayload(.mlKEM768, data: [UInt8](repeating: 5, count: 1184))),
            .notify(NotifyPayload(.usePPK)),
        ]
        var forms: Set<[UInt8]> = []
        for limit in [nil, 300, 500, 1300] {
            func channel(_ role: IKERole) -> SealedChannel {
                SealedChannel(
                    initiatorSPI: IKESPI(rawValue: 3), responderSPI: IKESPI(rawValue: 4), role: role, keys: keys,
                    fragmentLimit: limit)
            }
            var sender = channel(.initiator)
            var receiver = channel(.responder)
            let datagrams = sender.seal(payloads, .ikeIntermediate, messageID: 1, isResponse: false)
            forms.insert(OpenedMessage(payloads, in: datagrams).clearForm)
            let path = Path(local: SessionPair.responderAddress, remote: SessionPair.initiatorAddress)
            for datagram in datagrams.reversed() {
                let message = try IKEMessage(datagram)
                let arrival = Arrival(message: message, datagram: datagram, path: path, now: 0)
                if case .message(let opened) = receiver.open(arrival) { forms.insert(opened.clearForm) }
            }
        }
        #expect(forms.count == 1)
        let form = try #require(forms.first)
        // A header, an SK header, and the payloads in clear; every length is that of this form.
        let header = try #require(IKEHeader(form))
        #expect(Int(header.length) == form.count && header.nextPayload == .encrypted)
        #expect(form[28...].prefix(2) == [PayloadType.keyExchange.rawValue, 0])
        #expect(Int(form[30]) << 8 | Int(form[31]) == form.count - 28)
        #expect(Array(form[32...]) == IKEPayload.bytes(ofChain: payloads))
    }

    // MARK: A responder before and after the round

    private static let here = Path(local: SessionPair.initiatorAddress, remote: SessionPair.responderAddress)
    private static let there = Path(local: SessionPair.responderAddress, remote: SessionPair.initiatorAddress)

    private func datagrams(_ actions: [Session.Action]) -> [[UInt8]] {
        actions.compactMap { if case .send(let bytes, _) = $0 { bytes } else { nil } }
    }

    /// Gives each datagram to a session; all that it did.
    private func give(
        _ datagrams: [[UInt8]], _ session: inout Session, _ path: Path, _ random: inout SeededGenerator
    ) -> [Session.Action] {
        datagrams.flatMap { session.receive($0, over: path, at: 0, using: &random) }
    }

    @Test func bothEndsVouchForTheRounds() throws {
        for tampered in [IKERole.initiator, .responder] {
            var random = SeededGenerator(seed: 8)
            var initiator = Session(try .sample(.initiator, proposals: [Self.hybrid]))
            var responder = Session(try .sample(.responder, proposals: [Self.hybrid]))
            let request = datagrams(initiator.start(Self.here, at: 0, using: &random))
            let response = datagrams(give(request, &responder, Self.there, &random))
            let round = datagrams(give(response, &initiator, Self.here, &random))
            let answer = datagrams(give(round, &responder, Self.there, &random))
            var auth = datagrams(give(answer, &initiator, Self.here, &random))
            // As if one end had seen other messages than the other.
            switch tampered {
            case .initiator:
                guard case .initAnswered(var answered) = responder.state else { return }
                answered.agreed.intermediateCode = IntermediateCode()
                responder.state = .initAnswered(answered)
                let end = give(auth, &responder, Self.there, &random).compactMap(\.event)
                #expect(end.count == 1 && end[0].hasPrefix("failed: AUTHENTICATION_FAILED"))
            case .responder:
                auth = datagrams(give(auth, &responder, Self.there, &random))
                guard case .authSent(var sent) = initiator.state else { return }
                sent.agreed.intermediateCode = IntermediateCode()
                initiator.state = .authSent(sent)
                let end = give(auth, &initiator, Self.here, &random).compactMap(\.event)
                #expect(end.count == 1 && end[0].hasPrefix("failed: AUTHENTICATION_FAILED"))
            }
        }
    }

    /// IKE_AUTH does not come before the round, and what fits the round but not the method ends the attempt.
    @Test func theRoundIsNotPassedOver() throws {
        var random = SeededGenerator(seed: 9)
        var initiator = Session(try .sample(.initiator, proposals: [Self.hybrid]))
        var responder = Session(try .sample(.responder, proposals: [Self.hybrid]))
        let request = datagrams(initiator.start(Self.here, at: 0, using: &random))
        let response = datagrams(give(request, &responder, Self.there, &random))
        _ = give(response, &initiator, Self.here, &random)
        guard case .intermediateSent(let sent) = initiator.state else {
            Issue.record("no round")
            return
        }
        var channel = sent.agreed.channel
        let before = contents(of: responder)
        let early = channel.seal([.vendorID([1])], .ikeAuth, messageID: 1, isResponse: false)
        let actions = give(early, &responder, Self.there, &random)
        #expect(actions.count == 1)
        guard case .count(.unexpected) = actions.first else { return }
        #expect(contents(of: responder) == before)

        let other = KeyExchange(.ecp256, using: &random).payload
        let wrong = channel.seal([.keyExchange(other)], .ikeIntermediate, messageID: 1, isResponse: false)
        let refused = give(wrong, &responder, Self.there, &random)
        #expect(
            refused.compactMap(\.event) == ["failed: its IKE_INTERMEDIATE does not fit what was agreed"])
        let end = give(datagrams(refused), &initiator, Self.here, &random)
        #expect(end.compactMap(\.event) == ["failed: it refused IKE_INTERMEDIATE by INVALID_SYNTAX"])
    }
}
