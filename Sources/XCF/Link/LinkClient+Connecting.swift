internal import ControlPlane
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import NIOCore
internal import Synchronization

/// Carries one fault from where TLS is judged to where the attempt ends.
final class RefusalNote: Sendable {
    private let fault = Mutex<LinkFault?>(nil)

    func put(_ fault: LinkFault) { self.fault.withLock { $0 = fault } }

    func take() -> LinkFault? {
        fault.withLock { fault in
            defer { fault = nil }
            return fault
        }
    }
}

/// How long to wait before the next attempt. Every one costs both ends a handshake.
struct Backoff {
    static let first = Duration.milliseconds(50)
    static let longest = Duration.seconds(1)
    private var wait = first

    /// nil when there was no connection. One that ends as soon as it is there, for a wrong key or policy, is tried no more
    /// often than none at all.
    mutating func ended(connectedFor time: Duration?) -> Duration {
        wait = if let time, time >= Self.longest { Self.first } else { min(wait * 2, Self.longest) }
        return wait
    }
}

extension LinkClient {
    /// For TCP, TLS and the router's first word.
    private static let connecting = Duration.seconds(3)

    /// One connection after the other, until `stop`.
    func run() async {
        var backoff = Backoff()
        while !state.withLock({ $0.isStopped }) {
            let attempt = Task.detached { await self.attempt() }
            let patience = Task.detached {
                guard (try? await ContinuousClock().sleep(for: Self.connecting)) != nil else { return }
                let (isConnected, channel) = self.state.withLock { ($0.current != nil, $0.channel) }
                if isConnected { return }
                attempt.cancel()
                channel?.abort()
            }
            let began = ContinuousClock.now
            let wasConnected = await attempt.value
            patience.cancel()
            let wait = backoff.ended(connectedFor: wasConnected ? ContinuousClock.now - began : nil)
            try? await ContinuousClock().sleep(for: wait)
        }
    }

    /// True when it was connected.
    private func attempt() async -> Bool {
        _ = refusal.take()
        var end = LinkEnd.lost("the router ended it")
        do {
            let transport = try HTTP2ClientTransport.Posix(
                target: LinkTransport.target(router), transportSecurity: security,
                config: LinkTransport.clientConfig { channel in
                    self.created(channel)
                    return channel.eventLoop.makeSucceededVoidFuture()
                })
            try await withGRPCClient(transport: transport) { client in try await converse(client) }
        } catch let fault as LinkFault {
            end = .fault(fault, "")
        } catch {
            end = LinkEnd(error)
        }
        if let fault = refusal.take() { end = .fault(fault, "") }
        return ended(end)
    }

    private func created(_ channel: any Channel) {
        let isWanted = state.withLock { state in
            state.channel = channel
            return !state.isStopped
        }
        if !isWanted { channel.abort() }
    }

    private func converse(_ client: GRPCClient<HTTP2ClientTransport.Posix>) async throws {
        let outbox = Outbox<XCFFromMember>(byteLimit: outgoingBytes)
        let request = StreamingClientRequest<XCFFromMember>(of: XCFFromMember.self) { writer in
            await outbox.write(to: writer)
        }
        try await XCFMember.Client(wrapping: client).join(request: request, options: LinkTransport.callOptions) {
            response in
            // Nothing is said before the router has answered the call: then TLS is done at both ends.
            guard case .success(let contents) = response.accepted else {
                outbox.finish(dropping: true)
                if case .failure(let error) = response.accepted { throw error }
                return
            }
            let connection = self.connected(outbox)
            defer { outbox.finish(dropping: true) }
            for try await part in contents.bodyParts {
                guard case .message(let written) = part else { continue }
                for reading in try written.readings(self.wrapping, self.passOver) {
                    await self.hand(reading, connection)
                }
            }
        }
    }

    private func connected(_ outbox: Outbox<XCFFromMember>) -> LinkConnection {
        let (connection, isFirst) = state.withLock { state in
            let connection = LinkConnection(rawValue: state.nextConnection)
            state.nextConnection += 1
            state.current = (connection, outbox)
            state.lastEnd = nil
            state.report.joined += 1
            return (connection, inbox.put(.connected(connection)).isFirst)
        }
        if isFirst { inbox.nudge() }
        return connection
    }

    private func passOver() { state.withLock { $0.report.passedOver += 1 } }

    private func hand(_ reading: XCFFromRouter.Reading, _ connection: LinkConnection) async {
        let outcome = state.withLock { state in
            state.report.messagesIn += 1
            return switch reading {
            case .message(let message): inbox.put(.message(connection, message), of: connection)
            case .unreadable(let number, let key):
                inbox.put(.unreadable(connection, number: number, key), of: connection)
            }
        }
        if outcome.isFirst { inbox.nudge() }
        if outcome.isFull { await inbox.room(for: connection) }
    }

    /// True when it was connected.
    private func ended(_ end: LinkEnd) -> Bool {
        let (wasConnected, isFirst, channel) = state.withLock { state in
            let wasConnected = state.current != nil
            let isTold = !wasConnected && state.lastEnd == end
            let channel = state.channel
            state.current = nil
            state.channel = nil
            state.lastEnd = end
            if case .fault(let fault, _) = end { state.report.faults[fault, default: 0] += 1 }
            guard !isTold, !state.isStopped else { return (wasConnected, false, channel) }
            return (wasConnected, inbox.put(.disconnected(end)).isFirst, channel)
        }
        channel?.abort()
        if isFirst { inbox.nudge() }
        return wasConnected
    }
}
