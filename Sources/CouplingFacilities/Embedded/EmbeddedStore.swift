internal import ControlPlane
internal import Foundation
internal import GRDB

/// What is done with the tables, on the database's own queue, inside of a transaction of the caller's.
struct EmbeddedStore {
    let db: Database

    /// Deletions that are remembered for those who watch.
    static let deletionLimit = 10_000

    func revision() throws -> Int64 { try meta("revision") }
    /// Deletions up to here are forgotten.
    func forgotten() throws -> Int64 { try meta("forgotten") }

    private func meta(_ name: String) throws -> Int64 {
        try Int64.fetchOne(db.cachedStatement(sql: "SELECT value FROM meta WHERE name = ?"), arguments: [name]) ?? 0
    }

    private func set(_ name: String, _ value: Int64) throws {
        try run("UPDATE meta SET value = ? WHERE name = ?", [value, name])
    }

    private func run(_ sql: String, _ arguments: StatementArguments) throws {
        try db.cachedStatement(sql: sql).execute(arguments: arguments)
    }

    // MARK: Reading

    func entry(_ key: String) throws -> CouplingEntry? {
        try entries("SELECT key, value, revision FROM entry WHERE key = ?", [Data(key.utf8)]).first
    }

    func list(_ prefix: String) throws -> CouplingListing {
        let range = KeyRange(prefix: prefix)
        return CouplingListing(
            entries: try entries(
                "SELECT key, value, revision FROM entry WHERE key >= ? AND key < ? ORDER BY key",
                [range.first, range.end]),
            revision: try revision())
    }

    private func entries(_ sql: String, _ arguments: StatementArguments) throws -> [CouplingEntry] {
        var entries: [CouplingEntry] = []
        let rows = try Row.fetchCursor(db.cachedStatement(sql: sql), arguments: arguments)
        while let row = try rows.next() {
            let key: Data = row[0]
            let value: Data = row[1]
            entries.append(
                CouplingEntry(
                    key: String(decoding: key, as: UTF8.self), value: Array(value), modifiedRevision: row[2]))
        }
        return entries
    }

    /// What has changed after a revision, in order, as it is now; nil when that is no longer known.
    func changes(_ prefix: String, after revision: Int64) throws -> [CouplingNotice]? {
        guard try forgotten() <= revision else { return nil }
        let range = KeyRange(prefix: prefix)
        let arguments: StatementArguments = [revision, range.first, range.end]
        var notices = try entries(
            "SELECT key, value, revision FROM entry WHERE revision > ? AND key >= ? AND key < ?", arguments
        ).map { CouplingNotice(key: $0.key, value: $0.value, revision: $0.modifiedRevision) }
        let rows = try Row.fetchCursor(
            db.cachedStatement(sql: "SELECT key, revision FROM deletion WHERE revision > ? AND key >= ? AND key < ?"),
            arguments: arguments)
        while let row = try rows.next() {
            let key: Data = row[0]
            notices.append(CouplingNotice(key: String(decoding: key, as: UTF8.self), value: nil, revision: row[1]))
        }
        return notices.sorted { ($0.revision, $0.key) < ($1.revision, $1.key) }
    }

    // MARK: Writing

    /// What it changed. Throws `.leaseGone` when a put names a lease that there is not; the caller rolls back then.
    func apply(_ operations: [CouplingTransaction.Operation]) throws -> (revision: Int64, [CouplingNotice]) {
        let next = try revision() + 1
        var notices: [CouplingNotice] = []
        for operation in operations {
            switch operation {
            case .put(let key, let value, let lease):
                try put(key, value, lease, at: next)
                notices.append(CouplingNotice(key: key, value: value, revision: next))
            case .delete(let key): notices += try delete("key = ?", [Data(key.utf8)], at: next)
            case .deletePrefix(let prefix):
                let range = KeyRange(prefix: prefix)
                notices += try delete("key >= ? AND key < ?", [range.first, range.end], at: next)
            }
        }
        guard !notices.isEmpty else { return (next - 1, []) }
        try set("revision", next)
        return (next, notices)
    }

    private func put(_ key: String, _ value: [UInt8], _ lease: CouplingLease?, at revision: Int64) throws {
        if let lease, try !hasLease(lease.identifier) { throw CouplingFailure.leaseGone }
        let key = Data(key.utf8)
        try run(
            """
            INSERT INTO entry (key, value, revision, lease) VALUES (?, ?, ?, ?) ON CONFLICT (key)
            DO UPDATE SET value = excluded.value, revision = excluded.revision, lease = excluded.lease
            """, [key, Data(value), revision, lease?.identifier])
        try run("DELETE FROM deletion WHERE key = ?", [key])
    }

    private func delete(
        _ condition: String, _ arguments: StatementArguments, at revision: Int64
    ) throws -> [CouplingNotice] {
        let keys = try Data.fetchAll(
            db.cachedStatement(sql: "SELECT key FROM entry WHERE \(condition) ORDER BY key"), arguments: arguments)
        guard !keys.isEmpty else { return [] }
        try run("DELETE FROM entry WHERE \(condition)", arguments)
        for key in keys {
            try run("INSERT OR REPLACE INTO deletion VALUES (?, ?)", [key, revision])
        }
        return keys.map { CouplingNotice(key: String(decoding: $0, as: UTF8.self), value: nil, revision: revision) }
    }

    /// Keeps the deletions' table inside its bound. A revision is forgotten whole.
    func forget(beyond limit: Int) throws {
        let count = try Int.fetchOne(db.cachedStatement(sql: "SELECT count(*) FROM deletion")) ?? 0
        guard count > limit else { return }
        // Half of it at once, so that it is not done for each.
        let sql = "SELECT revision FROM deletion ORDER BY revision DESC LIMIT 1 OFFSET ?"
        guard let last = try Int64.fetchOne(db.cachedStatement(sql: sql), arguments: [limit / 2]) else { return }
        try run("DELETE FROM deletion WHERE revision <= ?", [last])
        try set("forgotten", last)
    }

    // MARK: Leases

    func leases() throws -> [CouplingLease] {
        try Row.fetchAll(db, sql: "SELECT identifier, seconds FROM lease").map {
            CouplingLease(identifier: $0[0], seconds: $0[1])
        }
    }

    private func hasLease(_ identifier: Int64) throws -> Bool {
        try Int.fetchOne(
            db.cachedStatement(sql: "SELECT 1 FROM lease WHERE identifier = ?"), arguments: [identifier]) != nil
    }

    func insert(_ lease: CouplingLease) throws {
        try run("INSERT INTO lease VALUES (?, ?)", [lease.identifier, lease.seconds])
    }

    /// With its keys.
    func end(_ identifier: Int64) throws -> [CouplingNotice] {
        let next = try revision() + 1
        let notices = try delete("lease = ?", [identifier], at: next)
        try run("DELETE FROM lease WHERE identifier = ?", [identifier])
        if !notices.isEmpty { try set("revision", next) }
        return notices
    }
}

/// The keys with a prefix, as bytes: from `first` on, below `end`.
struct KeyRange {
    let first: Data
    let end: Data

    init(prefix: String) {
        first = Data(prefix.utf8)
        var end = Data(prefix.utf8)
        // UTF-8 has no byte 0xff, so the last one can grow; of all keys there is no end but such a byte.
        if let last = end.popLast() { end.append(last + 1) } else { end.append(0xFF) }
        self.end = end
    }
}
