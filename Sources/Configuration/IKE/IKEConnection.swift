public import Associations
public import Wire

/// One peer, or one kind of peers, and what they may have.
public struct IKEConnection: Sendable {
    /// For people; no two connections have the same.
    public var name: String
    /// One of `IKESettings.listen`; nil for any of them.
    public var local: IPAddress?
    /// Where the peer is; nil for anywhere.
    public var remote: AddressRange?
    /// Whether the IKE SA is started from here; `remoteAddress` is there then.
    public var isInitiator: Bool
    /// In operators' words (`aes128gcm16-prfsha256-x25519`) and in order of preference, not yet understood; empty: the
    /// program's defaults.
    public var proposals: [String]
    /// An FQDN, user@fqdn or an IP address, as it is written.
    public var localID: String
    /// As `localID`, or `*.` before an FQDN for all names below it; nil for any that authenticates.
    public var remoteID: String?
    public var credential: IKECredential
    public var requirement: IKERequirement
    public var ppk: IKEPostquantumKey?
    /// Bytes of an IP datagram that an IKE message may fill (RFC 7383), 576 to 65535; nil: never fragmented.
    public var fragmentSize: Int?
    /// Whether the peer may move (RFC 4555).
    public var isMobile: Bool
    /// Seconds of silence until the peer is asked whether it is alive; 0: never.
    public var deadPeerSeconds: Int
    /// Age of the IKE SA in seconds at which it is rekeyed; 0: never.
    public var rekeySeconds: Int
    /// Age of the IKE SA in seconds at which it is made anew from IKE_SA_INIT on; 0: never.
    public var reauthenticateSeconds: Int
    public var child: IKEChild
    /// Where it stands in the file.
    public let place: Place

    /// nil when `remote` is not a single address.
    public var remoteAddress: IPAddress? {
        guard let remote, remote.first == remote.last else { return nil }
        return remote.first
    }
}

/// The Child SAs of a connection.
public struct IKEChild: Sendable {
    public var mode: Mode
    /// As `IKEConnection.proposals`: `aes256gcm16`.
    public var proposals: [String]
    public var selectors: TrafficSelectors
    /// Packets, 32 to 4096: of our own window, for what the peer sends.
    public var replayWindow: Int
    /// Packets, 32 to 4096: of the peer's window, which leases must fit.
    public var peerReplayWindow: Int
    /// Age of a Child SA in seconds at which it is rekeyed; 0: never.
    public var rekeySeconds: Int
    /// Bytes under one key at which it is rekeyed; 0: not before the algorithm's bound.
    public var rekeyBytes: Int
    /// Packets under one key at which it is rekeyed; 0: not before the sequence numbers end.
    public var rekeyPackets: Int
    /// Whether the peer is asked for a Child SA for each target alone; leases go on where it refuses.
    public var isPerTarget: Bool
}

extension ClusterConfiguration {
    /// For what only the program can tell of a connection; points to it in the file.
    public func failure(
        of connection: IKEConnection, problem: String, remedy: String
    ) -> ConfigurationFailure {
        ConfigurationFailure(file: file, place: connection.place, problem: problem, remedy: remedy)
    }
}
