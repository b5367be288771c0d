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

    /// The Child SA's offer in IKE_AUTH: no key exchange (RFC 7296 §1.2), with our SPI.
    func childOffer(_ spi: SPI) -> [Proposal] {
        childProposals.map { proposal in
            var offer = proposal
            offer.spi = spi.bytes
            offer.transforms.removeAll { $0.type.isKeyExchange }
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
                for numbers in all(.sequenceNumbers) {
                    let one = Proposal(number: 1, .esp, [cipher, numbers].compactMap { $0 })
                    guard Associations.Transform(one) != nil else { return false }
                }
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
        return protocolID == .esp || !transforms.contains { TransformType.additionalKeyExchanges.contains($0.type) }
    }
}
