import Associations
import Configuration
import ControlPlane
import CouplingFacilities
import Dispatch
import Synchronization
import XCF

/// A router's coupling facility and what works with it, from the opening to the closing.
final class CouplingEnd: Sendable {
    private let facility: any CouplingFacility
    /// What other members reach over this router's link; nil where it is not this router's.
    let served: (any CouplingFacility)?
    let service: CouplingService
    private let nudge: LateCall
    private let ring: Mutex<KeyRing>
    /// Of a rotation that is waited for.
    private let rotation = DispatchSemaphore(value: 0)
    private let isEnding = Atomic(false)

    /// Opens the facility, and begins to acquire the ownership.
    init(
        facility: any CouplingFacility, isServed: Bool, keys: CouplingKeys, member: String, ring: KeyRing,
        leaseSeconds: Int
    ) {
        let nudge = LateCall()
        self.nudge = nudge
        self.facility = facility
        served = isServed ? facility : nil
        self.ring = Mutex(ring)
        service = CouplingService(
            facility: facility, keys: keys, member: member, ring: ring, leaseSeconds: leaseSeconds
        ) { nudge() }
        service.start()
    }

    /// Who is called when there is something to take.
    func tell(_ call: @escaping @Sendable () -> Void) {
        nudge.set(call)
        call()
    }

    /// What was never granted is free again. Does not wait; `stop` does.
    func giveBack(_ sequence: SequenceKey, mark: UInt64, next: UInt64) {
        // Not the owner any more: then it stays where the owner has it.
        _ = service.submit(.giveBack(sequence, mark: mark, next: next), ticket: .max)
    }

    /// Until all that waits is written, within two seconds; then gives the lease back and lets go of the facility.
    func stop() {
        let ended = DispatchSemaphore(value: 0)
        Task {
            await service.drain(seconds: 2)
            await service.stop()
            await facility.close()
            ended.signal()
        }
        ended.wait()
    }
}

/// Another cluster key while the router runs.
extension CouplingEnd {
    /// What an operator is told; begins with "ok" when all went well. Waits until the values are wrapped anew.
    func rotate(to new: KeyRing) -> String {
        let present = ring.withLock { $0.current }
        guard new.has(present) else {
            return
                "the present key \(present) is neither clusterKey nor among formerClusterKeys: what it wrapped would be lost"
        }
        ring.withLock { $0 = new }
        let outcome = LateValue<(count: Int, unreadable: Int)>()
        let isOwner = service.report.epoch != nil
        service.rotate(to: new) { [rotation] count, unreadable in
            outcome.value = (count, unreadable.count)
            rotation.signal()
        }
        guard isOwner else { return "ok key \(new.current) is read; the router that owns the addresses wraps anew" }
        while outcome.value == nil, !isEnding.load(ordering: .acquiring) {
            guard rotation.wait(timeout: .now() + Self.rotationPatience) == .success else { break }
        }
        guard let (count, unreadable) = outcome.value else {
            return
                "key \(new.current) is read, and not all is wrapped under it yet: it goes on, and the log says when it is done"
        }
        let said = "\(count) values are wrapped anew under key \(new.current)"
        guard unreadable == 0 else { return "\(said); \(unreadable) cannot be read: the log names them" }
        return "ok \(said)"
    }

    private static let rotationPatience = DispatchTimeInterval.seconds(30)

    /// Nobody is to wait for a rotation any more.
    func stopWaiting() {
        isEnding.store(true, ordering: .releasing)
        rotation.signal()
    }
}

/// A call to somebody who comes later; before that nothing.
final class LateCall: Sendable {
    private let call = Mutex<(@Sendable () -> Void)?>(nil)
    func set(_ new: @escaping @Sendable () -> Void) { call.withLock { $0 = new } }
    func callAsFunction() { call.withLock { $0 }?() }
}

/// What one thread is given when another has made it.
final class LateValue<Value: Sendable>: Sendable {
    private let stored = Mutex<Value?>(nil)
    var value: Value? {
        get { stored.withLock { $0 } }
        set { stored.withLock { $0 = newValue } }
    }
}

extension Member {
    /// nil when nothing is to outlive this process: without a place to keep it, or without a control plane.
    func couplingEnd() throws -> CouplingEnd? {
        guard cluster.ike != nil || cluster.link != nil, let ring = cluster.keyRing, let settings = cluster.coupling
        else { return nil }
        guard let keys = CouplingKeys(cluster: cluster.name) else {
            throw RunFailure("cluster: \(cluster.name) is no name for keys in a coupling facility")
        }
        return CouplingEnd(
            facility: try facility(settings), isServed: cluster.couplingRouter?.name == node.name, keys: keys,
            member: node.name, ring: ring,
            leaseSeconds: settings.leaseSeconds)
    }

    private func facility(_ settings: CouplingSettings) throws -> any CouplingFacility {
        switch settings.kind {
        case .embedded(let path, _):
            guard let keeper = cluster.couplingRouter, keeper.name != node.name else {
                return try EmbeddedFacility(path: path)
            }
            guard let link = cluster.link, let address = keeper.settings.trustedAddress else {
                throw RunFailure("\(node.name): no way to the coupling facility of \(keeper.name)")
            }
            return try RemoteFacility(
                router: SocketAddress(address: address, port: link.port), routerName: keeper.name,
                credentials: LinkCredentials(directory: link.credentials, node: node.name))
        case .etcd(let etcd):
            return try EtcdFacility(
                endpoints: etcd.endpoints.map { EtcdEndpoint(isTLS: $0.isTLS, host: $0.host, port: $0.port) },
                credentials: EtcdCredentials(
                    authority: etcd.authority, certificate: etcd.certificate, privateKey: etcd.privateKey))
        }
    }
}
