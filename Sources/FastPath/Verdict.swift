/// What became of a packet. Every packet gets exactly one, and every verdict has a counter of the same name.
public enum Verdict: UInt8, Sendable, CaseIterable, BitwiseCopyable {
    /// Not decided yet; no packet leaves a batch with it.
    case pending = 0

    // MARK: It goes on.
    /// Router: sent to its connection's target in GRE.
    case steered
    /// Router: the same, for a packet with options in its outer or inner IP header.
    case steeredWithOptions
    /// Router: a probe of its own, sent to a target in GRE. Target: such a probe came; its number is what it reports.
    case probed
    /// Router: its target cannot do the SA, so the router's relay opens it. The relay: opened, and sent to the target
    /// in clear, in GRE.
    case relayed
    /// Router: another worker owns its SA, or joins its sender's fragments, and judges it.
    case handedOver
    /// Target, endpoint: opened and given to the host's own TCP/IP.
    case delivered
    /// Target, endpoint: sealed and sent to the peer.
    case sealed
    /// Target: the router's relay had opened it; given to the host's own TCP/IP.
    case deliveredInClear
    /// Target: sent to the router in clear, in GRE; the router's relay seals it.
    case sentInClear

    // MARK: Not ours, or nothing to do.
    /// Router: a fragment of an ESP packet, kept until the others are there or its time is over.
    case held
    /// Router: a fragment that was there before, byte for byte.
    case fragmentDuplicate
    /// Not IPsec for one of our addresses: the kernel has it.
    case passed
    /// A NAT keepalive (RFC 3948 §2.3): it was for the NAT on the way.
    case keepalive
    /// A dummy packet (RFC 4303 §2.6): authentic, and meant to be thrown away.
    case dummy

    // MARK: The bytes are wrong.
    /// The frame or the packet ends before a header or length in it says it should.
    case truncated
    /// IP version, header length or the like make no sense.
    case malformedHeader
    /// The IPv4 header's checksum is wrong (RFC 1122 §3.2.1.2), or UDP's over IPv6 (RFC 8200 §8.1).
    case badChecksum
    /// The ESP packet's length cannot be one of its transform (RFC 4303 §2.4).
    case wrongLength
    /// With what has to be put around it, it would not fit the link it must leave by.
    case oversized
    /// The padding or the next header does not fit what is inside (RFC 4303 §2.4, §2.6).
    case malformedTrailer
    /// The inner packet's headers make no sense.
    case malformedInner
    /// An IPv6 packet, outside or inside, bears an IPv4-mapped address (RFC 4942 §2.2).
    case mappedAddress
    /// The inner IPv6 packet has more extension headers than are looked through, or longer ones.
    case extensionHeadersTooLong
    /// The inner IPv6 packet has a routing header with segments left: where it ends is not what its header says.
    case routingHeader

    // MARK: Fragments.
    /// Target, endpoint: a fragment of an ESP packet, where nobody joins them.
    case fragment
    /// Pieces of one datagram overlap or contradict each other: all of it is refused (RFC 5722).
    case fragmentOverlap
    /// The whole datagram would be longer than a frame has room for.
    case fragmentTooLarge
    /// One datagram in more pieces than are kept of one.
    case tooManyFragments
    /// A fragment inside the tunnel whose first one did not come before it.
    case innerFragment

    // MARK: Refused.
    /// No inbound SA has this SPI (RFC 4301 §5.2).
    case unknownSPI
    /// Sequence number 0, which is never sent (RFC 4303 §3.3.3).
    case sequenceNumberZero
    /// The number was seen before (RFC 4303 §3.4.3).
    case replayed
    /// The number is left of the replay window.
    case tooOld
    /// The ICV is wrong.
    case badICV
    /// What was inside may not travel in this SA (RFC 4301 §5.2).
    case tunnelCheckFailed
    /// Authentic and allowed, but the inner destination is no DVIPA.
    case notDVIPA
    /// A rule of the filter denies it, or no rule matches and the filter's default does.
    case filtered
    /// Nobody serves this protocol and port of the DVIPA.
    case noService
    /// An ICMP error about a packet of no connection that is known here.
    case noConnection

    // MARK: No way on.
    /// The service has no target that may be given connections.
    case noTarget
    /// The target's link-layer address is not known.
    case noNeighbour
    /// The connection's own target is to get nothing for now; the connection keeps its place.
    case targetQuiesced
    /// No room for another connection.
    case connectionTableFull
    /// Too many connections only began, under this SA or under all of them.
    case tooManyHalfOpen
    /// The port could not take it.
    case transmitQueueFull
    /// Router: the worker that owns its SA does not keep up.
    case handOverQueueFull

    // MARK: Targets and endpoints.
    /// GRE (or ESP) from an address that is no router of ours.
    case notFromRouter
    /// The relay: GRE from an address that is no target of ours.
    case notFromTarget
    /// GRE from a router whose epoch has passed.
    case staleEpoch
    /// Not GRE as routers send it.
    case malformedGRE
    /// No outbound SA covers this packet (RFC 4301 §5.1).
    case noPolicy
    /// No sequence number to send it with: none was granted in time, or the SA's numbers are used up.
    case noSequenceNumber
    /// A router on the way marked congestion on a tunnel whose inner packet has no place for marks (RFC 6040 §4.2).
    case congestionDropped

    // MARK: The path MTU.
    /// Its ESP packet would not fit the way and must not be cut: the sender, the host's own stack, is told what would.
    case tooBig
    /// Router: an ICMP error about an ESP packet of the cluster's. Every target gets a copy, and the one that sent the packet
    /// heeds it.
    case tooBigHandedOn
    /// Target: a router on the way says that an ESP packet of ours did not fit. Shorter ones are sent from now on.
    case tooBigHeeded
    /// Target: the same, about a packet that this host did not send a moment ago, or no less than is sent anyway.
    case tooBigIgnored

    // MARK: The lifecount.
    /// What may be processed under the SA is used up: the packet would pass the end (RFC 4301 §4.4.2.1).
    case lifetimeExhausted

    /// It is for the host's own TCP/IP.
    public var delivers: Bool { self == .delivered || self == .deliveredInClear }

    /// The counter's name, as printed, exported and used in golden tests.
    public var name: String { String(describing: self) }

    /// The router hands the frame to the trusted link.
    @inline(__always)
    public var steers: Bool { self == .steered || self == .steeredWithOptions || self == .probed }
}

/// How many packets got each verdict. Plain numbers that belong to one worker; others read a copy.
public struct VerdictCounters: ~Copyable {
    private var counts = Slab<UInt64>(repeating: 0, count: 256)

    public init() {}

    @inline(__always)
    mutating func count(_ verdict: Verdict) { counts[Int(verdict.rawValue)] &+= 1 }

    public subscript(verdict: Verdict) -> UInt64 { counts[Int(verdict.rawValue)] }

    /// The verdicts that occurred, by name.
    public func snapshot() -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        for verdict in Verdict.allCases where self[verdict] > 0 { result[verdict.name] = self[verdict] }
        return result
    }
}
