internal import Associations
internal import ControlPlane
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import NIOCore
internal import NIOSSL
internal import SwiftASN1
internal import Wire
internal import X509

/// What the link wants of gRPC and TLS.
enum LinkTransport {
    /// Bytes of a flow-control window: a resync fills it, a reader that takes nothing holds it back.
    private static let window = 1 << 20
    /// What a client calls the server in SNI and in requests. The server's name is in its certificate and judged there.
    private static let authority = "viaduct"

    static func serverSecurity(
        _ credentials: LinkCredentials, judge: @escaping JudgeCallback
    ) throws -> HTTP2ServerTransport.Posix.TransportSecurity {
        var tls = HTTP2ServerTransport.Posix.TransportSecurity.TLS.mTLS(
            certificateChain: try credentials.chainSources, privateKey: credentials.keySource)
        tls.trustRoots = .certificates(try credentials.authoritySources)
        tls.requireALPN = true
        tls.customVerificationCallback = judge
        return .tls(tls)
    }

    static func clientSecurity(
        _ credentials: LinkCredentials, judge: @escaping JudgeCallback
    ) throws -> HTTP2ClientTransport.Posix.TransportSecurity {
        var tls = HTTP2ClientTransport.Posix.TransportSecurity.TLS(
            certificateChain: try credentials.chainSources, privateKey: credentials.keySource,
            // Of the host name, which nobody asks for: `MemberJudge` looks at the member's.
            serverCertificateVerification: .noHostnameVerification,
            trustRoots: .certificates(try credentials.authoritySources))
        tls.customVerificationCallback = judge
        return .tls(tls)
    }

    /// Each write is flushed at once: what waits for a report is an IKE exchange.
    static func serverConfig(
        accepted: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> HTTP2ServerTransport.Posix.Config {
        .defaults { config in
            config.connection.flushCoalescing = nil
            config.http2.targetWindowSize = window
            config.http2.maxConcurrentStreams = CouplingPages.calls
            // Who watches the coupling facility asks whether we are there (`RemoteFacility`).
            config.connection.keepalive.clientBehavior.minPingIntervalWithoutCalls = .seconds(5)
            config.rpc.maxRequestPayloadSize = LinkBounds.messageBytes
            config.channelDebuggingCallbacks.onAcceptTCPConnection = accepted
        }
    }

    static func clientConfig(
        created: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> HTTP2ClientTransport.Posix.Config {
        .defaults { config in
            config.connection.flushCoalescing = nil
            config.connection.maxIdleTime = nil
            config.http2.targetWindowSize = window
            config.http2.authority = authority
            config.channelDebuggingCallbacks.onCreateTCPConnection = created
        }
    }

    static var callOptions: CallOptions {
        var options = CallOptions.defaults
        options.waitForReady = false
        options.maxRequestMessageBytes = LinkBounds.messageBytes
        options.maxResponseMessageBytes = LinkBounds.messageBytes
        return options
    }

    static func target(_ address: ControlPlane.SocketAddress) -> any ResolvableTarget {
        address.address.isV4
            ? .ipv4(address: "\(address.address)", port: Int(address.port))
            : .ipv6(address: "\(address.address)", port: Int(address.port))
    }
}

typealias JudgeCallback =
    @Sendable ([NIOSSLCertificate], EventLoopPromise<NIOSSLVerificationResultWithMetadata>) -> Void

extension LinkCredentials {
    fileprivate var chainSources: [TLSConfig.CertificateSource] { get throws { try Self.sources(chain) } }
    fileprivate var authoritySources: [TLSConfig.CertificateSource] { get throws { try Self.sources(authorities) } }
    fileprivate var keySource: TLSConfig.PrivateKeySource { .bytes(key.exposed, format: .pem) }

    private static func sources(_ certificates: [Certificate]) throws -> [TLSConfig.CertificateSource] {
        try certificates.map { certificate in
            var serializer = DER.Serializer()
            try serializer.serialize(certificate)
            return .bytes(serializer.serializedBytes, format: .der)
        }
    }
}

extension Channel {
    /// Ends the connection now: not even TLS says goodbye, which would wait for an answer.
    func abort() {
        eventLoop.execute {
            let pipeline = self.pipeline.syncOperations
            if let context = try? pipeline.context(handlerType: NIOSSLServerHandler.self) {
                context.close(promise: nil)
            } else if let context = try? pipeline.context(handlerType: NIOSSLClientHandler.self) {
                context.close(promise: nil)
            } else {
                self.close(promise: nil)
            }
        }
    }

    func abort(afterSeconds seconds: Int64) {
        _ = eventLoop.scheduleTask(in: .seconds(seconds)) { if self.isActive { self.abort() } }
    }
}
