import ControlPlane
import CouplingFacilities
import Foundation
import Testing
import Wire
import XCF

/// The implementations that the one suite is run over.
enum FacilityKind: String, CaseIterable, CustomTestStringConvertible {
    case memory, embedded, etcd, remote

    var testDescription: String { rawValue }

    /// A facility of its own with nothing in it, and gone afterwards with all that belongs to it.
    func with(_ body: (any CouplingFacility) async throws -> Void) async throws {
        let directory = TemporaryDirectory.inMemory(bytes: 1 << 28)
        let facility: any CouplingFacility
        var cluster: EtcdCluster?
        var router: ServingRouter?
        switch self {
        case .memory: facility = MemoryFacility()
        case .embedded: facility = try EmbeddedFacility(path: directory.path + "/coupling.sqlite")
        case .etcd:
            cluster = try EtcdCluster()
            #expect(try await cluster!.isUp(), "\(cluster!.lastWords)")
            facility = try cluster!.facility()
        case .remote:
            router = try ServingRouter(EmbeddedFacility(path: directory.path + "/coupling.sqlite"))
            facility = try router!.facility(of: "router2")
        }
        defer { withExtendedLifetime(cluster) {} }
        do {
            try await body(facility)
        } catch {
            await facility.close()
            await router?.stop()
            throw error
        }
        await facility.close()
        await router?.stop()
    }
}

/// A router on loopback that serves its facility on its link, with certificates of its own.
final class ServingRouter: Sendable {
    private let directory = TemporaryDirectory.inMemory(bytes: 1 << 28)
    private let facility: any CouplingFacility
    private let link: LinkServer

    init(_ facility: any CouplingFacility) throws {
        self.facility = facility
        let folder = directory.path + "/link"
        _ = try ClusterFiles(directory: folder, cluster: "test", nodes: ["router1", "router2", "t1"]).make()
        link = try LinkServer(
            listen: SocketAddress(address: IPAddress("127.0.0.1")!, port: 0),
            credentials: LinkCredentials(directory: folder, node: "router1"), members: ["t1"],
            wrapping: LinkWrapping(wrap: { bytes, _ in bytes }, unwrap: { bytes, _ in bytes }),
            facility: ServedFacility(facility, writers: ["router1", "router2"]), nudge: {})
    }

    func facility(of member: String) throws -> RemoteFacility {
        try RemoteFacility(
            router: link.address, routerName: "router1",
            credentials: LinkCredentials(directory: directory.path + "/link", node: member))
    }

    func stop() async {
        // It waits for its port, which no task should.
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { [link] in
                link.stop()
                continuation.resume()
            }
        }
        await facility.close()
    }
}

/// A directory of its own for a test, gone with it.
final class TemporaryDirectory: Sendable {
    let path: String

    init(in parent: String = NSTemporaryDirectory()) {
        path = (parent.hasSuffix("/") ? parent : parent + "/") + "viaduct-coupling-\(UUID().uuidString)"
        try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Where nothing waits for a disk, if there is such a place with that much room: a disk that has a build's output to write
    /// lets an fsync wait for longer than any call of ours.
    static func inMemory(bytes: Int) -> TemporaryDirectory {
        let shared = "/dev/shm"
        let system = try? FileManager.default.attributesOfFileSystem(forPath: shared)
        let room = (system?[.systemFreeSize] as? NSNumber)?.intValue ?? 0
        return room >= bytes ? TemporaryDirectory(in: shared) : TemporaryDirectory()
    }
}

/// Asks again and again until it is so, for at most a minute.
func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
        if try await condition() { return true }
        try? await ContinuousClock().sleep(for: .milliseconds(5))
    }
    return try await condition()
}

extension CouplingFacility {
    /// For what may be done twice: a busy machine may not answer in time.
    func insist(_ transaction: CouplingTransaction) async throws(CouplingFailure) -> CouplingOutcome {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do throws(CouplingFailure) {
                return try await commit(transaction)
            } catch {
                guard case .unreachable = error, ContinuousClock.now < deadline else { throw error }
            }
        }
    }

    func put(_ key: String, _ text: String, _ lease: CouplingLease? = nil) async throws {
        let outcome = try await insist(CouplingTransaction([.put(key, Array(text.utf8), lease)]))
        guard case .committed = outcome else { throw Refused() }
    }

    func keys(_ prefix: String) async throws -> [String] { try await list(prefix).entries.map(\.key) }
}

struct Refused: Error {}

extension CouplingEntry {
    var text: String { String(decoding: value, as: UTF8.self) }
}

extension CouplingOutcome {
    var revision: Int64? {
        guard case .committed(let revision) = self else { return nil }
        return revision
    }
}

/// What a watch tells, a reader of its own that collects it.
actor Watched {
    private(set) var notices: [CouplingNotice] = []
    private(set) var failure: CouplingFailure?
    private var task: Task<Void, Never>?

    init(_ watch: CouplingWatch) async {
        task = Task {
            var notices = watch.makeAsyncIterator()
            do throws(CouplingFailure) {
                while let notice = try await notices.next(isolation: self) { self.take(notice) }
            } catch {
                self.end(error)
            }
        }
    }

    deinit { task?.cancel() }

    private func take(_ notice: CouplingNotice) { notices.append(notice) }
    private func end(_ failure: CouplingFailure) { self.failure = failure }

    /// "key=value" and "key gone", in their order.
    var words: [String] {
        notices.map { $0.key + ($0.value.map { "=" + String(decoding: $0, as: UTF8.self) } ?? " gone") }
    }
}
