internal import Associations

/// All that a packet may change in a router: for the tests of what it must not.
public struct RouterState: Equatable, Sendable {
    public struct Association: Equatable, Sendable {
        public var spi: UInt32
        public var top: UInt64
        public var window: [UInt64]
        public var packets: UInt64
        public var bytes: UInt64
    }

    public var associations: [Association]
    public var connections: Int
    /// Each with its key, target and age.
    public var connectionEntries: [[UInt64]]
    public var connectionsByTarget: [Int]
}

extension Router {
    public func stateSnapshot() -> RouterState {
        var known: [RouterState.Association] = []
        for index in 0..<associations.capacity where associations.records[index].window > 0 {
            let record = associations.records[index]
            known.append(
                RouterState.Association(
                    spi: record.spi.rawValue, top: record.top, window: associations.windows.contents(record.ring),
                    packets: record.packets, bytes: record.bytes))
        }
        return RouterState(
            associations: known, connections: connections.count, connectionEntries: connections.contents,
            connectionsByTarget: connectionsByTarget())
    }

    /// Connections by target, in the configuration's order.
    public func connectionsByTarget() -> [Int] { targets.targets.indices.map { connections.count(of: $0) } }
}
