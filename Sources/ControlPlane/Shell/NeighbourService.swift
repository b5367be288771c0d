public import Associations
internal import Glibc
internal import Synchronization
public import Wire

/// `NeighbourWatch` on a thread with the kernel's neighbour table, in the network namespace of the thread that makes
/// it.
public final class NeighbourService: Sendable {
    /// Discard (RFC 863): whoever gets it throws it away; sending it is the point.
    private static let discardPort: UInt16 = 9

    private final class Failure: Sendable { let value = Mutex<SystemError?>(nil) }

    /// What the thread has.
    private final class Endpoint: Sendable {
        let subscription: NeighbourSubscription
        let socket: UDPSocket
        init(local: IPAddress) throws(SystemError) {
            subscription = try NeighbourSubscription()
            socket = try UDPSocket(bind: SocketAddress(address: local, port: 0))
        }
    }

    private let thread: ServiceThread
    private let broken = Failure()

    /// - Parameters:
    ///   - interface: the trusted one, by name.
    ///   - local: our own address there.
    ///   - publish: called on the service's thread with every `Publication.neighbour`.
    public init(
        targets: [Target], interface: String, local: IPAddress, _ publish: @escaping @Sendable (Publication) -> Void
    ) throws(SystemError) {
        let endpoint = try Endpoint(local: local)
        var netlink = try Netlink()
        let index = try netlink.interface(named: interface).index
        let listing = Listing(netlink)
        let broken = broken
        thread = try ServiceThread(name: "neighbours") { context in
            do throws(SystemError) {
                try Self.run(targets, index, endpoint, listing, context, publish)
            } catch {
                broken.value.withLock { $0 = error }
            }
        }
    }

    /// Why it watches no longer; nil while it does.
    public var failure: SystemError? { broken.value.withLock { $0 } }

    public func stop() { thread.stop() }

    /// The socket for listings, used by the thread alone; made before it, in the caller's namespace.
    private final class Listing: Sendable {
        let netlink: Mutex<Netlink>
        init(_ netlink: consuming sending Netlink) { self.netlink = Mutex(netlink) }
        func neighbours(of interface: UInt32) throws(SystemError) -> [Neighbour] {
            try netlink.withLock { netlink throws(SystemError) in try netlink.neighbours(of: interface) }
        }
    }

    private static func run(
        _ targets: [Target], _ interface: UInt32, _ endpoint: Endpoint, _ listing: Listing,
        _ context: ServiceThread.Context, _ publish: (Publication) -> Void
    ) throws(SystemError) {
        let clock = MonotonicClock()
        var watch = NeighbourWatch(targets: targets, interface: interface)
        var isComplete = false
        while !context.isStopping {
            var actions: [NeighbourWatch.Action] = []
            if !isComplete {
                actions += watch.receive(all: try listing.neighbours(of: interface), at: clock.now)
                isComplete = true
            }
            do throws(SystemError) {
                for neighbour in try endpoint.subscription.changes() {
                    actions += watch.receive(neighbour, at: clock.now)
                }
            } catch {
                // Some were lost: the listing has them.
                guard error.code == ENOBUFS else { throw error }
                isComplete = false
            }
            actions += watch.tick(at: clock.now)
            for action in actions {
                switch action {
                case .publish(let target, let linkAddress): publish(.neighbour(target: target, linkAddress))
                case .resolve(let address):
                    try endpoint.socket.send([0], to: SocketAddress(address: address, port: Self.discardPort))
                }
            }
            guard isComplete else { continue }
            let now = clock.now
            context.pause(
                [endpoint.subscription.descriptor], nanoseconds: watch.deadline.map { $0 > now ? $0 - now : 0 })
        }
    }
}
