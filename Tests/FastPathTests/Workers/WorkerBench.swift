import Associations
import TestSupport
import Wire

@testable import FastPath

/// Workers of one router on one thread, each with a port of its own: a round of each, in turn.
struct WorkerBench: ~Copyable {
    /// One worker's round, as `Worker.run` goes.
    struct Seat: ~Copyable {
        var router: Router
        var port = MemoryPort()
        var batch = PacketBatch()
        let desk: WorkerDesk

        /// The verdicts of the round's packets.
        mutating func round(now: UInt32 = 1000) -> [Verdict] {
            desk.countRound()
            router.takeOver(into: &batch, port: &port)
            port.receive(into: &batch)
            for publication in desk.inbox.takeAll() { try! router.apply(publication) }
            if batch.isEmpty { return [] }
            router.process(&batch, in: port.memory, now: now)
            router.passOn(&batch, from: port.memory)
            port.transmit(&batch)
            router.account(batch)
            let verdicts = (0..<batch.count).map { batch[$0].verdict }
            port.release(&batch)
            return verdicts
        }
    }

    let desks: WorkerDesks
    var first: Seat
    var second: Seat

    /// The example's cluster without its SAs.
    init(_ configuration: RouterConfiguration = Example.configuration()) {
        desks = WorkerDesks(
            count: 2, associationCapacity: configuration.associationCapacity, verification: configuration.verification)
        first = Seat(router: Self.router(configuration, desks, 0), desk: desks.desks[0])
        second = Seat(router: Self.router(configuration, desks, 1), desk: desks.desks[1])
        for (index, target) in Example.targets.enumerated() {
            publish(.neighbour(target: target.name, MACAddress(rawValue: 0x0200_0000_0010 + UInt64(index))))
        }
    }

    private static func router(_ configuration: RouterConfiguration, _ desks: WorkerDesks, _ seat: Int) -> Router {
        var router = Router(
            configuration,
            ciphers: Provider.openSSL.make(
                capacity: configuration.associationCapacity, batchCapacity: configuration.batchCapacity))
        router.join(desks.crew!, as: seat)
        return router
    }

    func publish(_ publication: Publication) {
        let taken = desks.offer(publication)
        precondition(taken)
    }

    /// Frames on the first worker's queue and on the second's; then as many rounds as hand-overs need.
    mutating func send(_ one: [Bytes] = [], _ other: [Bytes] = []) -> (first: [Verdict], second: [Verdict]) {
        first.port.arriving += one
        second.port.arriving += other
        var verdicts: (first: [Verdict], second: [Verdict]) = ([], [])
        for _ in 0..<4 {
            verdicts.first += first.round()
            verdicts.second += second.round()
        }
        return verdicts
    }
}
