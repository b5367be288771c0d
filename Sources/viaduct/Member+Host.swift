import Associations
import Configuration
import ControlPlane
import FastPath
import Wire

/// Targets and endpoints: a TUN device that the host's own TCP/IP sends into, and a raw socket to the network.
extension Member {
    /// How traffic comes to the TUN device and sealed packets do not come back: their mark (one bit, since the
    /// rules except packets that bear any of its bits), our table, our rules.
    enum PolicyRouting {
        static let mark: UInt32 = 0x0200_0000
        static let table: UInt32 = 7641
        static let priority: UInt32 = 7641
    }

    static let deviceName = "viaduct0"
    func run(_ target: TargetNode) throws(RunFailure) {
        var configuration = HostConfiguration(targetOf: cluster)
        configuration.trustedAddress = target.trustedAddress
        let rules = cluster.dvipas.map { RoutingRule.Match.from(Prefix($0)) }
        do {
            // Before the DVIPAs are local addresses: the router alone answers for them.
            let reticence = try ARPReticence()
            Log.say("\(node.name): \(reticence)")
            defer {
                do { try reticence.undo() } catch { Log.warn("\(error)") }
            }
            let desk = try HostDesk()
            let kernel = try kernelDelivery(of: target)
            defer { kernel?.end() }
            if kernel != nil { configuration.ingress = .kernel }
            let control = try targetControl(target, desk: desk)
            defer { control?.stop() }
            let intake = try control.map { control in
                ShadowIntake(
                    holder: try placeAndRouter().0,
                    leaseTiming: LeaseHolder.Timing(validity: cluster.leases.validityNanoseconds)
                ) { control.applied($0, refusals: $1) }
            }
            try start(
                configuration, at: desk, ipProtocol: kernel == nil ? 47 : Self.probeProtocol,
                addresses: cluster.dvipas
                    + (kernel == nil ? [] : cluster.gateways.filter { !cluster.dvipas.contains($0) }),
                rules: rules, mtu: target.mtu ?? LinkRoom(cluster, node).innerMTU,
                numbers: leasedNumbers(of: target), shadow: intake, control: control, kernel: kernel)
        } catch { throw RunFailure(error) }
    }

    func run(_ endpoint: EndpointNode) throws(RunFailure) {
        let associations = cluster.associations(of: node)
        let outer = associations.filter { $0.direction == .inbound }.map(\.destination)
        let configuration = HostConfiguration(ingress: .direct, addresses: Array(Set(outer)), dvipas: [])
        let protected = associations.filter { $0.direction == .outbound }.flatMap(\.selectors.remote)
        let rules = Set(protected.flatMap(Prefix.covering)).map { RoutingRule.Match.to($0) }
        do {
            try start(
                configuration, at: HostDesk(), ipProtocol: 50, addresses: endpoint.addresses, rules: rules,
                preferredSource: endpoint.preferredSource(associations),
                mtu: endpoint.mtu ?? LinkRoom(cluster, node).innerMTU,
                numbers: localNumbers(of: associations))
        } catch { throw RunFailure(error) }
    }

    private func start(
        _ configuration: HostConfiguration, at desk: HostDesk, ipProtocol: UInt8, addresses: [IPAddress],
        rules: [RoutingRule.Match],
        preferredSource: IPAddress? = nil, mtu: Int, numbers: consuming SequenceSource,
        shadow: ShadowIntake? = nil, control: TargetControl? = nil, kernel: KernelDelivery? = nil
    ) throws {
        var configuration = configuration
        configuration.innerMTU = mtu
        configuration.pathMTU = LinkRoom(cluster, node).pathMTU(forInner: mtu)
        let associations = cluster.associations(of: node)
        configuration.associationCapacity = max(cluster.associationRoom, associations.count * 2)
        var host = Host(configuration)
        for association in associations where kernel == nil || association.direction == .outbound {
            try host.apply(.install(association))
        }
        let ciphers = host.cipherName
        let raw = try RawIPSocket(
            ipProtocol: ipProtocol, interface: kernel == nil ? nil : KernelDelivery.interface,
            mark: PolicyRouting.mark)
        let tun = try TUNDevice(name: Self.deviceName)

        var netlink = try Netlink()
        let device = try netlink.interface(named: tun.name)
        try netlink.bringUp(device, mtu: mtu)
        for address in addresses { try netlink.addAddress(address, to: device) }
        if let kernel {
            // Behind the addresses: ESP in UDP has a port at one.
            for association in associations where association.direction == .inbound { try kernel.install(association) }
        }
        for family in Set(rules.map(\.family)) {
            try netlink.addDefaultRoute(
                family, through: device, table: PolicyRouting.table,
                preferredSource: preferredSource.flatMap { $0.isV4 == (family == .v4) ? $0 : nil })
        }
        let installed = rules.map {
            RoutingRule(
                match: $0, exceptMark: PolicyRouting.mark, table: PolicyRouting.table, priority: PolicyRouting.priority)
        }
        for rule in installed { try netlink.addRule(rule) }
        defer {
            // The device takes its routes along when it goes; the rules are ours to take back, and the addresses, since
            // the caller may go on to what must not happen while they are there.
            for rule in installed { try? netlink.deleteRule(rule) }
            for address in addresses { try? netlink.deleteAddress(address, from: device) }
        }

        let status = StatusWriter(node: node, file: statusFile, verification: cluster.verification)
        let housekeeping = try ServiceThread(name: "status") { context in
            while !context.isStopping {
                if termination.isRequested(within: StatusWriter.interval) { desk.end() }
                status.write(desk.latestReport, link: control?.report)
            }
        }
        let opener = kernel == nil ? "" : ", the kernel opens what comes by \(KernelDelivery.interface)"
        announce("as \(node.role.name) on \(tun.name), MTU \(mtu); \(ciphers)\(opener)\(cluster.verificationWords)")
        var loop = HostLoop(host: host, raw: raw, tun: tun, numbers: numbers, shadow: shadow, kernel: kernel)
        loop.run(desk)
        housekeeping.stop()
        status.write(desk.latestReport, link: control?.report)
    }

    /// A target asks the router's sequencer.
    private func leasedNumbers(of target: TargetNode) throws -> SequenceSource {
        let (holder, router) = try placeAndRouter()
        let incarnation = UInt64.random(in: 0 ... .max)
        let timing = LeaseHolder.Timing(validity: cluster.leases.validityNanoseconds)
        let holders = cluster.associations(of: node).filter { $0.direction == .outbound }.map {
            LeaseHolder(spi: $0.spi, holder: holder, incarnation: incarnation, timing: timing)
        }
        let socket = try UDPSocket(bind: SocketAddress(address: target.trustedAddress, port: 0))
        return .leased(
            LeasedSequences(
                holders, socket: socket, sequencer: SocketAddress(address: router, port: cluster.leases.port),
                protection: cluster.link == nil ? .none : .sealed))
    }

    private func placeAndRouter() throws -> (HolderID, IPAddress) {
        guard let place = cluster.targets.firstIndex(where: { $0.name == node.name }),
            let router = cluster.routers.compactMap(\.trustedAddress).first
        else { throw RunFailure("\(node.name): no router to ask for sequence numbers") }
        return (HolderID(rawValue: UInt16(place)), router)
    }

    /// An endpoint is the only sender of its SAs.
    private func localNumbers(of associations: [SecurityAssociation]) throws -> SequenceSource {
        var sequences: [LocalSequences.Entry] = []
        for association in associations where association.direction == .outbound {
            let file = try reservation(of: association)
            sequences.append(
                LocalSequences.Entry(
                    sequence: LocalSequence(
                        spi: association.spi,
                        reservation: Reservation(
                            mark: file.initialMark, lastNumber: association.lastSequenceNumber)), file: file))
        }
        return .local(LocalSequences(sequences))
    }
}

extension HostConfiguration {
    /// A target's tables for a cluster.
    init(targetOf cluster: ClusterConfiguration) {
        let routers = cluster.routers.compactMap(\.trustedAddress)
        self.init(
            ingress: .gre(routers: routers, epoch: cluster.epoch), addresses: cluster.dvipas + cluster.gateways,
            dvipas: cluster.dvipas)
        filter = cluster.filter(at: .target)
        verification = Verification(cluster.verification)
    }
}

extension EndpointNode {
    /// What the host's packets into its SAs must come from when their socket names no address: in transport mode that is
    /// the SAs' own source, and a host on several networks would choose by itself. nil where the endpoint has inner
    /// addresses, which the device's own selection finds, or where the SAs do not agree on one.
    func preferredSource(_ associations: [SecurityAssociation]) -> IPAddress? {
        let outbound = associations.filter { $0.direction == .outbound }
        let sources = Set(outbound.map(\.source))
        guard addresses.isEmpty, sources.count == 1, outbound.allSatisfy({ $0.mode == .transport }) else { return nil }
        return sources.first
    }
}
