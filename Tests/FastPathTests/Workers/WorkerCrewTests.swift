import Foundation
import Synchronization
import TestSupport
import Testing

@testable import FastPath

@Suite struct WorkerCrewTests {
    /// A producer and a consumer on threads of their own: every frame once, in order, with its bytes.
    @Test func twoThreadsPassEveryFrameOnceAndInOrder() throws {
        let crew = WorkerCrew(count: 2, groupCapacity: 4)
        let total: UInt32 = 20_000
        let refused = Atomic<Int>(0)
        let done = DispatchSemaphore(value: 0)
        let producer = Thread {
            var number: UInt32 = 0
            while number < total {
                let bytes = withUnsafeBytes(of: number.bigEndian) { Array($0) }
                let frame = Array(repeating: bytes, count: 15 + Int(number % 40)).flatMap { $0 }
                if crew.offer(frame.span.bytes, from: 0, to: 1) {
                    number += 1
                    if number % 7 == 0 { crew.publish(from: 0, to: 1) }
                } else {
                    refused.add(1, ordering: .relaxed)
                    crew.publish(from: 0, to: 1)
                    sched_yield()
                }
            }
            crew.publish(from: 0, to: 1)
            done.signal()
        }
        producer.start()
        var port = MemoryPort()
        var batch = PacketBatch()
        var next: UInt32 = 0
        var wrong = 0
        let end = ProcessInfo.processInfo.systemUptime + 60
        while next < total, ProcessInfo.processInfo.systemUptime < end {
            let taken = crew.take(from: 0, by: 1, into: &batch, limit: 64, port: &port)
            if taken == 0 { sched_yield() }
            for at in 0..<batch.count {
                let bytes = port.memory.bytes(at: batch[at].start, count: batch[at].byteCount)
                let isRight =
                    bytes.byteCount == 4 * (15 + Int(next % 40))
                    && stride(from: 0, to: bytes.byteCount, by: 4).allSatisfy {
                        bytes.unsafeLoadUnaligned(fromByteOffset: $0, as: UInt32.self).bigEndian == next
                    }
                if !isRight { wrong += 1 }
                next += 1
            }
            port.release(&batch)
        }
        #expect(next == total)
        #expect(wrong == 0)
        if next == total { done.wait() }
    }

    @Test func aRingIsBoundedAndTakesNothingTooLong() {
        let crew = WorkerCrew(count: 3, groupCapacity: 1)
        let frame = [UInt8](repeating: 1, count: 60)
        let long = [UInt8](repeating: 1, count: WorkerCrew.longestFrame + 1)
        let refused = crew.offer(long.span.bytes, from: 2, to: 0)
        #expect(!refused)
        var taken = 0
        while crew.offer(frame.span.bytes, from: 2, to: 0) { taken += 1 }
        #expect(taken == crew.ringCapacity)
        // Other rings are others'.
        let other = crew.offer(frame.span.bytes, from: 1, to: 0)
        #expect(other)
        // What is not published is not seen.
        var port = MemoryPort()
        var batch = PacketBatch()
        let early = crew.take(from: 2, by: 0, into: &batch, limit: 64, port: &port)
        #expect(early == 0)
        crew.publish(from: 2, to: 0)
        let late = crew.take(from: 2, by: 0, into: &batch, limit: 10, port: &port)
        #expect(late == 10)
        var more = 0
        while crew.offer(frame.span.bytes, from: 2, to: 0) { more += 1 }
        #expect(more == 10)
    }

    /// Without a frame to put it into it stays in the ring.
    @Test func nothingIsLostWhereThePortHasNoFrame() {
        let crew = WorkerCrew(count: 2, groupCapacity: 1)
        let frame = [UInt8](repeating: 1, count: 60)
        for _ in 0..<3 { _ = crew.offer(frame.span.bytes, from: 0, to: 1) }
        crew.publish(from: 0, to: 1)
        var port = MemoryPort(frameCount: 2)
        var batch = PacketBatch()
        let two = crew.take(from: 0, by: 1, into: &batch, limit: 64, port: &port)
        #expect(two == 2)
        port.release(&batch)
        let one = crew.take(from: 0, by: 1, into: &batch, limit: 64, port: &port)
        #expect(one == 1)
    }

    @Test func onlyOneOwns() {
        let crew = WorkerCrew(count: 3, groupCapacity: 2)
        #expect(crew.owner(of: 0) == nil)
        #expect(crew.claim(0, by: 2) == 2)
        #expect(crew.claim(0, by: 1) == 2)
        #expect(crew.owner(of: 0) == 2)
        #expect(crew.owner(of: 1) == nil)
        crew.setOwner(of: 0, WorkerCrew.retired)
        #expect(crew.claim(0, by: 1) == WorkerCrew.retired)
        #expect(crew.owner(of: 0) == nil)
    }

    /// A group that many threads want at once.
    @Test func ofManyAtOnceOneOwns() {
        let crew = WorkerCrew(count: 8, groupCapacity: 1000)
        let wins = Mutex([Int](repeating: 0, count: 1000))
        DispatchQueue.concurrentPerform(iterations: 8) { worker in
            for group in 0..<1000 where Int(crew.claim(group, by: worker)) == worker {
                wins.withLock { $0[group] += 1 }
            }
        }
        let each = wins.withLock { $0 }
        #expect(each == [Int](repeating: 1, count: 1000))
    }

    /// Whether the worker's bell has rung, as poll says it.
    private func rings(_ crew: WorkerCrew, _ worker: Int) -> Int32 {
        var bell = pollfd(fd: crew.bell(of: worker), events: Int16(POLLIN), revents: 0)
        return poll(&bell, 1, 0)
    }

    @Test func nobodySleepsOverWhatWaits() {
        let crew = WorkerCrew(count: 2, groupCapacity: 1)
        let frame = [UInt8](repeating: 1, count: 60)
        #expect(crew.prepareToSleep(1))
        _ = crew.offer(frame.span.bytes, from: 0, to: 1)
        crew.publish(from: 0, to: 1)
        #expect(rings(crew, 1) == 1)
        crew.wakeUp(1)
        #expect(rings(crew, 1) == 0)
        #expect(!crew.prepareToSleep(1))
        // Who is awake is not rung for.
        _ = crew.offer(frame.span.bytes, from: 0, to: 1)
        crew.publish(from: 0, to: 1)
        #expect(rings(crew, 1) == 0)
    }

    @Test func fragmentsOfASenderHaveOneJoiner() {
        let crew = WorkerCrew(count: 4, groupCapacity: 1)
        let joiners = (0..<1000).map { crew.joiner(ofSender: UInt64(0xFFFF_C000_0200 + $0)) }
        #expect(joiners == (0..<1000).map { crew.joiner(ofSender: UInt64(0xFFFF_C000_0200 + $0)) })
        for worker in 0..<4 { #expect(joiners.filter { $0 == worker }.count > 100) }
    }
}
