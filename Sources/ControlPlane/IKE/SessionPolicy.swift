public import Associations

/// What an operator allows for one connection.
public struct SessionPolicy: Sendable {
    /// Durations in nanoseconds.
    public struct Timing: Sendable, Equatable {
        /// Until an unanswered request is sent again; doubled each time.
        public var repetition: UInt64 = 1_000_000_000
        /// How often a request is sent in all; after the last the same waiting, then the peer counts as gone.
        public var transmissions = 7
        /// How long a responder waits for IKE_AUTH.
        public var halfOpen: UInt64 = 30_000_000_000
        /// After so long without anything that the peer sealed it is asked whether it is there; nil for never.
        public var deadPeerAfter: UInt64? = 30_000_000_000
        /// About how long to wait after the peer's TEMPORARY_FAILURE (RFC 7296 §2.25); half of it to all of it.
        public var retry: UInt64 = 10_000_000_000
        /// How long an IKE SA that was replaced is kept for the peer to delete it, or to ask for a lost answer: longer
        /// than a peer repeats itself.
        public var linger: UInt64 = 200_000_000_000
        /// How long who answered a CREATE_CHILD_SA waits for each IKE_FOLLOWUP_KE (RFC 9370 §2.2.4).
        public var followUp: UInt64 = 30_000_000_000
        /// How often a NAT before us is shown that its mapping is in use (RFC 3948 §4); nil for never.
        public var keepAlive: UInt64? = 20_000_000_000

        public init() {}
    }

    /// For messages to people.
    public var name: String
    let proposals: [Proposal]
    let childProposals: [Proposal]
    public var localID: IdentificationPayload
    public var remoteID: PeerIdentity
    public var authentication: AuthenticationPolicy
    /// The widest traffic of the Child SA; what the peer offers is narrowed to it.
    public let selectors: TrafficSelectors
    public var mode: Mode
    /// Packets; of the Child SAs.
    public var replayWindow: Int
    public var timing = Timing()
    public var postquantumKeys: PostquantumKeys?
    /// Where clients are sent instead; nil for nowhere.
    public var redirection: Redirection?
    /// How often in a row we go where a gateway sends us (RFC 5685 §6.1); 0 for never.
    public var maximumRedirects = 0
    /// nil without MOBIKE.
    public var mobility: MobilityPolicy?
    /// Whether message IDs may be set anew after a takeover, by the peer or by us (RFC 6311).
    public var synchronises = true
    public var lifetimes = Lifetimes.standard
    /// Those that are being replaced apart. One more is refused by NO_ADDITIONAL_SAS.
    public var maximumChildren = 16
    /// With the same selectors, for the peer's resources. One more is refused by TS_MAX_QUEUE (RFC 9611 §5.2).
    public var maximumParallelChildren = 8
    /// Bytes of the longest IP datagram that an IKE message goes in; a longer one goes in fragments (RFC 7383) if the peer
    /// knows them. nil for never. Traps below 576.
    public var datagramByteCount: Int? = 1280 {
        didSet { precondition((datagramByteCount ?? .max) >= 576, "every way carries 576 bytes") }
    }

    public enum Fault: Error, Hashable {
        /// What was written, and what is wrong with it.
        case proposal(String, ProposalNameFault)
        /// Names an algorithm that this build, or the fast path, has not.
        case unsupported(String)
        case noProposals
        /// None, or more than a message may say.
        case selectorCount(Int)
    }

    /// `proposals` (`aes128gcm16-prfsha256-x25519`) and `childProposals` (`aes128gcm16`) in order of preference.
    public init(
        name: String, proposals: [String], childProposals: [String], localID: IdentificationPayload,
        remoteID: PeerIdentity, authentication: AuthenticationPolicy, selectors: TrafficSelectors,
        mode: Mode = .tunnel, replayWindow: Int = 128
    ) throws(Fault) {
        for (addresses, ports) in [
            (selectors.local, selectors.localPorts), (selectors.remote, selectors.remotePorts),
        ] {
            let count = addresses.count * max(1, ports.count)
            guard (1...MessageBounds.trafficSelectors).contains(count) else { throw .selectorCount(count) }
        }
        self.name = name
        self.proposals = try Self.read(proposals, .ike)
        self.childProposals = try Self.read(childProposals, .esp)
        self.localID = localID
        self.remoteID = remoteID
        self.authentication = authentication
        self.selectors = selectors
        self.mode = mode
        self.replayWindow = replayWindow
    }

    /// With one secret for both ends; `remoteID` is nil for any peer that knows it.
    public init(
        name: String, proposals: [String], childProposals: [String], localID: IdentificationPayload,
        remoteID: IdentificationPayload?, presharedKey: SecretBytes, selectors: TrafficSelectors, mode: Mode = .tunnel,
        replayWindow: Int = 128
    ) throws(Fault) {
        try self.init(
            name: name, proposals: proposals, childProposals: childProposals, localID: localID,
            remoteID: remoteID.map { .exact($0) } ?? .any, authentication: .sharedKey(presharedKey),
            selectors: selectors, mode: mode, replayWindow: replayWindow)
    }

    /// Bytes of an IKE message in such a datagram, behind the longest headers: IPv6, UDP and the non-ESP marker.
    func fragmentLimit(_ extensions: Extensions) -> Int? {
        extensions.fragments ? datagramByteCount.map { $0 - 40 - 8 - 4 } : nil
    }

    private static func read(_ names: [String], _ protocolID: ProtocolID) throws(Fault) -> [Proposal] {
        guard !names.isEmpty, names.count <= MessageBounds.proposals else { throw .noProposals }
        var proposals: [Proposal] = []
        for (index, name) in names.enumerated() {
            // SPIs of ESP come with the exchange.
            let spi: [UInt8] = protocolID == .esp ? [0, 0, 0, 0] : []
            do {
                proposals.append(try Proposal(named: name, protocolID, number: UInt8(index + 1), spi: spi))
            } catch {
                throw .proposal(name, error)
            }
            guard proposals[index].isWholeSupported else { throw .unsupported(name) }
        }
        return proposals
    }

    /// The Child SA's offer with our SPI: in IKE_AUTH without a key exchange (RFC 7296 §1.2).
    func childOffer(_ spi: SPI, hasKeyExchange: Bool = false) -> [Proposal] {
        childProposals.map { proposal in
            var offer = proposal
            offer.spi = spi.bytes
            if !hasKeyExchange { offer.transforms.removeAll { $0.type.isKeyExchange } }
            return offer
        }
    }

    /// The offer of a successor of the IKE SA, with our SPI of it. To a peer that `knowsAdditional` key exchanges not,
    /// what goes without them (RFC 9370 §2.2.1), as it was at the beginning.
    func successorOffer(_ spi: IKESPI, knowsAdditional: Bool) -> [Proposal] {
        let known = knowsAdditional ? proposals : proposals.map(\.withoutAdditionalKeyExchanges)
        return known.filter { !$0.transforms.isEmpty }.enumerated().map { index, proposal in
            var offer = proposal
            offer.number = UInt8(index + 1)
            offer.spi = spi.bytes
            return offer
        }
    }
}

extension SPI {
    /// Four bytes, as on the wire.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: rawValue)
        return bytes
    }
}

extension Proposal {
    /// Whether each of its alternatives is one that this build can do.
    fileprivate var isWholeSupported: Bool {
        func all(_ type: TransformType) -> [Transform?] {
            let found = transforms.filter { $0.type == type }
            return found.isEmpty ? [nil] : found
        }
        for cipher in all(.encryption) {
            if protocolID == .esp {
                for integrity in all(.integrity) {
                    for numbers in all(.sequenceNumbers) {
                        let one = Proposal(number: 1, .esp, [cipher, integrity, numbers].compactMap { $0 })
                        guard Associations.Transform(one) != nil else { return false }
                    }
                }
                let methods = all(.keyExchange).compactMap { $0 }
                guard methods.allSatisfy({ KeyExchangeMethod(transformID: $0.id) != nil }) else { return false }
                continue
            }
            for integrity in all(.integrity) {
                for function in all(.pseudorandomFunction) {
                    for exchange in all(.keyExchange) {
                        let one = [cipher, integrity, function, exchange].compactMap { $0 }
                        guard IKESuite(Proposal(number: 1, .ike, one)) != nil else { return false }
                    }
                }
            }
        }
        let further = transforms.filter { $0.type.isAdditionalKeyExchange && $0.id != 0 }
        return further.allSatisfy { KeyExchangeMethod(transformID: $0.id) != nil }
    }
}
