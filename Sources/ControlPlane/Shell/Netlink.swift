internal import Glibc
internal import Wire

/// What a node asks of the kernel's network configuration, in the network namespace of the calling thread. No program
/// is run for it. Everything that is set up may be set up twice; what is taken down may be gone already.
public struct Netlink: ~Copyable {
    private let socket: NetlinkSocket
    private var sequence: UInt32 = 0

    public init() throws(SystemError) { try self.init(.routes) }

    /// `part`: of the kernel, that answers.
    init(_ part: NetlinkSocket.Part) throws(SystemError) { socket = try NetlinkSocket(part) }

    /// Numbers of linux/netlink.h, linux/rtnetlink.h and linux/sock_diag.h, which are part of the kernel's stable interface.
    enum Kind {
        static let error: UInt16 = 2, done: UInt16 = 3
        static let newLink: UInt16 = 16, getLink: UInt16 = 18
        static let newAddress: UInt16 = 20, deleteAddress: UInt16 = 21
        static let newRoute: UInt16 = 24, deleteRoute: UInt16 = 25
        static let newNeighbour: UInt16 = 28, deleteNeighbour: UInt16 = 29, getNeighbour: UInt16 = 30
        static let newRule: UInt16 = 32, deleteRule: UInt16 = 33
        static let socketsByFamily: UInt16 = 20
    }
    enum Flag {
        static let request: UInt16 = 1, acknowledge: UInt16 = 4, dump: UInt16 = 0x300
        static let replace: UInt16 = 0x100, exclusive: UInt16 = 0x200, create: UInt16 = 0x400
    }

    mutating func message(_ type: UInt16, _ flags: UInt16) -> NetlinkMessage {
        sequence &+= 1
        return NetlinkMessage(type: type, flags: Flag.request | flags, sequence: sequence)
    }

    /// Sends a change and waits for the kernel's word on it. `tolerated` are the errno values that mean "it is so
    /// already".
    func change(_ message: NetlinkMessage, _ operation: String, _ subject: String, tolerated: Int32...)
        throws(SystemError)
    {
        _ = try exchange(message, operation, subject, tolerated: tolerated)
    }

    /// Sends a question and gathers the answers' payloads.
    func ask(_ message: NetlinkMessage, _ operation: String, _ subject: String) throws(SystemError) -> [NetlinkBytes] {
        try exchange(message, operation, subject, tolerated: [])
    }

    private func exchange(
        _ message: NetlinkMessage, _ operation: String, _ subject: String, tolerated: [Int32]
    ) throws(SystemError) -> [NetlinkBytes] {
        try socket.send(message.bytes, operation)
        var answers: [NetlinkBytes] = []
        while let datagram = try socket.receive() {
            for answer in datagram.messages() where answer.sequence == sequence {
                switch answer.type {
                case Kind.done: return answers
                case Kind.error:
                    // Minus the errno, 0 for success.
                    let code = answer.payload.count >= 4 ? -answer.payload.number(Int32.self, at: 0) : EPROTO
                    guard code == 0 || tolerated.contains(code) else {
                        throw SystemError(operation, subject, code: code)
                    }
                    return answers
                default: answers.append(answer.payload)
                }
            }
        }
        return answers
    }
}
