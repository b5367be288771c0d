import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

@Suite struct WorkerDesksTests {
    private static func report(_ factor: UInt64, _ spi: UInt32) -> RouterReport {
        var report = RouterReport()
        report.verdicts = ["steered": 10 * factor, "only\(factor)": 1]
        report.targets = [
            RouterReport.TargetReport(
                name: "t1", packets: factor, bytes: 100 * factor, connections: Int(factor), connectionsMade: factor,
                relayed: factor)
        ]
        report.portStatistics = ["rx_dropped": factor]
        report.refusals = ["both", "only \(factor)"]
        report.probes = ["probed": factor]
        report.fragmented = ["whole": factor]
        report.tooBigCopies = ["steered": factor]
        report.received = [AssociationUsage(spi: SPI(rawValue: spi), direction: .inbound, packets: factor, bytes: 9)]
        report.filter = [FilterTally(rule: "no-telnet", action: .deny, packets: factor)]
        report.workers = [RouterReport.WorkerReport(processor: Int(factor), packets: factor)]
        report.portSummary = "port \(factor)"
        return report
    }

    @Test func reportsAreOneReport() {
        let merged = RouterReport(merging: [Self.report(1, 7), Self.report(2, 8)])
        #expect(merged.verdicts == ["steered": 30, "only1": 1, "only2": 1])
        #expect(merged.targets.count == 1)
        let target = merged.targets[0]
        #expect(target.packets == 3 && target.bytes == 300 && target.connections == 3)
        #expect(target.connectionsMade == 3 && target.relayed == 3)
        #expect(merged.portStatistics == ["rx_dropped": 3])
        #expect(merged.refusals == ["both", "only 1", "only 2"])
        #expect(merged.probes == ["probed": 3])
        #expect(merged.fragmented == ["whole": 3])
        #expect(merged.tooBigCopies == ["steered": 3])
        #expect(merged.received.map(\.spi.rawValue) == [7, 8])
        #expect(merged.filter == [FilterTally(rule: "no-telnet", action: .deny, packets: 3)])
        #expect(merged.workers.map(\.processor) == [1, 2])
        #expect(merged.portSummary == "port 1")
    }

    @Test func roundsStandStillWithTheSlowest() {
        let desks = WorkerDesks(count: 2, associationCapacity: 16)
        for _ in 0..<5 { desks.desks[0].countRound() }
        #expect(desks.roundCount == 0)
        desks.desks[1].countRound()
        #expect(desks.roundCount == 1)
        for _ in 0..<5 { desks.desks[0].countRound() }
        #expect(desks.roundCount == 1)
        desks.desks[1].countRound()
        #expect(desks.roundCount == 2)
    }

    @Test func publicationsGoToThoseTheyConcern() {
        let desks = WorkerDesks(count: 2, associationCapacity: 16)
        #expect(desks.offer(.install(Example.tunnel)))
        #expect(desks.offer(.probe(target: "t1", 5)))
        #expect(desks.offer(.remove(Example.tunnel.spi, .inbound)))
        let first = desks.desks[0].inbox.takeAll()
        let second = desks.desks[1].inbox.takeAll()
        #expect(first.map(\.subject).count == 3)
        #expect(second.count == 2)
        for publications in [first, second] {
            guard case .install(let association) = publications[0] else {
                Issue.record("no SA")
                continue
            }
            #expect(association.workerGroup == 0)
        }
        desks.end()
        let areEnding = desks.desks.allSatisfy { $0.shouldEnd }
        #expect(areEnding)
    }

    @Test func whoDoesNotKeepUpIsSaid() {
        let desks = WorkerDesks(count: 2, associationCapacity: 16)
        for _ in 0..<PublicationQueue.capacity { _ = desks.desks[1].inbox.offer(.epoch(Epoch(rawValue: 1))) }
        #expect(!desks.offer(.epoch(Epoch(rawValue: 2))))
    }

    @Test func roomForWorkers() {
        let room = PortRoom(receiveQueues: 4, trustedQueues: 3)
        #expect(room.workers(wanted: nil, processors: 2) == 2)
        #expect(room.workers(wanted: nil, processors: 16) == 3)
        #expect(room.workers(wanted: 1, processors: 16) == 1)
        #expect(room.workers(wanted: 3, processors: 2) == 3)
        #expect(PortRoom(receiveQueues: 1, trustedQueues: 8).workers(wanted: 4, processors: 8) == 1)
        for workers in 1...7 {
            let ranges = (0..<workers).map { PortRoom.queues(of: $0, of: workers, among: 7) }
            #expect(ranges.flatMap(Array.init) == Array(0..<7))
            #expect(ranges.allSatisfy { !$0.isEmpty })
        }
        #expect(Set(Processors.available).count == Processors.available.count)
    }
}
