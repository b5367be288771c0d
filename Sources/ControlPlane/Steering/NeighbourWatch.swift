public import Associations
public import Wire

/// Keeps the packet path told of the link-layer addresses of the targets, which it puts into frames itself. The kernel
/// does the asking; since it does not see our frames, it has to be given a reason now and then.
///
/// A machine without I/O; `now` is nanoseconds of the monotonic clock.
public struct NeighbourWatch: Sendable {
    public enum Action: Sendable, Equatable {
        /// `Publication.neighbour`.
        case publish(target: String, MACAddress?)
        /// Send anything to the address on the trusted link, so that the kernel asks who has it.
        case resolve(IPAddress)
    }

    /// Between two tries to resolve the same target.
    public static let resolutionNanoseconds: UInt64 = 1_000_000_000

    private struct Watched: Sendable {
        var name: String
        var linkAddress: MACAddress?
        var state: Neighbour.State = .failed
        var resolvesAt: UInt64 = 0
    }

    private let interface: UInt32
    private var targets: [IPAddress: Watched] = [:]

    /// `interface`: the index of the trusted one; what the kernel knows on others does not count.
    public init(targets: [Target], interface: UInt32) {
        self.interface = interface
        for target in targets { self.targets[target.trustedAddress] = Watched(name: target.name) }
    }

    /// When `tick` has something to do next; nil while all are fresh.
    public var deadline: UInt64? { targets.values.filter { $0.state != .reachable }.map(\.resolvesAt).min() }

    /// All that the kernel knows, at the start and after changes were lost: what is not in it is gone.
    public mutating func receive(all neighbours: [Neighbour], at now: UInt64) -> [Action] {
        var actions: [Action] = []
        let known = Set(neighbours.filter { $0.interface == interface }.map(\.address))
        for address in targets.keys.sorted() where !known.contains(address) {
            let gone = Neighbour(interface: interface, address: address, linkAddress: nil, state: .failed)
            actions += note(gone)
        }
        for neighbour in neighbours { actions += note(neighbour) }
        return actions + tick(at: now)
    }

    /// One change.
    public mutating func receive(_ neighbour: Neighbour, at now: UInt64) -> [Action] {
        note(neighbour) + tick(at: now)
    }

    private mutating func note(_ neighbour: Neighbour) -> [Action] {
        guard neighbour.interface == interface, var watched = targets[neighbour.address] else { return [] }
        var actions: [Action] = []
        // While the kernel asks anew, frames keep going where they went: the answer is most likely the same.
        let linkAddress = neighbour.state == .incomplete ? watched.linkAddress : neighbour.linkAddress
        if linkAddress != watched.linkAddress {
            watched.linkAddress = linkAddress
            actions.append(.publish(target: watched.name, linkAddress))
        }
        watched.state = neighbour.state
        targets[neighbour.address] = watched
        return actions
    }

    /// Asks for what is missing, stale or failed, each target at most once a second.
    public mutating func tick(at now: UInt64) -> [Action] {
        var actions: [Action] = []
        for address in targets.keys.sorted() {
            guard let watched = targets[address], watched.state != .reachable, now >= watched.resolvesAt else {
                continue
            }
            targets[address]?.resolvesAt = now + Self.resolutionNanoseconds
            actions.append(.resolve(address))
        }
        return actions
    }
}
