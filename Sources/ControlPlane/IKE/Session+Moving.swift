internal import Associations
internal import Wire

/// Ends that change their addresses: unasked behind a NAT (RFC 7296 §2.23), or by MOBIKE (RFC 4555).
extension Session {
    /// We are elsewhere, or reach the peer elsewhere: the IKE SA and its Child SAs follow (RFC 4555 §3.5). To be asked of
    /// who began the session; `refused(.immobile)` of the other end, and without MOBIKE.
    public mutating func moved(
        to path: Path, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        guard case .established(var established) = state, established.closing == .no, path != established.path else {
            return []
        }
        guard established.mobility.isAgreed, established.mobility.isInitiator else { return [.refused(.immobile)] }
        var actions = established.move(to: path)
        // What is under way goes on over the new path, and does not wait for it to be agreed.
        actions += established.associations.flatMap { $0.request?.sends ?? [] }
        established.enqueueFirst(.updateAddresses)
        state = .established(established)
        return actions + proceed(at: now, using: &random)
    }

    /// A verified ESP packet of the peer's, the newest of its SA, came from there: if a NAT is before the peer alone, it is
    /// where the peer is now (RFC 7296 §2.23), and IKE and ESP have one port there (RFC 3948 §2.1). With MOBIKE the
    /// peer says so itself (RFC 4555 §3.8). Empty where the peer is not followed.
    public mutating func sighted(at remote: SocketAddress) -> [Action] {
        guard case .established(var established) = state, established.closing == .no else { return [] }
        let actions = established.follow(Path(local: established.path.local, remote: remote))
        state = .established(established)
        return actions
    }

    func askToUpdate(_ established: inout Established, at now: UInt64) -> [Action] {
        var payloads: [IKEPayload] = [.notify(NotifyPayload(.updateSAAddresses))]
        if policy.mobility?.forbidsNAT == true {
            payloads.append(.notify(NotifyPayload(.noNATsAllowed, data: UntranslatedPath.data(established.path))))
        } else {
            payloads += established.natDetection(established.path)
        }
        return ask(&established, .updateAddresses(established.path), payloads, .informational, at: now)
    }

    /// The peer's answer to our update. nil payloads could not be read.
    func concludeUpdate(
        _ established: inout Established, _ path: Path, _ payloads: [IKEPayload]?, _ arrival: Arrival
    ) -> [Action] {
        // Since then we have moved on, and another update waits.
        guard path == established.path else { return [] }
        guard let payloads else { return [.refused(.movePeerRefuses(.invalidSyntax))] }
        if let error = payloads.notifications.first(where: \.type.isError) {
            return [.refused(.movePeerRefuses(error.type))]
        }
        established.mobility.noteAddresses(payloads)
        established.mobility.seenAs = payloads.notification(.natDetectionDestinationIP)?.data
        established.nat = NATFinding(payloads, header: arrival.header, path: arrival.path)
        return established.relocations
    }

    /// What an INFORMATIONAL request of the peer says of addresses, beside what else it says.
    func takeAddresses(
        _ established: inout Established, _ payloads: [IKEPayload], _ arrival: Arrival, _ reply: inout Reply
    ) {
        guard established.mobility.isAgreed, let mobility = policy.mobility else { return }
        established.mobility.noteAddresses(payloads)
        if payloads.notification(.updateSAAddresses) != nil, !established.mobility.isInitiator {
            if let refusal = takeMove(&established, mobility, payloads, arrival, &reply) {
                reply.payloads.append(.notify(NotifyPayload(refusal)))
            }
        }
        if payloads.notification(.natDetectionSourceIP) != nil {
            reply.payloads += established.natDetection(arrival.path)
        }
        if let cookie = payloads.notification(.cookie2), (8...64).contains(cookie.data.count) {
            reply.payloads.append(.notify(NotifyPayload(.cookie2, data: cookie.data)))
        }
    }

    /// nil when the peer may be where it says to be.
    private func takeMove(
        _ established: inout Established, _ mobility: MobilityPolicy, _ payloads: [IKEPayload], _ arrival: Arrival,
        _ reply: inout Reply
    ) -> NotifyType? {
        if let told = payloads.notification(.noNATsAllowed), !UntranslatedPath.matches(told.data, arrival.path) {
            reply.before.append(.refused(.natForbidden(arrival.path.remote)))
            return .unexpectedNATDetected
        }
        let finding = NATFinding(payloads, header: arrival.header, path: arrival.path)
        if mobility.forbidsNAT && finding.isFound {
            reply.before.append(.refused(.natForbidden(arrival.path.remote)))
            return .unexpectedNATDetected
        }
        guard mobility.allows(arrival.path.remote.address) else {
            reply.before.append(.refused(.address(arrival.path.remote)))
            return .unacceptableAddresses
        }
        let isElsewhere = arrival.path.remote.address != established.path.remote.address
        established.nat = finding
        if arrival.path != established.path { reply.before += established.move(to: arrival.path) }
        // Our traffic follows when the peer has shown to be there, which anybody could have said under its keys' old use.
        if mobility.checksRoutability && isElsewhere {
            established.enqueueFirst(.checkRoute)
        } else if !established.isBeingChecked {
            reply.after += established.relocations
        }
        return nil
    }

    /// COOKIE2 (RFC 4555 §3.7), to be answered from the new address.
    func askForRoute(
        _ established: inout Established, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        let cookie = random.bytes(16)
        return ask(
            &established, .checkRoute(established.path, cookie: cookie),
            [.notify(NotifyPayload(.cookie2, data: cookie))], .informational, at: now)
    }

    func concludeRoute(
        _ established: inout Established, _ path: Path, _ cookie: [UInt8], _ payloads: [IKEPayload]?
    ) -> [Action] {
        guard let told = payloads?.notification(.cookie2)?.data, isSame(told, cookie) else {
            // RFC 4555 §3.7: the IKE SA is closed.
            if established.closing == .no { established.closing = .wished }
            return [.refused(.routability(path.remote))]
        }
        return path == established.path ? established.relocations : []
    }

    /// Of who moves and has a NAT before it: whether the NAT still maps it to the same address (RFC 4555 §3.8).
    func probing(_ established: Established) -> [IKEPayload] {
        guard established.mobility.isAgreed, established.mobility.isInitiator, established.nat.isBeforeUs else {
            return []
        }
        return established.natDetection(established.path)
    }

    func concludeProbe(_ established: inout Established, _ payloads: [IKEPayload]?) {
        guard established.mobility.isAgreed, established.mobility.isInitiator,
            let seenAs = payloads?.notification(.natDetectionDestinationIP)?.data
        else { return }
        if let before = established.mobility.seenAs, before != seenAs { established.enqueueFirst(.updateAddresses) }
        established.mobility.seenAs = seenAs
    }

    /// ESP has gone the same way: the NAT has not forgotten it (RFC 3948 §4).
    func putOffKeepAlive(_ established: inout Established, at now: UInt64) {
        guard let interval = policy.timing.keepAlive, established.mobility.keepAliveAt != nil else { return }
        established.mobility.keepAliveAt = now + interval
    }

    /// A NAT before us forgets a way that is not used (RFC 3948 §4). IKE's own messages are not looked at: they are rare.
    func keepAlive(_ established: inout Established, at now: UInt64) -> [Action] {
        guard let interval = policy.timing.keepAlive, established.nat.isBeforeUs else {
            established.mobility.keepAliveAt = nil
            return []
        }
        let dueAt = established.mobility.keepAliveAt ?? now + interval
        established.mobility.keepAliveAt = now >= dueAt ? now + interval : dueAt
        return now >= dueAt ? [.keepAlive(established.path)] : []
    }
}
