internal import ControlPlane
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import SwiftProtobuf
internal import Synchronization

/// The router's coupling facility, as gRPC calls it for other members. Who calls has shown a member's certificate; what a
/// member may do is asked at each call.
struct FacilityService: XCFCoupling.SimpleServiceProtocol {
    weak let server: LinkServer?
    let served: ServedFacility

    // MARK: Who may

    private enum Access { case read, write }

    private func require(_ access: Access, _ context: ServerContext) throws(CouplingFailure) {
        let certificate = (context.transportSpecific as? HTTP2ServerTransport.Posix.Context)?.peerCertificate
        let names = certificate?.memberNames ?? []
        let isWriter = !served.writers.isDisjoint(with: names)
        guard let server, isWriter || !server.members.isDisjoint(with: names) else {
            throw .refusedByServer("\(LinkFault.notAMember)")
        }
        // Now it has said what it wants.
        server.state.withLock { $0.accepted[context.remotePeer] }?.join()
        guard isWriter || access == .read else {
            throw .refusedByServer("\(names[0]) is no router of this cluster, and only routers write here")
        }
    }

    private func answer(
        _ access: Access, _ context: ServerContext, _ body: () async throws(CouplingFailure) -> XCFCouplingAnswer
    ) async -> XCFCouplingAnswer {
        do throws(CouplingFailure) {
            try require(access, context)
            return try await body()
        } catch {
            return XCFCouplingAnswer(error)
        }
    }

    // MARK: The calls

    func list(
        request: XCFCouplingListRequest, response: RPCWriter<XCFCouplingAnswer>, context: ServerContext
    ) async throws {
        let pages: [XCFCouplingAnswer]
        do throws(CouplingFailure) {
            try require(.read, context)
            let listing = try await served.facility.list(try prefix(request.prefix))
            pages = XCFCouplingAnswer.pages(listing.entries, revision: listing.revision)
        } catch {
            pages = [XCFCouplingAnswer(error)]
        }
        for page in pages { try await response.write(page) }
    }

    func commit(
        request: XCFCouplingCommitRequest, response: RPCWriter<XCFCouplingAnswer>, context: ServerContext
    ) async throws {
        let answers: [XCFCouplingAnswer]
        do throws(CouplingFailure) {
            try require(.write, context)
            guard let transaction = request.transaction else {
                throw .refusedByServer("a transaction with a part that this version does not know")
            }
            if let fault = transaction.boundsFault { throw .refusedByServer(fault) }
            answers =
                switch try await served.facility.commit(transaction) {
                case .committed(let revision): [.with { $0.committed = revision }]
                case .refused(let entries): XCFCouplingAnswer.pages(entries, revision: 0)
                }
        } catch {
            answers = [XCFCouplingAnswer(error)]
        }
        for answer in answers { try await response.write(answer) }
    }

    func watch(
        request: XCFCouplingWatchRequest, response: RPCWriter<XCFCouplingAnswer>, context: ServerContext
    ) async throws {
        do throws(CouplingFailure) {
            try require(.read, context)
            guard (0..<Int64.max).contains(request.revision) else {
                throw .refusedByServer("no revision has that number")
            }
            let watch = served.facility.watch(try prefix(request.prefix), after: request.revision)
            try await tell(watch, response, context)
        } catch {
            try await response.write(XCFCouplingAnswer(error))
        }
    }

    func grantLease(request: XCFCouplingLeaseMessage, context: ServerContext) async throws -> XCFCouplingAnswer {
        await answer(.write, context) { () throws(CouplingFailure) in
            guard CouplingBounds.lease.contains(Int(request.seconds)) else { throw Self.strangeLease }
            return XCFCouplingAnswer(try await served.facility.grantLease(seconds: Int(request.seconds)))
        }
    }

    func keepAlive(request: XCFCouplingLeaseMessage, context: ServerContext) async throws -> XCFCouplingAnswer {
        await answer(.write, context) { () throws(CouplingFailure) in
            guard let lease = request.lease else { throw Self.strangeLease }
            try await served.facility.keepAlive(lease)
            return XCFCouplingAnswer(lease)
        }
    }

    func revoke(request: XCFCouplingLeaseMessage, context: ServerContext) async throws -> XCFCouplingAnswer {
        await answer(.write, context) { () throws(CouplingFailure) in
            guard let lease = request.lease else { throw Self.strangeLease }
            try await served.facility.revoke(lease)
            return XCFCouplingAnswer(lease)
        }
    }

    private static let strangeLease = CouplingFailure.refusedByServer("a lease lasts 1 to 3600 seconds")

    private func prefix(_ text: String) throws(CouplingFailure) -> String {
        guard text.utf8.count <= CouplingBounds.key else { throw .refusedByServer("a prefix that no key can have") }
        return text
    }

    /// Until the watch ends, or the member is gone: gRPC tells that, and ends nothing by itself.
    private func tell(
        _ watch: CouplingWatch, _ response: RPCWriter<XCFCouplingAnswer>, _ context: ServerContext
    ) async throws(CouplingFailure) {
        let told = Task {
            var notices = watch.makeAsyncIterator()
            do {
                while let notice = try await notices.next() { try await response.write(XCFCouplingAnswer(notice)) }
                return CouplingFailure.closed
            } catch let failure as CouplingFailure {
                return failure
            } catch {
                return CouplingFailure.closed
            }
        }
        throw await withRPCCancellationHandler {
            await told.value
        } onCancelRPC: {
            told.cancel()
        }
    }
}
