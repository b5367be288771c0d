internal import NIOCore
internal import NIOHTTP2
internal import NIOSSL
internal import NIOTLS
internal import Synchronization

/// One accepted connection, from its first byte: what is known of it beside the pipeline.
final class AcceptedConnection: Sendable {
    let channel: any Channel
    /// As gRPC calls it, and messages do.
    let remote: String
    private let state = Mutex((hasJoined: false, isRefused: false, hasShakenHands: false))

    init(channel: any Channel) {
        self.channel = channel
        remote = Self.name(of: channel.remoteAddress)
    }

    /// The form in which gRPC tells an RPC who calls; within one listener it names one connection that is open.
    private static func name(of address: NIOCore.SocketAddress?) -> String {
        switch address {
        case .v4(let v4): "ipv4:\(v4.host):\(address?.port ?? 0)"
        case .v6(let v6): "ipv6:[\(v6.host)]:\(address?.port ?? 0)"
        case .unixDomainSocket, nil: "<unknown>"
        }
    }

    func join() { state.withLock { $0.hasJoined = true } }
    func shakeHands() { state.withLock { $0.hasShakenHands = true } }
    var hasJoined: Bool { state.withLock { $0.hasJoined } }
    var hasShakenHands: Bool { state.withLock { $0.hasShakenHands } }

    /// True for the first reason only: one fault follows another.
    func refuse() -> Bool {
        state.withLock { state in
            defer { state.isRefused = true }
            return !state.isRefused
        }
    }
}

/// Hears of what goes wrong below gRPC, which keeps it to itself.
final class ConnectionWatch: ChannelInboundHandler {
    typealias InboundIn = NIOAny

    private let connection: AcceptedConnection
    private let fault: (LinkFault?, String) -> Void

    /// `fault` is called on the connection's event loop; nil for what the judge has named already.
    init(_ connection: AcceptedConnection, fault: @escaping (LinkFault?, String) -> Void) {
        self.connection = connection
        self.fault = fault
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent { connection.shakeHands() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is any NIOHTTP2Error {
            fault(.protocolFault, "\(error)")
        } else if !connection.hasShakenHands {
            let words = "\(error)"
            fault(Self.handshakeFault(words), words)
        }
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !connection.hasShakenHands { fault(.handshakeFailed, "it ended before TLS had begun") }
        context.fireChannelInactive()
    }

    /// By the names that BoringSSL's errors have.
    private static func handshakeFault(_ words: String) -> LinkFault? {
        if words.contains("CERTIFICATE_VERIFY_FAILED") { return nil }
        if words.contains("PEER_DID_NOT_RETURN_A_CERTIFICATE") { return .noCertificate }
        let noTLS = ["WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNSUPPORTED_PROTOCOL"]
        return noTLS.contains { words.contains($0) } ? .notTLS : .handshakeFailed
    }
}
