internal import Associations
internal import Wire

/// What the owner writes: in the order of the tickets, many at a time, each time under the epoch.
extension CouplingWriter {
    /// nil when there is nothing to write. The owner's record goes first, when it has to be put anew.
    mutating func nextTransaction(at now: UInt64) -> Pending? {
        guard case .owning(let epoch) = phase else { return nil }
        if isRecordGone, let lease {
            let operation = CouplingTransaction.Operation.put(keys.owner, Array(member.utf8), lease)
            return Pending(
                transaction: transaction(epoch, [operation]), tickets: [], since: now, lease: lease)
        }
        guard let first = queue.first else { return nil }
        var places: [String: Int] = [:]
        var operations: [CouplingTransaction.Operation] = []
        var tickets: [UInt64] = []
        var byteCount = 0
        while let waiting = queue.first, operations.count < Self.operationLimit, byteCount < Self.byteLimit {
            tickets.append(waiting.ticket)
            queue.removeFirst()
            guard let operation = operation(waiting.change) else { continue }
            if case .put(_, let value, _) = operation { byteCount += value.count }
            // What is done together has no order: of two for one key the later one is what is left of both.
            if let place = places[operation.key] {
                operations[place] = operation
            } else {
                places[operation.key] = operations.count
                operations.append(operation)
            }
        }
        return Pending(transaction: transaction(epoch, operations), tickets: tickets, since: first.since)
    }

    private func transaction(
        _ epoch: Epoch, _ operations: [CouplingTransaction.Operation]
    ) -> CouplingTransaction {
        CouplingTransaction(
            when: [.value(keys.epoch, Self.text(epoch)), .value(keys.step, Self.step(epoch, step))],
            operations + [.put(keys.step, Self.step(epoch, step + 1))])
    }

    /// nil for nothing to do.
    private mutating func operation(_ change: CouplingChange) -> CouplingTransaction.Operation? {
        let key = change.key(in: keys)
        switch change {
        case .store(let association):
            var plaintext = ShadowEntry.install(association).bytes
            defer { plaintext.wipe() }
            return .put(key, ring.wrap(plaintext, context: key, using: &random))
        case .reserve(let sequence, let mark):
            let mark = max(mark, marks[sequence] ?? 0)
            marks[sequence] = mark
            return .put(key, ring.wrap(mark.bigEndianBytes, context: key, using: &random))
        case .giveBack(let sequence, let mark, let next):
            // All before it was answered or is in this transaction, so this is what is stored.
            guard marks[sequence] == mark, (1..<mark).contains(next) else { return nil }
            marks[sequence] = next
            return .put(key, ring.wrap(next.bigEndianBytes, context: key, using: &random))
        case .forget(let sequence):
            marks[sequence] = nil
            return .delete(key)
        case .remove: return .delete(key)
        }
    }

    mutating func written(_ outcome: CouplingOutcome, _ epoch: Epoch) {
        guard let done = pending else { preconditionFailure("an answer to nothing") }
        if case .refused(let entries) = outcome {
            func holds(_ key: String, _ value: [UInt8]) -> Bool {
                entries.contains { $0.key == key && $0.value == value }
            }
            // Done at an earlier try, whose answer was lost. Anything else is another owner's doing.
            guard holds(keys.epoch, Self.text(epoch)), holds(keys.step, Self.step(epoch, step + 1)) else {
                return fence()
            }
        }
        pending = nil
        step += 1
        transactions += 1
        if let lease = done.lease, lease == self.lease { regain() }
        events += done.tickets.map { .done($0) }
    }
}
