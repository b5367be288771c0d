import Associations
import ControlPlane
import FastPath

/// What comes over the link for a target's packet path, done on the thread of its loop.
struct ShadowIntake {
    private let holder: HolderID
    private let leaseTiming: LeaseHolder.Timing
    /// Says how far it got.
    private let done: @Sendable (NumberedPublication, [MemberMessage.Refusal]) -> Void
    private(set) var tallies: [String: UInt64] = [:]
    /// Where the next note goes on.
    private var nextUsage = 0
    private var nextVerified = 0
    private var omittedBefore: UInt64 = 0
    /// Places of the tables that one note looks at.
    private static let usageSlice = 16_384

    init(
        holder: HolderID, leaseTiming: LeaseHolder.Timing,
        done: @escaping @Sendable (NumberedPublication, [MemberMessage.Refusal]) -> Void
    ) {
        self.holder = holder
        self.leaseTiming = leaseTiming
        self.done = done
    }

    /// Once a round of the loop.
    mutating func take(
        from desk: HostDesk, _ host: inout Host, _ numbers: inout SequenceSource, _ kernel: KernelDelivery? = nil
    ) {
        let (publications, leaseKey) = desk.takePublications()
        if let leaseKey {
            numbers.protect(holder, key: leaseKey.key, epoch: leaseKey.epoch)
            // A router has let us in, who may be another one than before, or another process.
            host.tellAgain()
        }
        guard let last = publications.last else { return }
        var refusals: [MemberMessage.Refusal] = []
        for numbered in publications {
            if let refusal = apply(numbered.publication, desk, &host, &numbers, kernel) { refusals.append(refusal) }
        }
        done(last, refusals)
    }

    /// What was seen since the last time, for the reports to the router.
    mutating func note(_ host: inout Host, _ kernel: KernelDelivery? = nil, at desk: HostDesk) {
        let omitted = host.omittedConnectionEvents
        desk.note(
            host.usage(from: &nextUsage, count: Self.usageSlice) + (kernel?.usage ?? []), host.takeConnectionEvents(),
            omitted: omitted - omittedBefore, probe: host.lastProbe,
            verified: host.takeVerifiedNumbers(from: &nextVerified, count: Self.usageSlice),
            peers: host.takeSightings())
        omittedBefore = omitted
    }

    private mutating func apply(
        _ publication: Publication, _ desk: HostDesk, _ host: inout Host, _ numbers: inout SequenceSource,
        _ kernel: KernelDelivery?
    ) -> MemberMessage.Refusal? {
        do throws(InstallFailure) {
            if let kernel, try kernel.take(publication) {} else { try host.apply(publication) }
        } catch {
            let key: ShadowEntry.Key
            switch publication {
            case .install(let association):
                key = ShadowEntry.Key(spi: association.spi, direction: association.direction)
            case .relay(let relayed): key = ShadowEntry.Key(spi: relayed.spi, direction: relayed.direction)
            default: return nil
            }
            tallies["refused", default: 0] += 1
            return MemberMessage.Refusal(key: key, reason: ShadowRefusal(error))
        }
        switch publication {
        case .install(let association):
            tallies["installed", default: 0] += 1
            guard association.direction == .outbound else { break }
            // An incarnation of its own: of an SA that comes a second time the sequencer must not take the new holder for
            // the old one, whose requests it has answered.
            numbers.add(
                LeaseHolder(
                    spi: association.spi, holder: holder, incarnation: .random(in: 0 ... .max), timing: leaseTiming))
        case .remove(let spi, let direction):
            tallies["removed", default: 0] += 1
            desk.forget(ShadowEntry.Key(spi: spi, direction: direction))
            if direction == .outbound { numbers.remove(spi) }
        case .relay(let relayed):
            tallies["relayed", default: 0] += 1
            if relayed.direction == .outbound { numbers.remove(relayed.spi) }
        case .relocate: tallies["relocated", default: 0] += 1
        case .neighbour, .lease, .allow, .standing, .epoch, .closed, .alive, .probe, .lacks, .lacksESN, .advance,
            .verified:
            break
        }
        return nil
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
