import Associations
import Configuration
import ControlPlane
import Foundation
import Wire
import XCF

/// What the configuration means for the XCF link.
extension ClusterConfiguration {
    /// SHA-256 of what all members must agree on.
    var policyHash: [UInt8] { Digest.sha256(Array(policyText.utf8)) }

    /// The router's end, once it has been decided that there is one; nil when the configuration has no `link`. `facility` is
    /// what it serves besides.
    func linkServer(of node: String, at address: IPAddress, serving facility: (any CouplingFacility)?) throws -> (
        @Sendable (@escaping @Sendable () -> Void) throws -> any RouterLink
    )? {
        guard let link, let wrapping else { return nil }
        let credentials = try LinkCredentials(directory: link.credentials, node: node)
        let members = targets.map(\.name)
        let local = SocketAddress(address: address, port: link.port)
        let served = facility.map { ServedFacility($0, writers: routerNames) }
        return { nudge in
            RouterLinkEnd(
                server: try LinkServer(
                    listen: local, credentials: credentials, members: members, wrapping: wrapping, facility: served,
                    nudge: nudge))
        }
    }

    /// A target's end.
    func linkClient(of node: String) throws -> (@Sendable (@escaping @Sendable () -> Void) throws -> any MemberLink)? {
        guard let link, let wrapping else { return nil }
        guard let (router, address) = linkRouter else { throw RunFailure("\(node): no router to link with") }
        let credentials = try LinkCredentials(directory: link.credentials, node: node)
        let remote = SocketAddress(address: address, port: link.port)
        return { nudge in
            MemberLinkEnd(
                client: try LinkClient(
                    router: remote, routerName: router, credentials: credentials, wrapping: wrapping, nudge: nudge))
        }
    }

    private var linkRouter: (name: String, address: IPAddress)? {
        for node in nodes {
            if case .router(let router) = node.role, let address = router.trustedAddress { return (node.name, address) }
        }
        return nil
    }

    /// nil without a cluster key.
    private var wrapping: LinkWrapping? {
        guard let keyRing else { return nil }
        return LinkWrapping(
            wrap: { plaintext, context in
                var random = KernelRandom()
                return keyRing.wrap(plaintext, context: context.rawValue, using: &random)
            }, unwrap: { wrapped, context in try? keyRing.unwrap(wrapped, context: context.rawValue) })
    }

    /// nil without a cluster key.
    var keyRing: KeyRing? { clusterKey.map { KeyRing(current: $0, former: formerClusterKeys) } }
}

extension TargetRotation.Timing {
    init(_ settings: HealthSettings) {
        self.init()
        silence = UInt64(settings.silenceMilliseconds) * 1_000_000
        probe = UInt64(settings.probeMilliseconds) * 1_000_000
    }
}

extension TargetRotation.Weighing {
    init(_ weight: TargetWeight) {
        switch weight {
        case .fixed(let weight): self = .fixed(weight)
        case .led: self = .led
        }
    }
}
