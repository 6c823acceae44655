// The folder of a store: its lock, which one process has, and the file, which is opened with everything that
// makes a commit last.

import CSQLite
import Glibc
import Locking
import Storage

/// A folder that this process has locked.
final class StateFolder: Sendable {
    /// How long a call waits for another program that looks into the file: a copy, a shell.
    static let lockMilliseconds: Int32 = 5000
    /// What the write-ahead log is cut to after it was longer.
    static let logBytesKept = 16 << 20

    let path: String
    var file: String { "\(path)/iovad.sqlite" }
    /// The locked file; nil once it is given back.
    private let lock: Locked<Int32?>

    /// Makes the folder where it is missing, and locks it until `unlock`.
    init(path: String) throws(StorageOpening) {
        self.path = path
        let lockFile = "\(path)/iovad.lock"
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw StorageOpening("the folder \(path) cannot be made: \(Self.reason(errno))")
        }
        let descriptor = open(lockFile, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw StorageOpening("\(lockFile) cannot be opened for writing: \(Self.reason(errno))")
        }
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            close(descriptor)
            throw StorageOpening(
                code == EWOULDBLOCK
                    ? "\(path) is in use by another process, which has locked \(lockFile)"
                    : "\(lockFile) cannot be locked: \(Self.reason(code))")
        }
        lock = Locked(descriptor)
    }

    deinit { unlock() }

    /// Gives the folder back; no connection is open any more.
    func unlock() {
        lock.withLock { descriptor in
            guard let held = descriptor else { return }
            // A child that is about to become another program still has the descriptor, and with it the lock.
            flock(held, LOCK_UN)
            close(held)
            descriptor = nil
        }
    }

    /// A connection that writes, to a file with all steps of the schema.
    func openForWriting() throws(StorageOpening) -> Database {
        try makeFile()
        return try opening { () throws(SQLiteFailure) in
            let database = try Database(path: file)
            database.waitForLocks(milliseconds: Self.lockMilliseconds)
            let tables = try database.run("SELECT count(*) FROM sqlite_schema").first?.first?.integer ?? 0
            let version = try database.run("PRAGMA user_version").first?.first?.integer ?? 0
            let application = try database.run("PRAGMA application_id").first?.first?.integer ?? 0
            if tables > 0, application != Schema.application {
                return .failure(StorageOpening("\(file) is a database of another program"))
            }
            if version > Schema.steps.count {
                return .failure(.newerSchema(version, known: Schema.steps.count, in: file))
            }
            let mode = try database.run("PRAGMA journal_mode = WAL").first?.first?.text ?? ""
            if mode != "wal" {
                return .failure(
                    StorageOpening("\(path) is on a file system without SQLite's write-ahead log"))
            }
            try database.execute("PRAGMA synchronous = FULL")
            try database.execute("PRAGMA journal_size_limit = \(Self.logBytesKept)")
            for (step, sql) in Schema.steps.enumerated().dropFirst(Int(max(0, version))) {
                let marks = "PRAGMA application_id = \(Schema.application); PRAGMA user_version = \(step + 1)"
                try database.execute("BEGIN IMMEDIATE; \(sql); \(marks); COMMIT")
            }
            try database.execute("PRAGMA foreign_keys = ON")
            return .success(database)
        }
    }

    /// A connection that reads, after one that writes has made the file.
    func openForReading() throws(StorageOpening) -> Database {
        try opening { () throws(SQLiteFailure) in
            let database = try Database(path: file)
            database.waitForLocks(milliseconds: Self.lockMilliseconds)
            try database.execute("PRAGMA query_only = ON")
            return .success(database)
        }
    }

    private func opening(
        _ body: () throws(SQLiteFailure) -> Result<Database, StorageOpening>
    ) throws(StorageOpening) -> Database {
        let result: Result<Database, StorageOpening>
        do throws(SQLiteFailure) { result = try body() } catch {
            throw StorageOpening("\(file) cannot be opened: \(error.message)")
        }
        return try result.get()
    }

    /// SQLite would make it readable for everybody.
    private func makeFile() throws(StorageOpening) {
        let descriptor = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor < 0, errno == EEXIST { return }
        guard descriptor >= 0 else {
            throw StorageOpening("\(file) cannot be made: \(Self.reason(errno))")
        }
        close(descriptor)
        // Its name lasts only with the folder.
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        fsync(folder)
        close(folder)
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }
}
