import Associations
import Configuration
import ControlPlane
import FastPath
import Wire

/// IKE on a router: the service, and what its SAs mean for the packet path and the sequencers.
extension Member {
    /// nil when the configuration has no `ike`.
    func ikeService(at address: IPAddress, desk: WorkerDesk, sequencer: SequencerService) throws -> IKEService? {
        guard let ike = cluster.ike, let clusterKey = cluster.clusterKey else { return nil }
        let (connections, judges) = try cluster.ikeConnections()
        var settings = IKEService.Settings(
            listen: ike.listen, connections: connections,
            link: SocketAddress(address: address, port: ike.linkPort), holders: cluster.leaseHolders,
            clusterKey: clusterKey)
        settings.limits.cookieThreshold = ike.cookieThreshold
        settings.limits.maximum = ike.maximumHalfOpen
        settings.limits.maximumPerAddress = ike.maximumHalfOpenPerAddress
        settings.takenSPIs = Set(cluster.securityAssociations.map(\.association.spi))
        return try IKEService(
            settings,
            hooks: IKEService.Hooks(
                apply: { entry in Self.apply(entry, desk, sequencer) }, log: { Log.say($0) },
                received: { desk.latestReport.received }, granted: { sequencer.takeGrantedEnds() },
                judge: { certificate, answer in judges.judge(certificate, answer) }))
    }

    /// Inbound SAs are for the router's own path; for outbound ones it hands out the numbers.
    private static func apply(_ entry: ShadowEntry, _ desk: WorkerDesk, _ sequencer: SequencerService) {
        var publication: Publication?
        switch entry {
        case .begin, .relocate: break
        case .install(let association) where association.direction == .inbound: publication = .install(association)
        case .remove(let spi, .inbound): publication = .remove(spi, .inbound)
        case .install(let association):
            sequencer.add(
                SequencerService.Association(
                    spi: association.spi, replayWindow: association.replayWindow, reservation: nil))
        case .remove(let spi, .outbound): sequencer.remove(spi)
        }
        if let publication, !desk.inbox.offer(publication) {
            Log.warn("the worker does not keep up with publications")
        }
    }
}
