import ControlPlane
import Wire

/// An address with its two sockets, and the client that uses it now.
struct LoadSlot {
    enum Outcome {
        /// Nanoseconds from its first message.
        case established(UInt64)
        case failed(String)
    }

    private final class Box {
        let socket: UDPSocket
        init(_ socket: consuming UDPSocket) { self.socket = socket }
    }

    private let address: IPAddress
    private let sockets: [UInt16: Box]
    private var client: Client?
    private var startedAt: UInt64 = 0
    private var buffer = [UInt8](repeating: 0, count: 4096)
    private(set) var repetitions = 0

    init(at address: IPAddress) throws {
        self.address = address
        sockets = [
            500: Box(try UDPSocket(bind: SocketAddress(address: address, port: 500))),
            4500: Box(try UDPSocket(bind: SocketAddress(address: address, port: 4500))),
        ]
    }

    var descriptors: [Int32] { sockets.values.map { $0.socket.descriptor } }
    var isBusy: Bool { client != nil }

    mutating func rest() { client = nil }

    mutating func start(
        _ policy: SessionPolicy, gatewayKey: [UInt8], responder: IPAddress, at now: UInt64
    ) throws {
        let path = Path(
            local: SocketAddress(address: address, port: 500), remote: SocketAddress(address: responder, port: 500))
        var client = Client(policy, gatewayKey: gatewayKey, over: path)
        startedAt = now
        try send(client.start(at: now))
        self.client = client
    }

    /// All that waits at one socket.
    mutating func read(_ descriptor: Int32, at now: UInt64) throws {
        guard let (port, box) = sockets.first(where: { $0.value.socket.descriptor == descriptor }) else { return }
        while let (count, source) = try box.socket.receive(into: &buffer) {
            guard count <= buffer.count else { continue }
            let marker = port == 4500 ? 4 : 0
            guard count > marker, buffer[..<marker].allSatisfy({ $0 == 0 }) else { continue }
            let path = Path(local: SocketAddress(address: address, port: port), remote: source)
            try send(client?.receive(Array(buffer[marker..<count]), over: path, at: now) ?? [])
        }
    }

    mutating func tick(at now: UInt64) throws {
        guard let deadline = client?.session.deadline, deadline <= now else { return }
        repetitions += 1
        try send(client?.tick(at: now) ?? [])
    }

    private func send(_ said: [(bytes: [UInt8], path: Path)]) throws {
        for (bytes, path) in said {
            try sockets[path.local.port]?.socket.send(
                path.local.port == 4500 ? [0, 0, 0, 0] + bytes : bytes, to: path.remote)
        }
    }

    /// nil while it is under way. Established with its Child SA, or it has failed.
    func outcome(at now: UInt64) -> Outcome? {
        guard let client else { return nil }
        if let failure = client.failure { return .failed(failure) }
        return client.session.isEstablished && !client.children.isEmpty ? .established(now - startedAt) : nil
    }
}
