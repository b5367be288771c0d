/// How many workers the interfaces have room for, over AF_XDP: each takes at least one of the client's receive queues, and a
/// queue of the trusted interface to send on, of which a frame memory needs one to itself.
public struct PortRoom: Sendable, Equatable {
    public var receiveQueues: Int
    public var trustedQueues: Int

    public init(receiveQueues: Int, trustedQueues: Int) {
        self.receiveQueues = receiveQueues
        self.trustedQueues = trustedQueues
    }

    /// As the kernel says it of two interfaces.
    public init(clientInterface: String, trustedInterface: String) throws(PortFailure) {
        receiveQueues = try NetworkInterface(clientInterface).receiveQueues
        trustedQueues = try NetworkInterface(trustedInterface).receiveQueues
    }

    /// - Parameter wanted: nil for one a queue, bounded by the processors; a number is not bounded by them.
    public func workers(wanted: Int?, processors: Int) -> Int {
        max(1, min(receiveQueues, trustedQueues, wanted ?? processors, WorkerCrew.maximumCount))
    }

    /// The receive queues of one worker: neighbours, and of each as many as of any other, or one more.
    static func queues(of worker: Int, of workers: Int, among queues: Int) -> Range<Int> {
        worker * queues / workers..<(worker + 1) * queues / workers
    }
}
