import Associations
import Configuration
import ControlPlane
import FastPath

/// Delivery through the kernel's XFRM (docs/xfrm.md).
extension Member {
    /// No next header: what the routers' probes are behind GRE.
    static let probeProtocol: UInt8 = 59

    /// nil where the target opens ESP itself. Throws, in one line, where the kernel is asked for and cannot.
    func kernelDelivery(of target: TargetNode) throws -> KernelDelivery? {
        if target.delivery == .tun { return nil }
        do {
            if cluster.filter(at: .target) != nil {
                throw KernelRefusal(
                    description:
                        "filters at the target are asked of packets that we open: write at: router, or delivery: tun")
            }
            if cluster.verification == .target {
                throw KernelRefusal(
                    description:
                        "with verify: target a target tells the router what it has verified, and the kernel does not")
            }
            let routers = cluster.routers.compactMap(\.trustedAddress)
            guard routers.count == 1 else {
                throw KernelRefusal(description: "the kernel takes GRE of one router, and there are \(routers.count)")
            }
            let named = Set(cluster.associations(of: node).map(\.transform))
            // What the file names is asked for; with a link anything that the node says it can do may come.
            let transforms = target.transforms.filter { cluster.link != nil || named.contains($0) }
            return try KernelDelivery(
                from: routers[0], to: target.trustedAddress, epoch: cluster.epoch, transforms: transforms)
        } catch let refusal as KernelRefusal {
            guard target.delivery == .auto else {
                throw RunFailure("\(node.name): delivery: xfrm: \(refusal)")
            }
            Log.say("\(node.name): through a TUN device: \(refusal)")
            return nil
        }
    }
}

extension KernelDelivery {
    /// Does what is the kernel's of a publication, and says whether it was.
    func take(_ publication: Publication) throws(InstallFailure) -> Bool {
        switch publication {
        case .install(let association) where association.direction == .inbound:
            do throws(KernelRefusal) { try install(association) } catch {
                Log.warn("the kernel's ESP: \(error)")
                throw error.isForSelectors ? .selectorsDoNotFit : .tableFull(capacity: 0)
            }
            return true
        case .relay(let relayed):
            // What comes in clear for an SA is judged by us; the kernel would take anything.
            if relayed.direction == .inbound { remove(relayed.spi) }
            throw .selectorsDoNotFit
        case .remove(let spi, .inbound):
            remove(spi)
            return true
        case .allow(let grant) where grant.direction == .inbound:
            allow(grant)
            return true
        case .advance: return true
        case .epoch(let newer):
            advance(to: newer)
            return false
        default: return false
        }
    }
}
