// The store of one process, in a folder. One connection writes, on one thread, and takes all commits that
// wait into one transaction, each behind a savepoint; another connection reads meanwhile.

import CSQLite
import Locking
public import Storage

/// A store in a folder.
public final class SQLiteStorage: Storage {
    /// Commits that share a transaction.
    static let batchMax = 256

    /// The connections, each opened when it is needed, and what the last call of each failed with.
    private final class File: Sendable {
        let folder: StateFolder
        let writer: Locked<Connection>
        let reader = Locked(Connection())

        init(_ folder: StateFolder, _ database: Database) {
            self.folder = folder
            writer = Locked(Connection(database: database))
        }
    }

    private struct Connection {
        var database: Database?
        var trouble: String?
        var isClosed = false
    }

    public let name: String
    public let isShared = false
    private let file: File
    private let clock: @Sendable () -> UInt64
    private let queue: CommitQueue

    /// Opens the store in a folder, and makes it where there is none.
    ///
    /// - Parameter now: milliseconds since 1970 in UTC; must not go back.
    public init(folder: String, now: @escaping @Sendable () -> UInt64) throws(StorageOpening) {
        let locked = try StateFolder(path: folder)
        let file = File(locked, try locked.openForWriting())
        self.file = file
        name = "SQLite in \(folder)"
        clock = now
        queue = CommitQueue(most: Self.batchMax) { items in Self.write(items, file, Int64(clamping: now())) }
    }

    deinit { close() }

    public func now() -> UInt64 { clock() }

    public func commit(_ changes: [StoredChange]) throws(StorageFailure) {
        try changes.requireSignedRevisions()
        if changes.isEmpty { return }
        try queue.commit(changes)
    }

    public func head(_ name: StoredName) throws(StorageFailure) -> StoredHead? {
        try reading { database, now throws(SQLiteFailure) in try database.head(name, now) }
    }

    public func entity(
        _ name: StoredName, after: StoredHead?
    ) throws(StorageFailure) -> StoredEntity? {
        try reading { database, now throws(SQLiteFailure) in try database.entity(name, after, now) }
    }

    public func heads(_ kind: StoredKind) throws(StorageFailure) -> [(name: StoredName, head: StoredHead)] {
        try reading { database, now throws(SQLiteFailure) in try database.heads(kind, now) }
    }

    public func blob(_ digest: String) throws(StorageFailure) -> [UInt8]? {
        try reading { database, _ throws(SQLiteFailure) in try database.blob(digest) }
    }

    public func answer(_ key: String) throws(StorageFailure) -> StoredAnswer? {
        try reading { database, now throws(SQLiteFailure) in try database.answers(to: key, now).first }
    }

    public func answers() throws(StorageFailure) -> [StoredAnswer] {
        try reading { database, now throws(SQLiteFailure) in try database.answers(now) }
    }

    public func expire() throws(StorageFailure) {
        let now = Int64(clamping: now())
        try Self.using(file.writer, file.folder.openForWriting, file) { database throws(SQLiteFailure) in
            try database.transaction { () throws(SQLiteFailure) in try database.expire(now) }
        }
    }

    public func follow(_ changed: @escaping @Sendable ([StoredName]?) -> Void) {}

    /// What the last call failed with. That it was read has the store try once more, so that what has passed
    /// does not stay where nobody writes any more.
    public var trouble: String? {
        let trouble = file.writer.withLock(\.trouble) ?? file.reader.withLock(\.trouble)
        if trouble != nil { queue.probe() }
        return trouble
    }

    public func close() {
        let wasClosed = file.writer.withLock { connection in
            defer { connection.isClosed = true }
            return connection.isClosed
        }
        if wasClosed { return }
        queue.close()
        for connection in [file.reader, file.writer] {
            connection.withLock { $0 = Connection(trouble: "the store is closed", isClosed: true) }
        }
        file.folder.unlock()
    }

    /// For tests: a disk that is full after so many pages of the file.
    func limit(pages: Int) {
        file.writer.withLock { try? $0.database?.execute("PRAGMA max_page_count = \(pages)") }
    }

    private func reading<T>(
        _ body: (Database, Int64) throws(SQLiteFailure) -> T
    ) throws(StorageFailure) -> T {
        let now = Int64(clamping: now())
        return try Self.using(file.reader, file.folder.openForReading, file) {
            database throws(SQLiteFailure) in
            try body(database, now)
        }
    }

    /// Runs `body` with a connection, which is opened before and dropped afterwards where that may help.
    private static func using<T>(
        _ connection: Locked<Connection>, _ open: () throws(StorageOpening) -> Database, _ file: File,
        _ body: (Database) throws(SQLiteFailure) -> T
    ) throws(StorageFailure) -> T {
        try connection.withLock { connection throws(StorageFailure) in
            if connection.isClosed { throw CommitQueue.closed }
            do throws(StorageOpening) {
                if connection.database == nil { connection.database = try open() }
            } catch {
                connection.trouble = error.description
                throw .unavailable(error.description)
            }
            guard let database = connection.database else { throw CommitQueue.closed }
            do throws(SQLiteFailure) {
                let result = try body(database)
                connection.trouble = nil
                return result
            } catch {
                if error.isOfConnection { connection.database = nil }
                let trouble = "\(file.folder.file): \(error.message)"
                connection.trouble = trouble
                throw .unavailable(trouble)
            }
        }
    }

    /// Writes a batch in one transaction; where that fails, each commit in one of its own, so that a commit
    /// that the disk has no room for takes no other with it.
    private static func write(_ items: [CommitQueue.Item], _ file: File, _ now: Int64) -> [CommitQueue
        .Outcome]
    {
        do throws(StorageFailure) {
            return try using(file.writer, file.folder.openForWriting, file) {
                database throws(SQLiteFailure) in
                try database.transaction { () throws(SQLiteFailure) in
                    var outcomes: [CommitQueue.Outcome] = []
                    for item in items { outcomes.append(try database.commit(item.changes, now)) }
                    return outcomes
                }
            }
        } catch {
            guard items.count > 1 else { return [.failed(error)] }
            return items.flatMap { write([$0], file, now) }
        }
    }
}

extension Database {
    /// Makes all of `body` durable, or nothing of it.
    fileprivate func transaction<T>(_ body: () throws(SQLiteFailure) -> T) throws(SQLiteFailure) -> T {
        do throws(SQLiteFailure) {
            try run("BEGIN IMMEDIATE")
            let result = try body()
            try run("COMMIT")
            return result
        } catch {
            if isInTransaction { _ = try? run("ROLLBACK") }
            throw error
        }
    }

    /// One commit of a batch: all of it or nothing.
    fileprivate func commit(
        _ changes: [StoredChange], _ now: Int64
    ) throws(SQLiteFailure) -> CommitQueue.Outcome {
        if changes.isEmpty { try run("UPDATE probe SET count = count + 1") }
        try run("SAVEPOINT one")
        var outcome = CommitQueue.Outcome.done
        do throws(WritingFailure) {
            for change in changes { try apply(change, now) }
        } catch {
            if case .sqlite(let failure) = error { throw failure }
            try run("ROLLBACK TO one")
            outcome = .failed(.conflict)
        }
        try run("RELEASE one")
        return outcome
    }
}
