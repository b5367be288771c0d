import Testing

@testable import FastPath

struct FramePoolTests {
    @Test(arguments: [2048, 2240, 4096]) func everyFrameOnce(stride: Int) {
        var pool = FramePool(frameCount: 100, frameStride: stride)
        var taken: Set<Int> = []
        while let frame = pool.take() { taken.insert(frame) }
        #expect(taken == Set((0..<100).map { $0 * stride }))
        #expect(pool.count == 0)
        // Wherever in the frame the packet's start has moved.
        for (index, frame) in taken.enumerated() { pool.give(frame + [0, 1, 256, stride - 1][index % 4]) }
        #expect(pool.count == 100)
        var again: Set<Int> = []
        while let frame = pool.take() { again.insert(frame) }
        #expect(again == taken)
    }

    /// The multiplication that stands in for a division is exact at every frame's edges.
    @Test(arguments: [2048, 2240, 2241, 4095]) func findsTheFrame(stride: Int) {
        let pool = FramePool(frameCount: 20_000, frameStride: stride)
        for frame in 0..<20_000 {
            let found = [pool.frame(at: frame * stride), pool.frame(at: frame * stride + stride - 1)]
            if found != [frame, frame] { Issue.record("frame \(frame): \(found)") }
        }
    }

    @Test func theLastGivenIsTheNextTaken() {
        var pool = FramePool(frameCount: 4, frameStride: 2048)
        _ = pool.take()
        let second = pool.take()!
        pool.give(second)
        #expect(pool.take() == second)
    }

    @Test func givingTwiceTraps() async {
        await #expect(processExitsWith: .failure) {
            var pool = FramePool(frameCount: 4, frameStride: 2048)
            let first = pool.take()!
            _ = pool.take()
            pool.give(first)
            pool.give(first)
        }
    }

    @Test func aStrangersFrameTraps() async {
        await #expect(processExitsWith: .failure) {
            var pool = FramePool(frameCount: 4, frameStride: 2048)
            _ = pool.take()
            pool.give(4 * 2048)
        }
    }
}
