public import Wire

/// Which way an SA carries traffic, as the holder of the DVIPA sees it.
public enum Direction: Sendable, Hashable { case inbound, outbound }

/// RFC 4301 §3.2.
public enum Mode: Sendable, Hashable { case tunnel, transport }

/// What may travel in an SA (RFC 4301 §4.4.1.1), `remote` being the peer's side in both directions.
public struct TrafficSelectors: Sendable, Hashable {
    public var remote: [AddressRange]
    public var local: [AddressRange]
    /// IANA protocol number; nil for any.
    public var ipProtocol: UInt8?
    /// Empty for any.
    public var remotePorts: [ClosedRange<UInt16>]
    /// Empty for any.
    public var localPorts: [ClosedRange<UInt16>]

    public init(
        remote: [AddressRange], local: [AddressRange], ipProtocol: UInt8? = nil,
        remotePorts: [ClosedRange<UInt16>] = [], localPorts: [ClosedRange<UInt16>] = []
    ) {
        self.remote = remote
        self.local = local
        self.ipProtocol = ipProtocol
        self.remotePorts = remotePorts
        self.localPorts = localPorts
    }

    /// The same traffic seen from the other end of the SA.
    public var mirrored: TrafficSelectors {
        TrafficSelectors(
            remote: local, local: remote, ipProtocol: ipProtocol, remotePorts: localPorts, localPorts: remotePorts)
    }
}

/// ESP in UDP (RFC 3948): the ports that a NAT between the ends made necessary.
public struct UDPEncapsulation: Sendable, Hashable {
    /// The peer's port as it is seen here: behind a NAT rarely 4500.
    public var remotePort: UInt16
    public var localPort: UInt16

    public init(remotePort: UInt16, localPort: UInt16 = 4500) {
        self.remotePort = remotePort
        self.localPort = localPort
    }
}

/// One ESP security association (RFC 4301 §4.4.2), as negotiated or as configured: all that a router, a target or an
/// endpoint needs to process its packets. Counters and windows are not in it; they belong to whoever processes.
public struct SecurityAssociation: Sendable {
    /// For messages to people; never parsed.
    public var name: String
    public var spi: SPI
    public var direction: Direction
    public var mode: Mode
    /// Outer addresses of the packets it protects.
    public var source: IPAddress
    public var destination: IPAddress
    public var transform: Transform
    /// `transform.keyByteCount` bytes.
    public var key: SecretBytes
    /// `transform.saltByteCount` bytes.
    public var salt: SecretBytes
    /// `transform.authenticationKeyByteCount` bytes: none with an AEAD.
    public var authenticationKey: SecretBytes
    public var selectors: TrafficSelectors
    /// Packets; 32 to 4096. Of an inbound SA our own window, of an outbound one the peer's, which leases must fit.
    public var replayWindow: Int
    /// nil for ESP by itself.
    public var udpEncapsulation: UDPEncapsulation?
    /// Of an outbound SA: it is for this target alone, by RFC 9611 or as one of parallel Child SAs. No other host sends
    /// under it, so its numbers need no sharing, and it goes before shared SAs (docs/packet-way.md).
    public var isOwn = false
    /// Extended sequence numbers (RFC 4303 §2.2.1): 64 bits, of which the lower half is sent (docs/esn.md).
    public var hasESN = false
    /// For a router with several workers: the group of SAs that one of them owns together (docs/workers.md). -1 for none.
    public var workerGroup: Int32 = -1

    /// Traps when one of the keys or the salt has not the transform's length, or the window is out of range.
    public init(
        name: String, spi: SPI, direction: Direction, mode: Mode, source: IPAddress, destination: IPAddress,
        transform: Transform, key: SecretBytes, salt: SecretBytes, selectors: TrafficSelectors, replayWindow: Int,
        udpEncapsulation: UDPEncapsulation? = nil, authenticationKey: SecretBytes = SecretBytes([])
    ) {
        precondition(key.count == transform.keyByteCount && salt.count == transform.saltByteCount)
        precondition(authenticationKey.count == transform.authenticationKeyByteCount)
        precondition(Self.replayWindowRange.contains(replayWindow))
        self.name = name
        self.spi = spi
        self.direction = direction
        self.mode = mode
        self.source = source
        self.destination = destination
        self.transform = transform
        self.key = key
        self.salt = salt
        self.authenticationKey = authenticationKey
        self.selectors = selectors
        self.replayWindow = replayWindow
        self.udpEncapsulation = udpEncapsulation
    }

    public static let replayWindowRange = 32...4096

    /// The last number that may be sent under it (RFC 4303 §3.3.3). With ESN it is half of what there is, so that no sum of
    /// numbers overflows; nobody gets there.
    public var lastSequenceNumber: UInt64 { hasESN ? .max >> 1 : (1 << 32) - 1 }

    /// The same SA as the host at its other end knows it.
    public var mirrored: SecurityAssociation {
        var other = self
        other.direction = direction == .inbound ? .outbound : .inbound
        other.selectors = selectors.mirrored
        other.udpEncapsulation = udpEncapsulation.map {
            UDPEncapsulation(remotePort: $0.localPort, localPort: $0.remotePort)
        }
        return other
    }
}
