internal import ControlPlane
internal import Foundation
internal import SwiftProtobuf

/// A transaction in words.
extension XCFCouplingCommitRequest {
    init(_ transaction: CouplingTransaction) {
        self.init()
        comparisons = transaction.comparisons.map(XCFCouplingComparison.init)
        operations = transaction.operations.map(XCFCouplingOperation.init)
    }

    /// nil for what this build does not know: to leave a part of it out would be another transaction.
    var transaction: CouplingTransaction? {
        var transaction = CouplingTransaction([])
        for comparison in comparisons {
            guard let read = comparison.comparison else { return nil }
            transaction.comparisons.append(read)
        }
        for operation in operations {
            guard let read = operation.operation else { return nil }
            transaction.operations.append(read)
        }
        return transaction
    }
}

extension XCFCouplingComparison {
    fileprivate init(_ comparison: CouplingTransaction.Comparison) {
        self.init()
        key = comparison.key
        switch comparison {
        case .absent: absent = XCFCouplingAbsence()
        case .value(_, let bytes): value = Data(bytes)
        case .revision(_, let number): revision = number
        }
    }

    fileprivate var comparison: CouplingTransaction.Comparison? {
        switch holds {
        case .absent: .absent(key)
        case .value(let bytes): .value(key, Array(bytes))
        case .revision(let number): .revision(key, number)
        case nil: nil
        }
    }
}

extension XCFCouplingOperation {
    fileprivate init(_ operation: CouplingTransaction.Operation) {
        self.init()
        switch operation {
        case .put(let key, let value, let lease):
            put = .with {
                $0.key = key
                $0.value = Data(value)
                if let lease { $0.lease = XCFCouplingLeaseMessage(lease) }
            }
        case .delete(let key): delete = key
        case .deletePrefix(let prefix): deletePrefix = prefix
        }
    }

    fileprivate var operation: CouplingTransaction.Operation? {
        switch does {
        case .put(let put):
            guard put.hasLease else { return .put(put.key, Array(put.value)) }
            return put.lease.lease.map { .put(put.key, Array(put.value), $0) }
        case .delete(let key): return .delete(key)
        case .deletePrefix(let prefix): return .deletePrefix(prefix)
        case nil: return nil
        }
    }
}

extension XCFCouplingLeaseMessage {
    init(_ lease: CouplingLease) {
        self.init()
        identifier = lease.identifier
        seconds = UInt32(clamping: lease.seconds)
    }

    /// nil for one that lasts longer than leases do.
    var lease: CouplingLease? {
        guard CouplingBounds.lease.contains(Int(seconds)) else { return nil }
        return CouplingLease(identifier: identifier, seconds: Int(seconds))
    }
}

extension XCFCouplingAnswer {
    init(_ notice: CouplingNotice) {
        self.init()
        self.notice = .with {
            $0.key = notice.key
            if let value = notice.value { $0.value = Data(value) }
            $0.revision = notice.revision
        }
    }

    init(_ lease: CouplingLease) {
        self.init()
        self.lease = XCFCouplingLeaseMessage(lease)
    }

    init(_ failure: CouplingFailure) {
        self.init()
        self.failure = XCFCouplingFailureMessage(failure)
    }

    /// One at least: an empty listing has its revision.
    static func pages(_ entries: [CouplingEntry], revision: Int64) -> [XCFCouplingAnswer] {
        var pages: [XCFCouplingAnswer] = []
        var rest = entries[...]
        repeat {
            var page = XCFCouplingPage()
            page.revision = revision
            var byteCount = 0
            while let entry = rest.first, page.entries.count < CouplingPages.entries, byteCount < CouplingPages.bytes {
                page.entries.append(XCFCouplingEntryMessage(entry))
                byteCount += entry.key.utf8.count + entry.value.count
                rest.removeFirst()
            }
            pages.append(.with { $0.page = page })
        } while !rest.isEmpty
        return pages
    }
}

extension XCFCouplingEntryMessage {
    fileprivate init(_ entry: CouplingEntry) {
        self.init()
        key = entry.key
        value = Data(entry.value)
        revision = entry.modifiedRevision
    }

    var entry: CouplingEntry { CouplingEntry(key: key, value: Array(value), modifiedRevision: revision) }
}

extension CouplingNotice {
    init(_ message: XCFCouplingNoticeMessage) {
        self.init(
            key: message.key, value: message.hasValue ? Array(message.value) : nil, revision: message.revision)
    }
}

extension XCFCouplingFailureMessage {
    fileprivate init(_ failure: CouplingFailure) {
        self.init()
        switch failure {
        case .unreachable(let why): (kind, detail) = (.unreachable, why)
        // To another member it is the same as a router that is gone: it may come back.
        case .closed: (kind, detail) = (.unreachable, "its router has closed it")
        case .compacted(let revision): (kind, self.revision) = (.compacted, revision)
        case .leaseGone: kind = .leaseGone
        case .full(let what): (kind, detail) = (.full, what)
        case .damaged(let what): (kind, detail) = (.damaged, what)
        case .inUse(let what): (kind, detail) = (.inUse, what)
        case .refusedByServer(let why): (kind, detail) = (.refused, why)
        }
        detail = String(detail.prefix(CouplingPages.detail))
    }

    /// `place`: whose facility it is, for people.
    func failure(at place: String) -> CouplingFailure {
        let text = "\(place): \(detail)"
        return switch kind {
        case .unreachable: .unreachable(text)
        case .compacted: .compacted(revision)
        case .leaseGone: .leaseGone
        case .full: .full(text)
        case .damaged: .damaged(text)
        case .inUse: .inUse(text)
        case .refused: .refusedByServer(text)
        case .UNRECOGNIZED(let number): .unreachable("\(place): failure \(number), \(detail)")
        }
    }
}
