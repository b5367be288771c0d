internal import ControlPlane
internal import Foundation
internal import GRPCCore
internal import SwiftProtobuf

/// A transaction in etcd's words. Where a comparison fails, what is there is read in the same transaction.
extension Etcdserverpb_TxnRequest {
    init(_ transaction: CouplingTransaction) {
        self.init()
        compare = transaction.comparisons.map(Etcdserverpb_Compare.init)
        success = transaction.operations.map(Etcdserverpb_RequestOp.init)
        failure = transaction.comparisons.map { comparison in
            .with { $0.requestRange.key = Data(comparison.key.utf8) }
        }
    }
}

extension Etcdserverpb_Compare {
    fileprivate init(_ comparison: CouplingTransaction.Comparison) {
        self.init()
        key = Data(comparison.key.utf8)
        switch comparison {
        case .absent:
            target = .create
            createRevision = 0
        case .value(_, let bytes):
            target = .value
            value = Data(bytes)
        case .revision(_, let revision):
            target = .mod
            modRevision = revision
        }
    }
}

extension Etcdserverpb_RequestOp {
    fileprivate init(_ operation: CouplingTransaction.Operation) {
        self.init()
        switch operation {
        case .put(let key, let value, let lease):
            requestPut = .with {
                $0.key = Data(key.utf8)
                $0.value = Data(value)
                $0.lease = lease?.identifier ?? 0
            }
        case .delete(let key): requestDeleteRange.key = Data(key.utf8)
        case .deletePrefix(let prefix):
            let range = KeyRange(prefix: prefix)
            requestDeleteRange = .with {
                $0.key = range.first
                $0.rangeEnd = range.end
            }
        }
    }
}

extension CouplingEntry {
    init(_ stored: Etcdserverpb_KeyValue) {
        self.init(
            key: String(decoding: stored.key, as: UTF8.self), value: Array(stored.value),
            modifiedRevision: stored.modRevision)
    }
}

extension CouplingNotice {
    init(_ event: Etcdserverpb_Event) {
        self.init(
            key: String(decoding: event.kv.key, as: UTF8.self),
            value: event.type == .delete ? nil : Array(event.kv.value), revision: event.kv.modRevision)
    }
}

/// What a call ended with, when not with an answer.
enum EtcdFault: Error {
    /// Somebody else may be asked.
    case passing(String)
    /// Whoever is asked says the same.
    case final(CouplingFailure)

    init(_ error: any Error, at endpoint: EtcdEndpoint, isClosed: Bool) {
        guard !isClosed else {
            self = .final(.closed)
            return
        }
        guard let error = error as? RPCError else {
            self = .passing("\(endpoint): \(error)")
            return
        }
        let cause = error.cause.map { " (\($0))" } ?? ""
        let text = "\(endpoint): \(error.message)\(cause)"
        switch error.code {
        case .notFound: self = .final(.leaseGone)
        // etcd says so of a database at its limit, and of a queue that is too long just now.
        case .resourceExhausted:
            self = error.message.contains("database space exceeded") ? .final(.full(text)) : .passing(text)
        case .invalidArgument, .permissionDenied, .unauthenticated, .unimplemented, .failedPrecondition:
            self = .final(.refusedByServer(text))
        case .outOfRange: self = .final(.compacted(0))
        default: self = .passing(text)
        }
    }
}
