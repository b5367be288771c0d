internal import ControlPlane
internal import Foundation
internal import GRDB

/// The file of an embedded facility: one SQLite database, of one process at a time, mode 0600.
///
/// ```
/// meta       name, value     "revision"; "forgotten": deletions up to this revision are no longer in `deletion`
/// entry      key, value, revision, lease
/// deletion   key, revision   keys that are gone, the last ones
/// lease      identifier, seconds
/// ```
///
/// What is written is in the file when a commit returns (write-ahead log, `synchronous` FULL).
struct EmbeddedFile {
    /// "VDCF": a file of ours, by which others' databases are known as such.
    private static let applicationID = 0x5644_4346
    private static let version = 1

    let database: DatabaseQueue
    /// Held as long as the file is open.
    private let lock: OpenFile

    init(path: String) throws(CouplingFailure) {
        let url = URL(filePath: path)
        let name = url.lastPathComponent
        do {
            let directory = try StateDirectory(path: url.deletingLastPathComponent().path)
            guard let lock = try directory.lock(name + ".lock") else {
                throw CouplingFailure.inUse("\(path) is used by another process")
            }
            self.lock = lock
            // Only where nothing is: an empty file, or a log without its database, is what is left of something.
            let remains = [path, path + "-wal"].contains { FileManager.default.fileExists(atPath: $0) }
            if !remains { try Self.make(name, in: directory) }
            database = try Self.open(path)
        } catch let failure as CouplingFailure {
            throw failure
        } catch let error as SystemError {
            throw error.isFull ? .full(error.description) : .unreachable(error.description)
        } catch {
            throw CouplingFailure(error, path: path)
        }
    }

    /// A new database, whole or not at all.
    private static func make(_ name: String, in directory: StateDirectory) throws {
        let draft = name + ".draft"
        let path = directory.place(draft)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try directory.replace(draft, with: [])
        let database = try DatabaseQueue(path: path)
        try database.writeWithoutTransaction { db in
            try db.execute(
                sql: """
                    PRAGMA application_id = \(applicationID);
                    PRAGMA user_version = \(version);
                    CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
                    INSERT INTO meta VALUES ('revision', 1), ('forgotten', 0);
                    CREATE TABLE entry (
                        key BLOB PRIMARY KEY, value BLOB NOT NULL, revision INTEGER NOT NULL, lease INTEGER);
                    CREATE INDEX entryRevision ON entry (revision);
                    CREATE INDEX entryLease ON entry (lease) WHERE lease IS NOT NULL;
                    CREATE TABLE deletion (key BLOB PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
                    CREATE INDEX deletionRevision ON deletion (revision);
                    CREATE TABLE lease (identifier INTEGER PRIMARY KEY, seconds INTEGER NOT NULL);
                    """)
        }
        try database.close()
        // A few pages.
        guard let bytes = try directory.read(draft, limit: 1 << 20) else {
            throw CouplingFailure.unreachable("\(path) has gone")
        }
        try directory.replace(name, with: bytes)
    }

    private static func open(_ path: String) throws -> DatabaseQueue {
        guard FileManager.default.fileExists(atPath: path) else {
            throw CouplingFailure.damaged("\(path) is missing beside its write-ahead log; \(remedy)")
        }
        var configuration = GRDB.Configuration()
        configuration.prepareDatabase { db in
            // No second process, so no memory to share with one.
            try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE")
        }
        let database = try DatabaseQueue(path: path, configuration: configuration)
        try database.writeWithoutTransaction { db in
            // Asked before anything is written: it may be somebody else's.
            guard try Int.fetchOne(db, sql: "PRAGMA application_id") == applicationID,
                try Int.fetchOne(db, sql: "PRAGMA user_version") == version
            else { throw CouplingFailure.damaged("\(path) is no database of this program's version; \(remedy)") }
            let mode = try String.fetchOne(db, sql: "PRAGMA journal_mode = WAL")
            try db.execute(sql: "PRAGMA synchronous = FULL")
            guard mode == "wal", try Int.fetchOne(db, sql: "PRAGMA synchronous") == 2 else {
                throw CouplingFailure.unreachable("\(path): no write-ahead log can be kept there")
            }
            let finding = try String.fetchOne(db, sql: "PRAGMA quick_check(1)") ?? "no answer"
            guard finding == "ok" else { throw CouplingFailure.damaged("\(path): \(finding); \(remedy)") }
        }
        return database
    }

    static let remedy = "put it back from a copy, or remove it and begin with new keys"
}

extension SystemError {
    fileprivate var isFull: Bool { code == ENOSPC || code == EDQUOT }
}

extension CouplingFailure {
    /// What SQLite says, in our words.
    init(_ error: any Error, path: String) {
        guard let error = error as? DatabaseError else {
            self = .unreachable("\(path): \(error)")
            return
        }
        let text = "\(path): \(error.message ?? "SQLite's error \(error.extendedResultCode.rawValue)")"
        switch error.resultCode {
        case .SQLITE_FULL: self = .full(text)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .damaged("\(text); \(EmbeddedFile.remedy)")
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .inUse(text)
        default: self = .unreachable(text)
        }
    }
}
