import Associations
import Configuration
import ControlPlane
import FastPath
import Foundation
import Wire

/// A router: a worker on this thread, the others, neighbours, the sequencers and the status file on threads beside it.
extension Member {
    func run(_ router: RouterNode) throws(RunFailure) {
        do { try start(router) } catch { throw RunFailure(error) }
    }

    private func start(_ settings: RouterNode) throws {
        guard let clientInterface = settings.clientInterface, let trustedInterface = settings.trustedInterface,
            let trustedAddress = settings.trustedAddress
        else { throw RunFailure("\(node.name): clientInterface, trustedInterface and trustedAddress are needed") }
        var netlink = try Netlink()
        let trusted = try netlink.interface(named: trustedInterface)
        guard let trustedMAC = trusted.linkAddress else {
            throw RunFailure("\(trustedInterface) has no Ethernet address; the trusted link must be Ethernet")
        }
        let client = try netlink.interface(named: clientInterface)
        if let complaint = LinkRoom(cluster, node).complaint(
            about: (trustedInterface, trusted.mtu), behind: (clientInterface, client.mtu))
        {
            Log.warn(complaint)
        }
        var pipe = try RelayPipe.open()
        let relaySender = pipe.takeSender()
        let workers = try RouterWorkers.open(
            RouterWorkers.Parts(
                settings: settings, clientInterface: clientInterface, trustedInterface: trustedInterface,
                ownedAddresses: cluster.dvipas + cluster.gateways,
                configuration: RouterConfiguration(
                    cluster, trustedAddress: trustedAddress, trustedMAC: trustedMAC, trustedMTU: trusted.mtu),
                associations: cluster.securityAssociations.map(\.association)),
            relay: relaySender)
        let desk = workers.desks
        let neighbours = try NeighbourService(
            targets: cluster.targets, interface: trustedInterface, local: trustedAddress
        ) { publication in
            if !desk.offer(publication) { Log.warn("the worker does not keep up with publications") }
        }
        let relay = cluster.link.flatMap { _ in
            RelayService(self, trustedAddress: trustedAddress, receiver: pipe.takeReceiver())
        }
        let coupling = try couplingEnd()
        defer { coupling?.stop() }
        let marks = try CoupledMarks(self, isCoupled: coupling != nil)
        let sequencer = try sequencerService(at: trustedAddress, marks, coupling)
        let illness = LateValue<String>()
        let hasEnded = LateValue<Bool>()
        let control = try routerControl(
            at: trustedAddress, desk: desk, sequencer: sequencer, coupling, marks, relay
        ) { why in
            illness.value = why
            Self.takeOut("router", because: why, end: desk.end) { hasEnded.value != nil }
        }
        marks.control.value = control
        let commands = try controlSocket.map { path in
            try CommandSocket(path: path) {
                ControlSocket.answer($0, control, targets: cluster.targets.map(\.name)) { rotateKey(coupling) }
            }
        }
        let status = StatusWriter(node: node, file: statusFile, verification: cluster.verification)
        let housekeeping = try ServiceThread(name: "status") { context in
            while !context.isStopping {
                if termination.isRequested(within: StatusWriter.interval) { desk.end() }
                status.write(
                    desk.latestReport, sequencer: sequencer.report, neighbours: neighbours.failure,
                    control: control?.report, relay: relay)
            }
        }
        announce("on \(workers.summary)\(cluster.verificationWords)")
        try workers.run()
        hasEnded.value = true
        coupling?.stopWaiting()
        housekeeping.stop()
        commands?.stop()
        relay?.stop()
        control?.stop()
        neighbours.stop()
        sequencer.stop()
        status.write(
            desk.latestReport, sequencer: sequencer.report, neighbours: neighbours.failure,
            control: control?.report, relay: relay)
        if let why = illness.value { throw RunFailure("\(node.name) took itself out: \(why)") }
    }

    /// Hands out the numbers of the SAs under which the targets answer.
    func sequencerService(at address: IPAddress, _ marks: CoupledMarks, _ coupling: CouplingEnd?) throws
        -> SequencerService
    {
        // With a coupling facility they come when it says from which number on.
        let associations =
            marks.isCoupled
            ? []
            : marks.files.values.map {
                SequencerService.Association(
                    spi: $0.association.spi, replayWindow: $0.association.replayWindow, reservation: $0.file,
                    lastNumber: $0.association.lastSequenceNumber)
            }
        return try SequencerService(
            local: SocketAddress(address: address, port: cluster.leases.port),
            holders: cluster.leaseHolders(relayAt: address),
            associations: associations, timing: Sequencer.Timing(validity: cluster.leases.validityNanoseconds),
            protection: cluster.link == nil ? .none : .sealed,
            hooks: SequencerService.Hooks(
                reserve: { marks.control.value?.reserve($0) },
                giveBack: { spi, mark, next in marks.giveBack(spi, mark, next, coupling) }))
    }
}

extension ClusterConfiguration {
    /// All who lease numbers: the targets and, from the router's own address, the relay.
    func leaseHolders(relayAt address: IPAddress) -> [HolderID: IPAddress] {
        leaseHolders.merging([relayHolder: address]) { $1 }
    }

    /// The targets by what router and target call them between themselves: their places in the file.
    var leaseHolders: [HolderID: IPAddress] {
        Dictionary(
            uniqueKeysWithValues: targets.enumerated().map {
                (HolderID(rawValue: UInt16($0.offset)), $0.element.trustedAddress)
            })
    }
}

extension LeaseSettings {
    var validityNanoseconds: UInt64 { UInt64(validityMilliseconds) * 1_000_000 }
}

extension FastPath.PortChoice {
    /// The packet path does not know the configuration, nor the other way round.
    init(_ choice: Configuration.PortChoice) {
        switch choice {
        case .auto: self = .auto
        case .afXDP: self = .afXDP
        case .packetSocket: self = .packetSocket
        }
    }
}
