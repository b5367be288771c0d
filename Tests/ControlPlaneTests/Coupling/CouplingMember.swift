import Associations

@testable import ControlPlane

/// A writer and a facility in memory, put together by hand: one question at a time, in any weather.
struct CouplingMember {
    var writer: CouplingWriter
    let facility: MemoryFacility
    var now: UInt64
    var events: [String] = []
    var records: CouplingRecords?

    init(
        _ name: String = "router1", _ facility: MemoryFacility, cluster: String = "demo", key: UInt8 = 1,
        at now: UInt64 = 0
    ) {
        writer = CouplingWriter(
            keys: CouplingKeys(cluster: cluster)!, member: name, ring: KeyRing(current: KeyRingTests.key(key)),
            random: KernelRandom())
        self.facility = facility
        self.now = now
        writer.start()
    }

    /// One question and its answer; false when there is nothing to ask.
    mutating func turn(_ line: CouplingWriter.Line = .main) async -> Bool {
        guard let request = writer.next(line, at: now) else {
            take()
            return false
        }
        writer.answered(line, await answer(request), at: now)
        take()
        return true
    }

    mutating func settle() async { while await turn() {} }

    /// To the end of a wait.
    mutating func pass(_ nanoseconds: UInt64) { now += nanoseconds }

    func answer(_ request: CouplingWriter.Request) async -> CouplingWriter.Answer {
        do throws(CouplingFailure) {
            switch request {
            case .grantLease(let seconds): return .lease(try await facility.grantLease(seconds: seconds))
            case .commit(let transaction): return .outcome(try await facility.commit(transaction))
            case .list(let prefix): return .listing(try await facility.list(prefix))
            case .keepAlive(let lease):
                try await facility.keepAlive(lease)
                return .kept
            }
        } catch {
            return .failed(error)
        }
    }

    private mutating func take() {
        for event in writer.takeEvents() {
            switch event {
            case .owner(let epoch, let found):
                events.append("owner \(epoch.rawValue)")
                records = found
            case .heldBy(let name): events.append("held by \(name)")
            case .done(let ticket): events.append("done \(ticket)")
            case .fenced: events.append("fenced")
            case .unreachable: events.append("unreachable")
            case .reachable: events.append("reachable")
            case .leaseLost: events.append("lease lost")
            case .leaseRegained: events.append("lease regained")
            }
        }
    }

    mutating func taken() -> [String] {
        defer { events = [] }
        return events
    }

    mutating func reserve(_ spi: UInt32, _ mark: UInt64, ticket: UInt64) -> Bool {
        writer.submit(.reserve(Self.sequence(spi), mark: mark), ticket: ticket, at: now)
    }

    static func sequence(_ spi: UInt32) -> SequenceKey {
        SequenceKey(spi: SPI(rawValue: spi), fingerprint: "3f9a77d2")
    }
}
