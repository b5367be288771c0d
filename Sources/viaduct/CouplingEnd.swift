import Associations
import Configuration
import ControlPlane
import CouplingFacilities
import Dispatch
import Synchronization

/// A router's coupling facility and what works with it, from the opening to the closing.
final class CouplingEnd: Sendable {
    private let facility: any CouplingFacility
    let service: CouplingService
    private let nudge: LateCall

    /// Opens the facility, and begins to acquire the ownership.
    init(facility: any CouplingFacility, keys: CouplingKeys, member: String, ring: KeyRing) {
        let nudge = LateCall()
        self.nudge = nudge
        self.facility = facility
        service = CouplingService(facility: facility, keys: keys, member: member, ring: ring) { nudge() }
        service.start()
    }

    /// Who is called when there is something to take.
    func tell(_ call: @escaping @Sendable () -> Void) {
        nudge.set(call)
        call()
    }

    /// Gives the lease back and lets go of the facility.
    func stop() {
        let ended = DispatchSemaphore(value: 0)
        Task {
            await service.stop()
            await facility.close()
            ended.signal()
        }
        ended.wait()
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
        guard cluster.ike != nil || cluster.link != nil, let ring = cluster.keyRing,
            let directory = cluster.stateDirectory
        else { return nil }
        guard let keys = CouplingKeys(cluster: cluster.name) else {
            throw RunFailure("cluster: \(cluster.name) is no name for keys in a coupling facility")
        }
        let facility = try EmbeddedFacility(path: directory + "/coupling.sqlite")
        return CouplingEnd(facility: facility, keys: keys, member: node.name, ring: ring)
    }
}
