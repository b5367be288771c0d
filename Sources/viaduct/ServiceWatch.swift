import Associations
import ControlPlane
import Synchronization

/// How the services of a target are, asked of the kernel twice a second at most.
final class ServiceWatch: Sendable {
    private struct Latest: Sendable {
        var reports: [MemberMessage.ServiceReport] = []
        var askedAt: UInt64 = 0
        var hasFailed = false
    }

    private let services: [Service]
    /// The device behind which the DVIPAs are; there once the packet path is.
    private let device: String
    private let latest = Mutex(Latest())
    private let clock = MonotonicClock()
    /// Nanoseconds.
    private static let interval: UInt64 = 500_000_000

    init(services: [Service], device: String) {
        self.services = services
        self.device = device
    }

    /// Empty while it cannot be told; then nothing is said against the target.
    var reports: [MemberMessage.ServiceReport] {
        let now = clock.now
        return latest.withLock { latest in
            guard now >= latest.askedAt + Self.interval else { return latest.reports }
            latest.askedAt = now
            do {
                var netlink = try Netlink()
                guard let interface = try? netlink.interface(named: device) else { return [] }
                var watch = try ListenerWatch(services: services, interface: interface.index)
                latest.reports = try watch.reports()
            } catch {
                if !latest.hasFailed { Log.warn("the services' listeners cannot be watched: \(error)") }
                latest.hasFailed = true
            }
            return latest.reports
        }
    }
}
