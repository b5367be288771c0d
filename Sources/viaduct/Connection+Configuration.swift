import Associations
import Configuration
import ControlPlane
import Credentials
import Wire

/// What is offered and taken when the file does not say: the algorithms that RFC 8247 and RFC 8221 recommend, the
/// strongest first.
enum DefaultProposals {
    static let ike = [
        "aes256gcm16-aes128gcm16-chacha20poly1305-prfsha384-prfsha256-x25519-ecp384-ecp256",
        "aes256-aes128-sha384-sha256-prfsha384-prfsha256-x25519-ecp384-ecp256-modp3072-modp2048",
    ]
    /// With and without a key exchange of the Child SA's own, and with ESN or without, as the peer likes it; AES-CBC for
    /// peers without AES-GCM.
    static let child = [
        "aes256gcm16-aes128gcm16-x25519-ecp384-ecp256-esn-noesn", "aes256gcm16-aes128gcm16-esn-noesn",
        "aes256-aes128-sha256-x25519-ecp384-ecp256-esn-noesn", "aes256-aes128-sha256-esn-noesn",
    ]
}

extension ClusterConfiguration {
    /// The connections as IKE takes them, and who judges the certificates of their peers. Throws at the connection's line
    /// for what only IKE understands.
    func ikeConnections() throws(ConfigurationFailure) -> (connections: [Connection], judges: CertificateJudges) {
        var connections: [Connection] = []
        var judges = CertificateJudges()
        for settings in ike?.connections ?? [] {
            let policy = try policy(settings, &judges)
            var connection = Connection(
                policy, local: settings.local ?? (settings.isInitiator ? ike?.listen.first : nil),
                remote: settings.remote, isInitiator: settings.isInitiator,
                ownReplayWindow: settings.child.replayWindow)
            connection.perTarget = settings.child.isPerTarget
            connections.append(connection)
        }
        return (connections, judges)
    }

    private func policy(
        _ settings: IKEConnection, _ judges: inout CertificateJudges
    ) throws(ConfigurationFailure) -> SessionPolicy {
        let authentication: AuthenticationPolicy
        do {
            authentication = try AuthenticationPolicy(settings, &judges)
        } catch {
            throw failure(of: settings, problem: "\(error.source): \(error.problem)", remedy: "\(error.remedy).")
        }
        let child = settings.child
        var policy: SessionPolicy
        do {
            policy = try SessionPolicy(
                name: settings.name, proposals: settings.proposals.isEmpty ? DefaultProposals.ike : settings.proposals,
                childProposals: child.proposals.isEmpty ? DefaultProposals.child : child.proposals,
                localID: IdentificationPayload(named: settings.localID),
                remoteID: settings.remoteID.map(PeerIdentity.init(named:)) ?? .any, authentication: authentication,
                selectors: child.selectors, mode: child.mode, replayWindow: child.peerReplayWindow)
        } catch {
            throw failure(of: settings, problem: error.problem, remedy: error.remedy)
        }
        policy.lifetimes = SessionPolicy.Lifetimes(settings)
        policy.timing = SessionPolicy.Timing(deadPeerSeconds: settings.deadPeerSeconds)
        policy.datagramByteCount = settings.fragmentSize
        policy.mobility = settings.isMobile ? MobilityPolicy() : nil
        policy.postquantumKeys = try postquantumKeys(of: settings)
        return policy
    }

    private func postquantumKeys(of settings: IKEConnection) throws(ConfigurationFailure) -> PostquantumKeys? {
        guard let ppk = settings.ppk else { return nil }
        guard ppk.secret.count >= 32, (1...255).contains(ppk.id.utf8.count) else {
            throw failure(
                of: settings, problem: "ppk needs a secret of 32 bytes or more, and an id of at most 255",
                remedy: "Make one by \"openssl rand -hex 32\" and write it behind 0x.")
        }
        return PostquantumKeys(
            [PostquantumKeys.Key(identity: Array(ppk.id.utf8), secret: ppk.secret)], isMandatory: ppk.isRequired)
    }
}

extension SessionPolicy.Timing {
    /// A peer that was silent so long is asked whether it is there; one that has not answered for twice as long again, and
    /// for a quarter of a minute at least, is gone.
    init(deadPeerSeconds: Int) {
        self.init()
        deadPeerAfter = deadPeerSeconds == 0 ? nil : UInt64(deadPeerSeconds).seconds
        repetition = UInt64(1).seconds / 2
        let patience = deadPeerSeconds == 0 ? UInt64(200).seconds : UInt64(2 * deadPeerSeconds).seconds
        // What is sent n times, the waits doubling, is waited for (2^n - 1) times the first wait.
        transmissions = (5...9).first { repetition * ((1 << UInt64($0)) - 1) >= patience } ?? 9
    }
}

extension SessionPolicy.Lifetimes {
    /// What the file asks for; the hard limits are a quarter beyond it, so that a rekey that fails is tried again.
    init(_ settings: IKEConnection) {
        func limit(_ count: Int, of unit: UInt64 = 1) -> SessionPolicy.Limit? {
            guard count > 0 else { return nil }
            let soft = UInt64(count) * unit
            return SessionPolicy.Limit(soft: soft, hard: soft + soft / 4)
        }
        self = .standard
        let child = settings.child
        ike = limit(settings.rekeySeconds, of: UInt64(1).seconds)
        reauthentication = settings.reauthenticateSeconds == 0 ? nil : UInt64(settings.reauthenticateSeconds).seconds
        self.child = limit(child.rekeySeconds, of: UInt64(1).seconds)
        bytes = limit(child.rekeyBytes)
        packets = limit(child.rekeyPackets)
    }
}

extension UInt64 {
    /// As nanoseconds.
    fileprivate var seconds: UInt64 { self * 1_000_000_000 }
}

extension IdentificationPayload {
    /// As operators write it: an address, `user@host`, or a name.
    init(named name: String) {
        if let address = IPAddress(name) {
            self.init(address.isV4 ? .ipv4Address : .ipv6Address, data: address.bytes)
        } else {
            self.init(name.contains("@") ? .rfc822Address : .fqdn, data: Array(name.utf8))
        }
    }
}

extension PeerIdentity {
    /// As operators write it: `*.example` for every name below, or one identification.
    init(named name: String) {
        self =
            name.hasPrefix("*.")
            ? .below(domain: String(name.dropFirst(2))) : .exact(IdentificationPayload(named: name))
    }
}

extension SessionPolicy.Fault {
    fileprivate var problem: String {
        switch self {
        case .proposal(let name, let fault): "the proposal \(name) cannot be read: \(fault)"
        case .unsupported(let name): "the proposal \(name) names an algorithm that this build does not have"
        case .noProposals: "there are no proposals, or more than a message may hold"
        case .selectorCount(let count): "the child's selectors make \(count) traffic selectors"
        }
    }

    fileprivate var remedy: String {
        switch self {
        case .proposal, .unsupported, .noProposals:
            "Write them as in proposals: [aes128gcm16-prfsha256-x25519] and, for the child, [aes256gcm16]."
        case .selectorCount: "Write ranges that cover them; a message holds \(MessageBounds.trafficSelectors) a side."
        }
    }
}
