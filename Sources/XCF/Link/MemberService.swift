internal import ControlPlane
internal import Foundation
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import Synchronization
internal import X509

/// `Join`, as gRPC calls it: one reader and one writer for each connection.
struct MemberService: XCFMember.ServiceProtocol {
    weak let server: LinkServer?

    init(server: LinkServer) { self.server = server }

    func join(
        request: StreamingServerRequest<XCFFromMember>, context: ServerContext
    ) async throws -> StreamingServerResponse<XCFFromRouter> {
        guard let server else { throw RPCError(code: .unavailable, message: "stopped") }
        let certificate = (context.transportSpecific as? HTTP2ServerTransport.Posix.Context)?.peerCertificate
        let names = certificate?.memberNames ?? []
        let accepted = server.state.withLock { $0.accepted[context.remotePeer] }
        return StreamingServerResponse { writer in
            let outbox = Outbox<XCFFromRouter>(byteLimit: server.outgoingBytes)
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    await read(request.messages, server, names, outbox, accepted)
                    // What is written now is a refusal, or nobody's any more.
                    outbox.finish()
                }
                group.addTask { await outbox.write(to: writer) }
                // Either ends both: the writer when the connection was closed here, the reader when it was there.
                await group.next()
                accepted?.channel.abort(afterSeconds: LinkBounds.closing)
                if !outbox.isEmpty { await group.next() }
                group.cancelAll()
            }
            return [:]
        }
    }

    private func read(
        _ messages: RPCAsyncSequence<XCFFromMember, any Error>, _ server: LinkServer, _ names: [String],
        _ outbox: Outbox<XCFFromRouter>, _ accepted: AcceptedConnection?
    ) async {
        var connection: LinkConnection?
        var end = LinkEnd.lost("the member ended it")
        do {
            for try await written in messages {
                guard let message = try written.message() else {
                    server.passOver()
                    continue
                }
                if let connection {
                    if case .hello = message { throw LinkFault.helloMisplaced }
                    await server.hand(message, of: connection)
                } else {
                    guard case .hello(let hello) = message else { throw LinkFault.helloMisplaced }
                    guard names.contains(hello.member), server.members.contains(hello.member) else {
                        _ = outbox.put(
                            XCFFromRouter(.refusal(.notAMember(hello.member)), server.wrapping), byteCount: 0)
                        throw LinkFault.nameDiffers
                    }
                    connection = try server.join(hello, outbox, accepted)
                    await server.hand(message, of: connection!)
                }
            }
        } catch let fault as LinkFault {
            end = .fault(fault, "")
        } catch {
            end = LinkEnd(error)
        }
        if let connection {
            server.leave(connection, end)
        } else if case .fault(let fault, let detail) = end, accepted?.refuse() != false {
            server.refused(fault, who: names.joined(separator: ", "), detail: detail)
        }
    }
}

extension LinkEnd {
    /// Of what gRPC throws.
    init(_ error: any Error) {
        guard let error = error as? RPCError else {
            self = .lost("\(error)")
            return
        }
        switch error.code {
        // What protobuf cannot read, and what is longer than a message may be.
        case .invalidArgument, .resourceExhausted: self = .fault(.unreadable, error.message)
        default:
            let cause = error.cause.map { "; \($0)" } ?? ""
            self = .lost(String((error.message + cause).prefix(200)))
        }
    }
}

extension Outbox {
    /// Messages written at once: they share a flush.
    private static var chunk: Int { 64 }

    /// Until it is finished or the writer takes no more.
    func write(to writer: RPCWriter<Message>) async where Message: SizedMessage {
        while let messages = await take() {
            var rest = messages[...]
            while !rest.isEmpty {
                let chunk = rest.prefix(Self.chunk)
                guard (try? await writer.write(contentsOf: chunk)) != nil else {
                    finish(dropping: true)
                    return
                }
                written(chunk.count, byteCount: chunk.reduce(0) { $0 + $1.byteCount })
                rest = rest.dropFirst(Self.chunk)
            }
        }
    }
}

/// Knows about what it takes in memory.
protocol SizedMessage: Sendable { var byteCount: Int { get } }
extension XCFFromRouter: SizedMessage {}
extension XCFFromMember: SizedMessage {
    var byteCount: Int {
        guard case .report(let report) = says else { return 512 }
        return 128 + 32 * (report.usage.count + report.refusals.count) + 64 * report.connections.count
            + report.services.reduce(0) { $0 + 32 + $1.service.utf8.count }
    }
}
