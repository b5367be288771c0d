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
        let inbound = cluster.securityAssociations.map(\.association).filter { $0.direction == .inbound }
        associationCapacity = max(64, inbound.count * 2)
        maximumReplayWindow = inbound.map(\.replayWindow).max() ?? 64
    }
}
