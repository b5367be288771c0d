import Associations
import Configuration
import FastPath
import Wire

extension RouterConfiguration {
    /// A router's tables for a cluster.
    init(_ cluster: ClusterConfiguration, trustedAddress: IPAddress, trustedMAC: MACAddress, trustedMTU: Int) {
        self.init(
            dvipas: cluster.dvipas, gateways: cluster.gateways, services: cluster.services, targets: cluster.targets,
            epoch: cluster.epoch, trustedAddress: trustedAddress, trustedMAC: trustedMAC, trustedMTU: trustedMTU)
        filter = cluster.filter(at: .router)
        verification = Verification(cluster.verification)
        connectionCapacity = cluster.limits.connections
        halfOpenCapacity = cluster.limits.halfOpen
        halfOpenLimit = cluster.limits.halfOpenPerAssociation
        affinityCapacity = cluster.limits.affinities
        let inbound = cluster.securityAssociations.map(\.association).filter { $0.direction == .inbound }
        associationCapacity = max(cluster.associationRoom, inbound.count * 2)
        let windows = inbound.map(\.replayWindow) + (cluster.ike?.connections.map(\.child.replayWindow) ?? [])
        maximumReplayWindow = windows.max() ?? 64
    }
}

extension Verification {
    /// The packet path does not know the configuration, nor the other way round.
    init(_ policy: VerificationPolicy) {
        switch policy {
        case .router: self = .router
        case .target: self = .target
        }
    }
}

extension ClusterConfiguration {
    /// For the line that says that a node works: nothing of what is so unless the file says otherwise.
    var verificationWords: String { verification == .target ? "; verify: target" : "" }

    /// SAs of one direction that a node has room for, beside those of the file.
    var associationRoom: Int { ike == nil ? 64 : 16_384 }
}
