import Associations

import ControlPlane

/// A target as the simulation sees it: a queue of packets, the packet path that owns the lease, and its holder machine.
/// Times are the simulation's; what the machine sees is this host's own clock.
struct SenderModel {
    var holder: LeaseHolder
    /// This host's monotonic clock less the simulation's time, nanoseconds.
    let clockOffset: UInt64
    /// Packets that arrive in a thousand steps.
    let rate: Int
    /// Active only in steps whose phase is below `dutySteps`; idle senders come and go.
    let periodSteps: Int
    let dutySteps: Int
    var queued = 0
    var lease: SequenceLease?
    /// The packet path's first unused number, 0 before the first lease.
    var next: UInt64 = 0
    var pausedUntil = 0
    var isDead = false
    var sent = 0
    /// The step in which its latest packet reaches the peer.
    var lastArrival = 0
    /// Turns of its loop that left packets without a number, after the first lease.
    var stalls = 0

    func clock(_ now: UInt64) -> UInt64 { now + clockOffset }

    func isRunning(at step: Int) -> Bool { !isDead && step >= pausedUntil }

    mutating func arrivals(at step: Int, _ random: inout SeededGenerator) {
        guard step % periodSteps < dutySteps, queued < 512 else { return }
        queued += rate / 1000
        if random.chance(rate % 1000) { queued += 1 }
    }

    mutating func apply(_ lease: SequenceLease) {
        self.lease = lease
        next = lease.first
    }

    /// What the packet path does: numbers from the lease while there are any and it is valid.
    mutating func takeNumbers(at now: UInt64) -> Range<UInt64> {
        guard let lease, clock(now) < lease.validUntil, next < lease.end else { return next..<next }
        let first = next
        next = min(lease.end, next + UInt64(queued))
        queued -= Int(next - first)
        sent += Int(next - first)
        return first..<next
    }
}
