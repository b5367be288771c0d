import FastPath

/// A number of packets through one path, for instruments that count (callgrind).
public enum Probe {
    /// Returns how many packets were steered; traps unless all were.
    public static func router(
        _ scenario: Scenario, _ verification: Contest.Verification, packets: Int
    ) throws -> UInt64 {
        let store = PacketStore(scenario)
        var path = try RouterPath(store, verifies: verification == .verified)
        return run(store, verification, &path, packets)
    }

    /// The same for the C twin.
    public static func twin(
        _ scenario: Scenario, _ verification: Contest.Verification, packets: Int
    ) throws -> UInt64 {
        let store = PacketStore(scenario)
        var path = TwinPath(store, verifies: verification == .verified)
        return run(store, verification, &path, packets)
    }

    /// A target that opens, or seals, packets of the scenario's size under one SA.
    public static func host(_ work: HostPath.Work, _ scenario: Scenario, packets: Int) throws -> UInt64 {
        let store = PacketStore(scenario)
        var association = store.cluster.peers[0].association
        precondition(store.cluster.peers.count == 1 && packets <= store.frames.count)
        if work == .seal { association.turn() }
        var path = try HostPath(work, association)
        FrameBed().pass(work == .open ? store.framesInGRE : store.answers, limit: packets, through: &path)
        precondition(path.steeredCount == packets)
        return path.steeredCount
    }

    @inline(__always)
    private static func run<Path: PacketPath & ~Copyable>(
        _ store: PacketStore, _ verification: Contest.Verification, _ path: inout Path, _ packets: Int
    ) -> UInt64 {
        precondition(packets <= store.frames.count)
        let bed = FrameBed()
        bed.open(store, verification, in: &path)
        let before = path.steeredCount
        bed.pass(store.frames, limit: packets, through: &path)
        precondition(path.steeredCount - before == packets)
        return path.steeredCount - before
    }
}
