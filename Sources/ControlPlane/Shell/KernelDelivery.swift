public import Associations
internal import Glibc
public import Wire

/// Why the kernel cannot do a target's ESP: for people, with what to do about it.
public struct KernelRefusal: Error, Sendable, CustomStringConvertible {
    public var description: String
    /// The SA's selectors are more than the kernel has words for; otherwise the kernel itself refused.
    public var isForSelectors: Bool

    public init(description: String, isForSelectors: Bool = false) {
        self.description = description
        self.isForSelectors = isForSelectors
    }
}

/// A target's inbound half in the kernel: GRE from the router comes out of an interface, the kernel's own ESP opens what was in it
/// under the shadow SAs, and its policies ask every packet of their selectors for that (docs/xfrm.md). What leaves the host is none
/// of its business: the kernel has no number to send under.
///
/// For one thread. Everything that was set up goes with `end`, or when the next process begins.
public final class KernelDelivery {
    public static let interface = "viaduct-gre0"

    private struct Held {
        var association: SecurityAssociation
        var selector: KernelSelector
        var policy: KernelPolicy
        var limits = KernelLimits()
        var usage: AssociationUsage
        var replayed: UInt32 = 0
        var forged: UInt32 = 0
    }

    private let router: IPAddress
    private let trusted: IPAddress
    private var routes: Netlink
    private var security: Netlink
    private var epoch: Epoch
    private var held: [SPI: Held] = [:]
    /// SAs that each stands for: several have the same selectors while one is rekeyed.
    private var policies: [KernelPolicy: Int] = [:]
    private var ports: [SocketAddress: ESPInUDPPort] = [:]
    /// Of SAs that are gone.
    private var past: (packets: UInt64, replayed: UInt64, forged: UInt64) = (0, 0, 0)

    /// Looks whether the kernel has ESP for each of the transforms, and begins to take GRE. Throws what to do where it cannot.
    public init(from router: IPAddress, to trusted: IPAddress, epoch: Epoch, transforms: [Transform])
        throws(KernelRefusal)
    {
        guard router.isV4 && trusted.isV4 else {
            throw KernelRefusal(
                description: "the kernel's delivery has GRE over IPv4 only: give the nodes trusted IPv4 addresses")
        }
        (self.router, self.trusted, self.epoch) = (router, trusted, epoch)
        do throws(SystemError) {
            routes = try Netlink()
            security = try Netlink(.security)
        } catch { throw KernelRefusal(description: "the kernel has no XFRM: \(error.reason)") }
        try sweep()
        for transform in transforms { try probe(transform) }
        try takeGRE()
    }

    /// What a process before this one left.
    private func sweep() throws(KernelRefusal) {
        do throws(SystemError) {
            for state in try security.states() { try security.deleteState(to: state.destination, spi: state.spi) }
            try security.sweepPolicies()
            try routes.deleteLink(Self.interface)
        } catch { throw KernelRefusal(description: "what an earlier run left cannot be taken away: \(error)") }
    }

    /// By an SA that nobody can send under: its key is forgotten, and it is gone at once.
    private func probe(_ transform: Transform) throws(KernelRefusal) {
        func random(_ count: Int) -> SecretBytes { SecretBytes((0..<count).map { _ in UInt8.random(in: 0 ... .max) }) }
        let place = AddressRange(first: trusted, last: trusted)
        let association = SecurityAssociation(
            name: "to try \(transform.rawValue)", spi: SPI(rawValue: .random(in: 256 ... .max)), direction: .inbound,
            mode: .transport, source: router, destination: trusted, transform: transform,
            key: random(transform.keyByteCount), salt: random(transform.saltByteCount),
            selectors: TrafficSelectors(remote: [AddressRange(first: router, last: router)], local: [place]),
            replayWindow: 64, authenticationKey: random(transform.authenticationKeyByteCount))
        guard let selector = KernelSelector(association.selectors) else { return }
        do throws(SystemError) {
            try security.addState(association, selector, upTo: KernelLimits())
            try security.deleteState(to: trusted, spi: association.spi)
        } catch {
            throw KernelRefusal(
                description: "this kernel has no ESP with \(transform.rawValue) (\(error.reason)): load its modules "
                    + "(esp4, esp6 and the cipher's), leave the transform out of the node's transforms, or write delivery: tun"
            )
        }
    }

    private func takeGRE() throws(KernelRefusal) {
        do throws(SystemError) {
            try routes.addGRE(Self.interface, from: router, to: trusted, key: epoch.rawValue)
        } catch {
            throw KernelRefusal(
                description: "this kernel has no GRE (\(error.reason)): load ip_gre, or write delivery: tun")
        }
        do throws(SystemError) {
            // The way back to peers is never by this interface; and nobody is greeted there.
            try NetworkSetting("net.ipv4.conf.\(Self.interface).rp_filter").set(0)
            try? NetworkSetting("net.ipv6.conf.\(Self.interface).addr_gen_mode").set(1)
            if try NetworkSetting("net.ipv4.conf.all.rp_filter").value() == 1 {
                throw SystemError("take GRE with", "net.ipv4.conf.all.rp_filter 1, set it to 0 or 2", code: EINVAL)
            }
            let device = try routes.interface(named: Self.interface)
            try routes.bringUp(device, mtu: 1500)
        } catch {
            try? routes.deleteLink(Self.interface)
            throw KernelRefusal(description: "\(error)")
        }
    }

    /// An inbound SA. One of the same SPI goes first.
    public func install(_ association: SecurityAssociation) throws(KernelRefusal) {
        precondition(association.direction == .inbound, "the kernel has no numbers to send under")
        guard let selector = KernelSelector(association.selectors) else {
            throw KernelRefusal(
                description:
                    "\(association.name): its selectors are more than one network a side and one range of ports that a "
                    + "mask can name, which is all the kernel can ask for: split them, or write delivery: tun",
                isForSelectors: true)
        }
        remove(association.spi)
        let policy = KernelPolicy(
            selector: selector, destination: association.destination, isTunnel: association.mode == .tunnel)
        do throws(SystemError) {
            if let udp = association.udpEncapsulation { try openPort(association.destination, udp.localPort) }
            // Packets under it are asked for IPsec before they can come.
            if policies[policy] == nil { try security.addPolicy(policy) }
            policies[policy, default: 0] += 1
            do throws(SystemError) {
                try security.addState(association, selector, upTo: KernelLimits())
            } catch {
                release(policy)
                throw error
            }
        } catch {
            throw KernelRefusal(
                description:
                    "\(error): has the kernel \(association.transform.rawValue)? Load its modules, or write delivery: tun"
            )
        }
        let usage = AssociationUsage(spi: association.spi, direction: .inbound, packets: 0, bytes: 0)
        held[association.spi] = Held(association: association, selector: selector, policy: policy, usage: usage)
    }

    public func remove(_ spi: SPI) {
        guard let gone = held.removeValue(forKey: spi) else { return }
        past.packets += gone.usage.packets
        past.replayed += UInt64(gone.replayed)
        past.forged += UInt64(gone.forged)
        try? security.deleteState(to: gone.association.destination, spi: spi)
        release(gone.policy)
    }

    /// The kernel ends the SA at the grant's end; another grant must come before.
    public func allow(_ grant: LifecountGrant) {
        guard let known = held[grant.spi] else { return }
        let limits = KernelLimits(bytes: max(grant.bytes, 1), packets: max(grant.packets, 1))
        held[grant.spi]?.limits = limits
        // An SA that it has ended is gone, and nothing brings it back: its window would be.
        try? security.limitState(known.association, known.selector, upTo: limits)
    }

    /// GRE of no other epoch is taken from now on.
    public func advance(to newer: Epoch) {
        guard newer > epoch else { return }
        epoch = newer
        try? routes.rekeyGRE(Self.interface, from: router, to: trusted, key: newer.rawValue)
    }

    /// Asks the kernel what came under the SAs: a listing of all of them.
    public func look() {
        for state in (try? security.states()) ?? [] {
            guard let known = held[state.spi], known.association.destination == state.destination else { continue }
            let transform = known.association.transform
            // The kernel counts what is inside: around it are at least header, IV, the trailer's two bytes and the ICV.
            let around = UInt64(8 + transform.ivByteCount + 2 + transform.icvByteCount)
            held[state.spi]?.usage.packets = state.packets
            held[state.spi]?.usage.bytes = state.bytes + state.packets * around
            held[state.spi]?.usage.highest = known.association.hasESN ? state.highest : 0
            held[state.spi]?.replayed = state.replayed
            held[state.spi]?.forged = state.forged
        }
    }

    /// As of the last look; SAs without traffic are left out.
    public var usage: [AssociationUsage] { held.values.map(\.usage).filter { $0.packets > 0 } }

    /// By name, for the status; as of the last look.
    public var tallies: [String: UInt64] {
        var sums = [
            "associations": UInt64(held.count), "opened": past.packets, "replayed": past.replayed,
            "badICV": past.forged,
        ]
        for one in held.values {
            sums["opened", default: 0] += one.usage.packets
            sums["replayed", default: 0] += UInt64(one.replayed)
            sums["badICV", default: 0] += UInt64(one.forged)
        }
        return sums
    }

    /// GRE first: what would come without an SA is not to be mistaken for packets in clear.
    public func end() {
        try? routes.deleteLink(Self.interface)
        for spi in Array(held.keys) { remove(spi) }
    }

    private func release(_ policy: KernelPolicy) {
        guard let count = policies[policy] else { return }
        policies[policy] = count == 1 ? nil : count - 1
        guard count == 1 else { return }
        // Another of the same selectors may ask for another tunnel: the kernel holds one for each selector.
        try? security.deletePolicy(of: policy.selector)
        if let other = policies.keys.first(where: { $0.selector == policy.selector }) {
            try? security.addPolicy(other)
        }
    }

    private func openPort(_ address: IPAddress, _ port: UInt16) throws(SystemError) {
        let local = SocketAddress(address: address, port: port)
        if ports[local] == nil { ports[local] = ESPInUDPPort(socket: try ESPInUDPSocket(at: address, port: port)) }
    }

    /// A dictionary holds no socket itself.
    private final class ESPInUDPPort {
        private let socket: ESPInUDPSocket
        init(socket: consuming ESPInUDPSocket) { self.socket = socket }
    }
}
