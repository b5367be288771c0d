internal import Wire

/// The UDP sockets of IKE: 500 and 4500 of every address.
final class IKESockets: Sendable {
    /// Four zero bytes where an SPI would be: what follows is IKE, not ESP (RFC 3948 §2.2).
    static let nonESPMarker: [UInt8] = [0, 0, 0, 0]

    /// Of each peers' socket: some five thousand first messages, a fraction of a second of a flood.
    private static let waitingByteCount: Int32 = 4 << 20

    private final class Box: Sendable {
        let socket: UDPSocket
        init(_ socket: consuming UDPSocket) { self.socket = socket }
    }

    private let peers: [SocketAddress: Box]
    /// In a fixed order, for the loop.
    let locals: [SocketAddress]
    let descriptors: [Int32]

    init(_ addresses: [IPAddress]) throws(SystemError) {
        var peers: [SocketAddress: Box] = [:]
        var locals: [SocketAddress] = []
        for address in addresses {
            for port in [500, Path.floatedPort] {
                let local = SocketAddress(address: address, port: port)
                let socket = try UDPSocket(bind: local)
                socket.keep(byteCount: Self.waitingByteCount)
                peers[local] = Box(socket)
                locals.append(local)
            }
        }
        self.peers = peers
        self.locals = locals
        descriptors = peers.values.map { $0.socket.descriptor }
    }

    /// The next datagram at one of `locals`, without the marker; nil when none waits, `[]` for one that is none of IKE's.
    func receive(at local: SocketAddress, into buffer: inout [UInt8]) throws(SystemError) -> ([UInt8], SocketAddress)? {
        guard let (count, source) = try peers[local]?.socket.receive(into: &buffer) else { return nil }
        guard count <= buffer.count else { return ([], source) }
        guard local.port == Path.floatedPort else { return (Array(buffer[..<count]), source) }
        // Keepalives, and ESP that came before the steering program was there.
        guard count > 4, buffer[..<4].elementsEqual(Self.nonESPMarker) else { return ([], source) }
        return (Array(buffer[4..<count]), source)
    }

    /// False when it was not taken; it may be lost on the way, too.
    func send(_ bytes: [UInt8], over path: Path) throws(SystemError) -> Bool {
        guard let box = peers[path.local] else { return false }
        return try box.socket.send(
            path.local.port == Path.floatedPort ? Self.nonESPMarker + bytes : bytes, to: path.remote)
    }

    /// One byte, which is no marker (RFC 3948 §2.3).
    func keepAlive(_ path: Path) throws(SystemError) { _ = try peers[path.local]?.socket.send([0xFF], to: path.remote) }
}
