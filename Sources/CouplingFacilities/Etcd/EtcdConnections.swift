internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import Synchronization
internal import Wire

typealias EtcdClient = GRPCClient<HTTP2ClientTransport.Posix>

/// A connection to each endpoint, and which one is asked: always the same, as long as it answers.
final class EtcdConnections: Sendable {
    /// One that is asked, and its place.
    struct Choice: Sendable {
        let index: Int
        let client: EtcdClient
        /// It has answered, and not failed since.
        let isProven: Bool
    }

    private struct State: Sendable {
        var current = 0
        var isProven = false
        var isClosed = false
        var failure: String?
    }

    let endpoints: [EtcdEndpoint]
    private let clients: [EtcdClient]
    private let tasks: [Task<Void, Never>]
    private let state = Mutex(State())

    /// Throws when a certificate or a key cannot be used.
    init(_ endpoints: [EtcdEndpoint], _ credentials: EtcdCredentials?) throws {
        precondition(!endpoints.isEmpty)
        self.endpoints = endpoints
        clients = try endpoints.map { EtcdClient(transport: try Self.transport($0, credentials)) }
        tasks = clients.map { client in Task { try? await client.runConnections() } }
    }

    private static func transport(
        _ endpoint: EtcdEndpoint, _ credentials: EtcdCredentials?
    ) throws -> HTTP2ClientTransport.Posix {
        let target: any ResolvableTarget
        switch IPAddress(endpoint.host) {
        case let address? where address.isV4: target = .ipv4(address: endpoint.host, port: Int(endpoint.port))
        case _?: target = .ipv6(address: endpoint.host, port: Int(endpoint.port))
        case nil: target = .dns(host: endpoint.host, port: Int(endpoint.port))
        }
        var security = HTTP2ClientTransport.Posix.TransportSecurity.plaintext
        if endpoint.isTLS {
            security = .tls { tls in
                if let authority = credentials?.authority {
                    tls.trustRoots = .certificates([.file(path: authority, format: .pem)])
                }
                if let certificate = credentials?.certificate, let key = credentials?.privateKey {
                    tls.certificateChain = [.file(path: certificate, format: .pem)]
                    tls.privateKey = .file(path: key, format: .pem)
                }
            }
        }
        return try HTTP2ClientTransport.Posix(
            target: target, transportSecurity: security,
            config: .defaults { config in
                // A member that comes back is found soon.
                config.backoff = .init(
                    initial: .milliseconds(50), max: .seconds(1), multiplier: 1.6, jitter: 0.2)
                // etcd takes five seconds for an attack.
                config.connection.keepalive = .init(
                    time: .seconds(10), timeout: .seconds(3), allowWithoutCalls: false)
            })
    }

    /// nil when closed.
    var choice: Choice? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            return Choice(index: state.current, client: clients[state.current], isProven: state.isProven)
        }
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    func succeeded(_ choice: Choice) {
        state.withLock { if $0.current == choice.index { $0.isProven = true } }
    }

    /// The next one is asked from now on. Of a choice that is no longer the present one it changes nothing.
    func failed(_ choice: Choice) {
        state.withLock { state in
            guard state.current == choice.index else { return }
            state.current = (state.current + 1) % endpoints.count
            state.isProven = false
        }
    }

    func close() async {
        let wasClosed = state.withLock { state in
            defer { state.isClosed = true }
            return state.isClosed
        }
        guard !wasClosed else { return }
        // Streams under way do not end by themselves.
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }
}
