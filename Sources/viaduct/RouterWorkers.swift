import Associations
import Configuration
import ControlPlane
import FastPath
import Synchronization
import Wire

/// A router's workers, each with its port and its tables: the first on the thread that calls `run`, the others on threads of their
/// own (docs/workers.md).
struct RouterWorkers {
    /// What they are made of.
    struct Parts {
        var settings: RouterNode
        var clientInterface: String
        var trustedInterface: String
        var ownedAddresses: [IPAddress]
        var configuration: RouterConfiguration
        var associations: [SecurityAssociation]
    }

    let desks: WorkerDesks
    /// The port, the ciphers, and how many workers on which processors, for people.
    let summary: String
    private let boxes: [Box]

    /// Carries a worker to its thread.
    private final class Box: Sendable {
        private let worker: Mutex<Worker?>
        init(_ worker: consuming Worker) { self.worker = Mutex(worker) }

        func run(_ desk: WorkerDesk) {
            worker.withLock { worker in worker?.run(desk) }
        }
    }

    /// As many as the configuration wants and the interfaces have room for; one where more cannot be had, which the summary then
    /// says.
    static func open(_ parts: Parts, relay: borrowing RelaySender?) throws -> RouterWorkers {
        let processors = Processors.available
        var room: PortRoom?
        if parts.settings.port != .packetSocket {
            room = try? PortRoom(clientInterface: parts.clientInterface, trustedInterface: parts.trustedInterface)
        }
        let count = room?.workers(wanted: parts.settings.workers, processors: processors.count) ?? 1
        guard count > 1 else {
            let shortage = parts.settings.workers.flatMap { wanted in
                wanted > 1 ? "\(wanted) workers wanted: \(Self.shortage(room))" : nil
            }
            return try RouterWorkers(parts, relay: relay, count: 1, processors: [], note: shortage)
        }
        do throws(PortFailure) {
            let bound = (0..<count).map { processors.isEmpty ? $0 : processors[$0 % processors.count] }
            return try RouterWorkers(parts, relay: relay, count: count, processors: bound, note: nil)
        } catch {
            return try RouterWorkers(
                parts, relay: relay, count: 1, processors: [], note: "\(count) workers failed: \(error)")
        }
    }

    private static func shortage(_ room: PortRoom?) -> String {
        guard let room else { return "a packet socket has one" }
        return "\(room.receiveQueues) receive queues, \(room.trustedQueues) on the trusted link"
    }

    private init(
        _ parts: Parts, relay: borrowing RelaySender?, count: Int, processors: [Int], note: String?
    ) throws(PortFailure) {
        let first = try RouterPort.open(
            choice: FastPath.PortChoice(parts.settings.port), clientInterface: parts.clientInterface,
            trustedInterface: parts.trustedInterface, ownedAddresses: parts.ownedAddresses, workers: count)
        guard count == 1 || first.isAFXDP else { throw PortFailure("a packet socket has one worker") }
        desks = WorkerDesks(
            count: count, processors: processors, associationCapacity: parts.configuration.associationCapacity,
            verification: parts.configuration.verification)
        let associations = parts.associations.map(desks.prepare)
        var others: [Box] = []
        for worker in 1..<max(count, 1) {
            let port = try RouterPort.open(
                beside: first, clientInterface: parts.clientInterface, trustedInterface: parts.trustedInterface,
                worker: worker, of: count)
            others.append(
                Box(Worker(router: try Self.router(parts, associations, desks, worker), port: port, relay: copy(relay)))
            )
        }
        var summary = first.summary
        let router = try Self.router(parts, associations, desks, 0)
        summary += "; \(router.cipherName)"
        if count > 1 {
            summary += "; \(count) workers on processors \(processors.map(String.init).joined(separator: ", "))"
        } else {
            summary += "; 1 worker"
        }
        if let note { summary += " (\(note))" }
        boxes = [Box(Worker(router: router, port: first, relay: copy(relay)))] + others
        self.summary = summary
    }

    private static func router(
        _ parts: Parts, _ associations: [SecurityAssociation], _ desks: WorkerDesks, _ worker: Int
    ) throws(PortFailure) -> Router {
        var router = Router(parts.configuration)
        if let crew = desks.crew { router.join(crew, as: worker) }
        for association in associations {
            do throws(InstallFailure) { try router.apply(.install(association)) } catch {
                throw PortFailure("\(association.name): \(error)")
            }
        }
        return router
    }

    /// Runs the first worker here and the others beside it, until their desks end.
    func run() throws(SystemError) {
        var threads: [ServiceThread] = []
        for worker in 1..<max(boxes.count, 1) {
            let (box, desk) = (boxes[worker], desks.desks[worker])
            do throws(SystemError) {
                threads.append(try ServiceThread(name: "worker \(worker)") { _ in box.run(desk) })
            } catch {
                // Those that run are waited for.
                desks.end()
                throw error
            }
        }
        boxes[0].run(desks.desks[0])
        for thread in threads { thread.stop() }
    }
}

/// Another end of the same pipe.
private func copy(_ sender: borrowing RelaySender?) -> RelaySender? {
    switch sender {
    case .some(let sender): sender.duplicate()
    case .none: nil
    }
}
