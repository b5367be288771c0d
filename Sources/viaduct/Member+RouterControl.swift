import Associations
import Configuration
import ControlPlane
import FastPath
import Wire
import XCF

/// The control plane of a router: the service, and what its SAs mean for the packet path and the sequencers.
extension Member {
    /// nil when the configuration has neither `ike` nor `link`.
    func routerControl(
        at address: IPAddress, desk: WorkerDesks, sequencer: SequencerService, _ coupling: CouplingEnd?,
        _ marks: CoupledMarks, _ relay: RelayService?, withdraw: @escaping @Sendable (String) -> Void
    ) throws -> RouterControl? {
        guard cluster.ike != nil || cluster.link != nil else { return nil }
        var settings = RouterControl.Settings(
            targets: cluster.targets.map(\.name), policyHash: cluster.policyHash, epoch: cluster.epoch)
        settings.relay = relay == nil ? nil : node.name
        settings.takenSPIs = Set(cluster.securityAssociations.map(\.association.spi))
        settings.services = cluster.services
        settings.targetsVerify = cluster.verification == .target
        settings.rotation = TargetRotation.Timing(cluster.health)
        settings.whenLost = cluster.health.whenLost == .move ? .move : .hold
        settings.weighings = cluster.targetNodes.map { TargetRotation.Weighing($0.weight) }
        var judges: CertificateJudges?
        if let ike = cluster.ike {
            settings.listen = ike.listen
            (settings.connections, judges) = try cluster.ikeConnections()
            settings.limits.cookieThreshold = ike.cookieThreshold
            settings.limits.maximum = ike.maximumHalfOpen
            settings.limits.maximumPerAddress = ike.maximumHalfOpenPerAddress
        }
        settings.sharedAssociations = marks.files.values.map(\.association)
        let judge = judges
        let isCoupled = coupling != nil
        let link = try cluster.linkServer(of: node.name, at: address, serving: coupling?.served).map { server in
            { @Sendable (nudge: @escaping @Sendable () -> Void) throws -> any RouterLink in
                let end = try server(nudge)
                return relay?.link.router(beside: end, nudge: nudge) ?? end
            }
        }
        var hooks = RouterControl.Hooks(
            link: link, apply: { Self.apply($0, desk, sequencer, isCoupled: isCoupled) },
            publish: { Self.publish($0, desk) },
            protect: { holder, key, epoch in sequencer.protect(holder, key: key, epoch: epoch) },
            log: { Log.say($0) }, received: { desk.latestReport.received },
            granted: { sequencer.takeGrantedEnds() },
            judge: { certificate, answer in judge?.judge(certificate, answer) })
        hooks.sighted = { desk.takeSightings() }
        hooks.startRelay = { relay?.start() }
        hooks.coupling = coupling?.service
        hooks.sequence = { association, mark in marks.sequence(association, mark, sequencer) }
        hooks.reserved = { reserving, isDurable in marks.reserved(reserving, isDurable, sequencer) }
        hooks.advance = { epoch in sequencer.advance(to: epoch) }
        hooks.rounds = { desk.roundCount }
        hooks.withdraw = withdraw
        let control = try RouterControl(settings, hooks: hooks)
        coupling?.tell { control.wake() }
        return control
    }

    /// Inbound SAs are for the router's own path; for outbound ones it hands out the numbers.
    private static func apply(
        _ entry: ShadowEntry, _ desk: WorkerDesks, _ sequencer: SequencerService, isCoupled: Bool
    ) {
        switch entry {
        case .begin, .complete, .relay, .relocate, .allow, .advance: break
        case .install(let association) where association.direction == .inbound:
            publish(.install(association), desk)
        case .remove(let spi, .inbound): publish(.remove(spi, .inbound), desk)
        case .install(let association):
            sequencer.add(
                SequencerService.Association(
                    spi: association.spi, replayWindow: association.replayWindow,
                    marks: isCoupled ? .coupled(first: 1, upTo: Reservation.firstMark) : .unwritten,
                    lastNumber: association.lastSequenceNumber))
        case .remove(let spi, .outbound): sequencer.remove(spi)
        }
    }

    private static func publish(_ publication: Publication, _ desk: WorkerDesks) {
        if !desk.offer(publication) { Log.warn("the worker does not keep up with publications") }
    }
}
