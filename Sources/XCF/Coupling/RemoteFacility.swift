public import ControlPlane
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import NIOCore
internal import SwiftProtobuf
internal import Synchronization

/// The coupling facility that another router keeps, reached on its link (docs/coupling.md): the same port, the same
/// certificates, and the router's name in its own is asked for.
public final class RemoteFacility: CouplingFacility {
    typealias Client = GRPCClient<HTTP2ClientTransport.Posix>

    /// Until a call is given up.
    static let patience = Duration.seconds(6)
    /// Between two tries of what may be done twice.
    static let pause = Duration.milliseconds(50)

    private struct State {
        /// nil before the first call: a connection that says nothing is ended by the router.
        var client: Client?
        var running: Task<Void, Never>?
        var channel: (any Channel)?
        /// What the router's certificate was refused for last.
        var fault: LinkFault?
        var isClosed = false
    }

    public let place: String
    private let router: ControlPlane.SocketAddress
    private let routerName: String
    private let credentials: LinkCredentials
    private let state = Mutex(State())

    /// Connects at the first call, and again when that has ended. `routerName` must be in the router's certificate. Throws
    /// `.refusedByServer` when the credentials are none that TLS can use.
    public init(
        router: ControlPlane.SocketAddress, routerName: String, credentials: LinkCredentials
    ) throws(CouplingFailure) {
        place = "embedded at \(routerName), \(router)"
        self.router = router
        self.routerName = routerName
        self.credentials = credentials
        do {
            _ = try transport()
        } catch {
            throw .refusedByServer("certificates for \(routerName): \(error)")
        }
    }

    deinit { state.withLock { $0.running }?.cancel() }

    private func transport() throws -> HTTP2ClientTransport.Posix {
        let judge = MemberJudge(authorities: credentials.authorities, expected: [routerName], use: .server)
        let security = try LinkTransport.clientSecurity(
            credentials,
            judge: judge.callback { [weak self] fault, _ in self?.state.withLock { $0.fault = fault } })
        var config = LinkTransport.clientConfig { [weak self] channel in
            self?.state.withLock { $0.channel = channel }
            return channel.eventLoop.makeSucceededVoidFuture()
        }
        // A router that comes back is found soon, one that hangs is not waited for.
        config.backoff = .init(initial: .milliseconds(50), max: .seconds(1), multiplier: 1.6, jitter: 0.2)
        config.connection.keepalive = .init(time: .seconds(10), timeout: .seconds(3), allowWithoutCalls: false)
        // Shorter than the router waits for somebody who says nothing.
        config.connection.maxIdleTime = .seconds(LinkBounds.silence - 2)
        return try HTTP2ClientTransport.Posix(
            target: LinkTransport.target(router), transportSecurity: security, config: config)
    }

    // MARK: The facility

    public func list(_ prefix: String) async throws(CouplingFailure) -> CouplingListing {
        let place = place
        return try await ask { client, options in
            try await XCFCoupling.Client(wrapping: client).list(.with { $0.prefix = prefix }, options: options) {
                response in
                var entries: [CouplingEntry] = []
                var revision: Int64?
                for try await answer in response.messages {
                    let page = try answer.requirePage(place)
                    entries += page.entries.map(\.entry)
                    revision = page.revision
                }
                guard let revision else { throw answer(without: "a page") }
                return CouplingListing(entries: entries, revision: revision)
            }
        }
    }

    /// One try only: the transaction may have been done though no answer came, and a second try would find its own traces.
    public func commit(_ transaction: CouplingTransaction) async throws(CouplingFailure) -> CouplingOutcome {
        transaction.requireBounds()
        let request = XCFCouplingCommitRequest(transaction)
        let byteCount = (try? request.serializedData().count) ?? 0
        guard byteCount < LinkBounds.messageBytes else {
            throw .refusedByServer("a transaction of \(byteCount) bytes is more than a message holds")
        }
        let place = place
        let result = await attempt(within: Self.patience) { client, options in
            try await XCFCoupling.Client(wrapping: client).commit(request, options: options) { response in
                var entries: [CouplingEntry] = []
                var hasPage = false
                for try await answer in response.messages {
                    if case .committed(let revision)? = answer.says { return CouplingOutcome.committed(revision) }
                    entries += try answer.requirePage(place).entries.map(\.entry)
                    hasPage = true
                }
                guard hasPage else { throw answer(without: "an outcome") }
                return .refused(entries)
            }
        }
        switch result {
        case .success(let outcome): return outcome
        case .failure(let fault): throw fault.failure
        }
    }

    public func grantLease(seconds: Int) async throws(CouplingFailure) -> CouplingLease {
        precondition(CouplingBounds.lease.contains(seconds))
        let place = place
        return try await ask { client, options in
            let answer = try await XCFCoupling.Client(wrapping: client).grantLease(
                .with { $0.seconds = UInt32(seconds) }, options: options)
            return try answer.requireLease(place)
        }
    }

    public func keepAlive(_ lease: CouplingLease) async throws(CouplingFailure) {
        let place = place
        _ = try await ask { client, options in
            try await XCFCoupling.Client(wrapping: client).keepAlive(XCFCouplingLeaseMessage(lease), options: options)
                .requireLease(place)
        }
    }

    public func revoke(_ lease: CouplingLease) async throws(CouplingFailure) {
        let place = place
        _ = try await ask { client, options in
            try await XCFCoupling.Client(wrapping: client).revoke(XCFCouplingLeaseMessage(lease), options: options)
                .requireLease(place)
        }
    }

    public func close() async {
        let running = state.withLock { state in
            state.isClosed = true
            return state.running
        }
        // Streams under way do not end by themselves.
        running?.cancel()
        await running?.value
    }

    // MARK: Asking

    /// What a call ended with, when not with an answer.
    struct Fault: Error {
        var failure: CouplingFailure
        /// Asked again, it may be answered.
        var isPassing = false
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// nil when closed, or when the credentials can no longer be used.
    private var client: Client? {
        state.withLock { state in
            guard !state.isClosed else { return nil }
            if let client = state.client { return client }
            guard let transport = try? transport() else { return nil }
            let client = Client(transport: transport)
            state.client = client
            state.running = Task { try? await client.runConnections() }
            return client
        }
    }

    /// For what may be done twice.
    private func ask<Answer: Sendable>(
        _ body: @Sendable (Client, CallOptions) async throws -> Answer
    ) async throws(CouplingFailure) -> Answer {
        let deadline = ContinuousClock.now + Self.patience
        while true {
            switch await attempt(within: deadline - ContinuousClock.now, body) {
            case .success(let answer): return answer
            case .failure(let fault):
                guard fault.isPassing, ContinuousClock.now + Self.pause < deadline else { throw fault.failure }
            }
            try? await ContinuousClock().sleep(for: Self.pause)
            if Task.isCancelled { throw .closed }
        }
    }

    /// `time`: nil for a stream without end.
    func attempt<Answer: Sendable>(
        within time: Duration?, _ body: @Sendable (Client, CallOptions) async throws -> Answer
    ) async -> Result<Answer, Fault> {
        guard let client else { return .failure(Fault(failure: .closed)) }
        var options = LinkTransport.callOptions
        options.timeout = time
        do {
            let answer = try await body(client, options)
            state.withLock { $0.fault = nil }
            return .success(answer)
        } catch let failure as CouplingFailure {
            state.withLock { $0.fault = nil }
            return .failure(Fault(failure: failure))
        } catch {
            return .failure(fault(error))
        }
    }

    private func fault(_ error: any Error) -> Fault {
        let (isClosed, refusal, channel) = state.withLock { ($0.isClosed, $0.fault, $0.channel) }
        if isClosed { return Fault(failure: .closed) }
        if let refusal { return Fault(failure: .refusedByServer("\(place): \(refusal)")) }
        guard let error = error as? RPCError else {
            return Fault(failure: .unreachable("\(place): \(error)"), isPassing: true)
        }
        let cause = error.cause.map { " (\($0))" } ?? ""
        let text = "\(place): \(error.message)\(cause)"
        switch error.code {
        case .unimplemented, .permissionDenied, .unauthenticated, .invalidArgument, .resourceExhausted:
            return Fault(failure: .refusedByServer(text))
        default:
            // Who has not answered in time may never do, on this connection.
            if error.code == .deadlineExceeded { channel?.abort() }
            return Fault(failure: .unreachable(text), isPassing: true)
        }
    }
}

private func answer(without what: String) -> RPCError {
    RPCError(code: .internalError, message: "an answer without \(what)")
}

extension XCFCouplingAnswer {
    fileprivate func requirePage(_ place: String) throws -> XCFCouplingPage {
        switch says {
        case .page(let page): return page
        case .failure(let failure): throw failure.failure(at: place)
        default: throw answer(without: "a page")
        }
    }

    fileprivate func requireLease(_ place: String) throws -> CouplingLease {
        switch says {
        case .lease(let lease):
            guard let lease = lease.lease else { throw answer(without: "a lease that we know") }
            return lease
        case .failure(let failure): throw failure.failure(at: place)
        default: throw answer(without: "a lease")
        }
    }
}
