public import ControlPlane
internal import Foundation
internal import GRPCCore
internal import SwiftProtobuf
internal import Synchronization

/// The coupling facility in etcd, version 3, over gRPC (docs/coupling.md). What one endpoint does not answer is asked of the
/// next, until a deadline.
public final class EtcdFacility: CouplingFacility {
    /// Until a call is given up, over all endpoints.
    static let patience = Duration.seconds(6)
    /// Until an endpoint is given up.
    static let attempt = Duration.seconds(2)
    /// Entries that are read at a time.
    private static let page: Int64 = 1000

    public let place: String
    let connections: EtcdConnections

    /// Traps without an endpoint. Throws `.refusedByServer` when a certificate or a key cannot be used; whether anybody
    /// answers shows later.
    public init(endpoints: [EtcdEndpoint], credentials: EtcdCredentials? = nil) throws(CouplingFailure) {
        place = "etcd, " + endpoints.map(\.description).joined(separator: ", ")
        do {
            connections = try EtcdConnections(endpoints, credentials)
        } catch {
            throw .refusedByServer("certificates for etcd: \(error)")
        }
    }

    public func list(_ prefix: String) async throws(CouplingFailure) -> CouplingListing {
        let range = KeyRange(prefix: prefix)
        // A revision that is compacted between two pages makes us begin again; seldom, so once more is enough.
        for _ in 0..<2 {
            do throws(CouplingFailure) {
                return try await list(range)
            } catch {
                guard case .compacted = error else { throw error }
            }
        }
        return try await list(range)
    }

    private func list(_ range: KeyRange) async throws(CouplingFailure) -> CouplingListing {
        var listing = CouplingListing(entries: [], revision: 0)
        var request = Etcdserverpb_RangeRequest()
        request.key = range.first
        request.rangeEnd = range.end
        request.limit = Self.page
        while true {
            let page = request
            let answer = try await ask { client, options in
                try await Etcdserverpb_KV.Client(wrapping: client).range(page, options: options)
            }
            // All pages are of the first one's revision.
            if listing.revision == 0 { listing.revision = answer.header.revision }
            listing.entries += answer.kvs.map(CouplingEntry.init)
            guard answer.more, let last = answer.kvs.last else { return listing }
            request.revision = listing.revision
            request.key = last.key + [0]
        }
    }

    /// One try only: the transaction may have been done though no answer came, and a second try would find its own traces.
    /// A short one: a member that has just lost its leader keeps what it was asked until it gives up itself, long after there
    /// is another leader; the writer asks the next endpoint meanwhile.
    /// So that an endpoint that is down does not count as a try, one that was not heard yet is asked something harmless.
    public func commit(_ transaction: CouplingTransaction) async throws(CouplingFailure) -> CouplingOutcome {
        transaction.requireBounds()
        guard var choice = connections.choice else { throw .closed }
        if !choice.isProven {
            try await ask { client, options in
                let probe = Etcdserverpb_RangeRequest.with {
                    $0.key = Data([0])
                    $0.countOnly = true
                }
                _ = try await Etcdserverpb_KV.Client(wrapping: client).range(probe, options: options)
            }
            guard let proven = connections.choice else { throw .closed }
            choice = proven
        }
        let request = Etcdserverpb_TxnRequest(transaction)
        let answer: Etcdserverpb_TxnResponse
        switch await attempt(
            choice, within: Self.attempt,
            { client, options in
                try await Etcdserverpb_KV.Client(wrapping: client).txn(request, options: options)
            })
        {
        case .success(let found): answer = found
        case .failure(.final(let failure)): throw failure
        case .failure(.passing(let why)): throw .unreachable(why)
        }
        if answer.succeeded { return .committed(answer.header.revision) }
        return .refused(answer.responses.flatMap { $0.responseRange.kvs.map(CouplingEntry.init) })
    }

    public func grantLease(seconds: Int) async throws(CouplingFailure) -> CouplingLease {
        precondition(CouplingBounds.lease.contains(seconds))
        let answer = try await ask { client, options in
            try await Etcdserverpb_Lease.Client(wrapping: client).leaseGrant(
                .with { $0.ttl = Int64(seconds) }, options: options)
        }
        guard answer.error.isEmpty else { throw .refusedByServer(answer.error) }
        return CouplingLease(identifier: answer.id, seconds: Int(answer.ttl))
    }

    public func keepAlive(_ lease: CouplingLease) async throws(CouplingFailure) {
        let remaining = try await ask { client, options in
            try await Etcdserverpb_Lease.Client(wrapping: client).leaseKeepAlive(
                options: options,
                requestProducer: { try await $0.write(.with { $0.id = lease.identifier }) },
                onResponse: { response in
                    for try await answer in response.messages { return answer.ttl }
                    throw RPCError(code: .unavailable, message: "the stream has ended without an answer")
                })
        }
        // etcd answers so of a lease that there is not.
        guard remaining > 0 else { throw .leaseGone }
    }

    public func revoke(_ lease: CouplingLease) async throws(CouplingFailure) {
        do throws(CouplingFailure) {
            try await ask { client, options in
                _ = try await Etcdserverpb_Lease.Client(wrapping: client).leaseRevoke(
                    .with { $0.id = lease.identifier }, options: options)
            }
        } catch .leaseGone {
            return
        }
    }

    public func close() async { await connections.close() }

    // MARK: Asking

    /// For what may be done twice.
    @discardableResult
    private func ask<Answer: Sendable>(
        _ body: @Sendable (EtcdClient, CallOptions) async throws -> Answer
    ) async throws(CouplingFailure) -> Answer {
        let deadline = ContinuousClock.now + Self.patience
        var reasons: [String] = []
        while let choice = connections.choice {
            let left = deadline - ContinuousClock.now
            switch await attempt(choice, within: min(left, Self.attempt), body) {
            case .success(let answer): return answer
            case .failure(.final(let failure)): throw failure
            case .failure(.passing(let why)): if !reasons.contains(why) { reasons.append(why) }
            }
            guard ContinuousClock.now < deadline, reasons.count < 16 else {
                throw .unreachable(reasons.joined(separator: "; "))
            }
            // Refusals come at once: not to ask them all thousands of times.
            try? await ContinuousClock().sleep(for: .milliseconds(20))
            if Task.isCancelled { break }
        }
        throw .closed
    }

    private func attempt<Answer: Sendable>(
        _ choice: EtcdConnections.Choice, within time: Duration,
        _ body: @Sendable (EtcdClient, CallOptions) async throws -> Answer
    ) async -> Result<Answer, EtcdFault> {
        do {
            let answer = try await body(choice.client, Self.options(within: time))
            connections.succeeded(choice)
            return .success(answer)
        } catch {
            let fault = EtcdFault(
                error, at: connections.endpoints[choice.index], isClosed: connections.isClosed)
            if case .passing = fault { connections.failed(choice) } else { connections.succeeded(choice) }
            return .failure(fault)
        }
    }

    /// nil: a stream without end.
    static func options(within time: Duration?) -> CallOptions {
        var options = CallOptions.defaults
        options.timeout = time
        // The next endpoint is asked instead.
        options.waitForReady = false
        // A page of entries of the largest size.
        options.maxResponseMessageBytes = 2 << 30 - 1
        return options
    }
}
