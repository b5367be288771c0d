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
        let inbound = cluster.securityAssociations.map(\.association).filter { $0.direction == .inbound }
        associationCapacity = max(cluster.associationRoom, inbound.count * 2)
        let windows = inbound.map(\.replayWindow) + (cluster.ike?.connections.map(\.child.replayWindow) ?? [])
        maximumReplayWindow = windows.max() ?? 64
    }
}

extension ClusterConfiguration {
    /// SAs of one direction that a node has room for, beside those of the file.
    var associationRoom: Int { ike == nil ? 64 : 16_384 }
}
