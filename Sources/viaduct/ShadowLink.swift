import Associations
import ControlPlane
import FastPath
import Wire

/// A target's end of the shadow link, on the thread of its loop: the SAs that come go straight into its tables.
struct ShadowLink: ~Copyable {
    private var subscriber: ShadowSubscriber
    let socket: UDPSocket
    private let router: SocketAddress
    private let holder: HolderID
    private let leaseTiming: LeaseHolder.Timing
    private let clock = MonotonicClock()
    private var buffer = [UInt8](repeating: 0, count: 4096)
    private(set) var tallies: [String: UInt64] = [:]
    private var nextUsageAt: UInt64 = 0

    /// - Parameter router: where its publisher listens.
    init(
        holder: HolderID, clusterKey: SecretBytes, socket: consuming UDPSocket, router: SocketAddress,
        leaseTiming: LeaseHolder.Timing
    ) {
        var random = KernelRandom()
        subscriber = ShadowSubscriber(
            holder: holder, clusterKey: clusterKey, incarnation: Incarnation(using: &random), at: MonotonicClock().now)
        self.socket = socket
        self.router = router
        self.holder = holder
        self.leaseTiming = leaseTiming
    }

    var deadline: UInt64 { subscriber.deadline }

    /// Once a round of the loop: what has come, and what is due.
    mutating func poll(_ host: inout Host, _ numbers: inout SequenceSource) {
        while let (count, source) = try? socket.receive(into: &buffer) {
            guard source.address == router.address, count <= buffer.count else {
                tallies["strange", default: 0] += 1
                continue
            }
            perform(subscriber.receive(Array(buffer[..<count]), at: clock.now), &host, &numbers)
        }
        let now = clock.now
        if now >= nextUsageAt {
            nextUsageAt = now + ShadowSubscriber.interval
            subscriber.note(host.usage.filter { $0.direction == .outbound })
        }
        perform(subscriber.tick(at: now), &host, &numbers)
    }

    private mutating func perform(
        _ actions: [ShadowSubscriber.Action], _ host: inout Host, _ numbers: inout SequenceSource
    ) {
        for action in actions {
            switch action {
            case .send(let bytes):
                let sent = (try? socket.send(bytes, to: router)) ?? false
                if !sent { tallies["unsent", default: 0] += 1 }
            case .apply(let publication): apply(publication, &host, &numbers)
            case .began:
                tallies["began", default: 0] += 1
                Log.say("shadow link: the router at \(router) gives the security associations")
            case .count(let event): tallies["\(event)", default: 0] += 1
            }
        }
    }

    private mutating func apply(_ publication: Publication, _ host: inout Host, _ numbers: inout SequenceSource) {
        do {
            try host.apply(publication)
        } catch {
            guard case .install(let association) = publication else { return }
            tallies["refused", default: 0] += 1
            subscriber.refused(
                ShadowEntry.Key(spi: association.spi, direction: association.direction), ShadowRefusal(error))
            return
        }
        switch publication {
        case .install(let association):
            tallies["installed", default: 0] += 1
            guard association.direction == .outbound else { return }
            // An incarnation of its own: of an SA that comes a second time the sequencer must not take the new holder for
            // the old one, whose requests it has answered.
            numbers.add(
                LeaseHolder(
                    spi: association.spi, holder: holder, incarnation: .random(in: 0 ... .max), timing: leaseTiming))
        case .remove(let spi, let direction):
            tallies["removed", default: 0] += 1
            if direction == .outbound { numbers.remove(spi) }
        case .relocate: tallies["relocated", default: 0] += 1
        case .neighbour, .lease, .allow, .standing, .epoch, .closed, .probe: break
        }
    }
}

extension ShadowRefusal {
    init(_ failure: InstallFailure) {
        switch failure {
        case .tableFull: self = .tableFull
        case .selectorsDoNotFit: self = .selectorsDoNotFit
        case .windowTooWide: self = .windowTooWide
        }
    }
}
