// The store that several instances share. One connection writes, a few read, one listens; a call waits as
// long as Link's patience and fails then.

import Locking
public import Storage

/// A store in a PostgreSQL server.
public final class PostgreSQLStorage: Storage {
    /// The pause of the listener between two turns: it waits for the server within each.
    private static let listenerPauseMilliseconds = 1

    public let name: String
    public let isShared = true
    private let link: Link
    private let pool: Pool
    private let listener: Listener
    private let writer: Writer
    private let queue: CommitQueue
    private let thread: PeriodicThread
    private let isClosed = Locked(false)

    /// Connects; a server that is away is waited for, and tried again from then on. Fails for what no waiting
    /// mends: a connection string that is wrong or has a password, rights that are missing, a newer schema.
    ///
    /// - Parameter conninfo: a URI or words with values, as libpq takes them.
    public init(conninfo: String) throws(StorageOpening) {
        let link = Link(try ConnectionString(conninfo))
        let instance = Writer.name()
        let listener = Listener(link, instance)
        let writer = Writer(link, instance) { listener.now() }
        self.link = link
        self.listener = listener
        self.writer = writer
        name = link.string.description
        pool = Pool(link)
        try Self.connect(link, listener)
        queue = CommitQueue(most: Writer.batchMax) { writer.write($0) }
        do throws(PeriodicThread.Failure) {
            thread = try PeriodicThread(everyMilliseconds: Self.listenerPauseMilliseconds) { listener.turn() }
        } catch {
            queue.close()
            throw StorageOpening("\(link.string.description) cannot be listened to: \(error)")
        }
    }

    deinit { close() }

    private static func connect(_ link: Link, _ listener: Listener) throws(StorageOpening) {
        let deadline = MonotonicClock.milliseconds() + Link.patienceMilliseconds
        do throws(LinkFailure) {
            let connection = try link.open(until: deadline)
            try? listener.connect(connection, until: deadline)
        } catch {
            if error.isLasting { throw StorageOpening(error.message) }
        }
    }

    public func now() -> UInt64 { UInt64(clamping: listener.now()) }

    public func commit(_ changes: [StoredChange]) throws(StorageFailure) {
        try changes.requireSignedRevisions()
        if changes.isEmpty { return }
        do throws(StorageFailure) {
            try queue.commit(changes, until: MonotonicClock.milliseconds() + Link.patienceMilliseconds)
        } catch {
            throw error == CommitQueue.busy ? link.busy : error
        }
    }

    public func head(_ name: StoredName) throws(StorageFailure) -> StoredHead? {
        try pool.ask(Question.head(name, listener.now())).first.map {
            StoredHead(life: $0[0].life, revision: $0[1].unsigned)
        }
    }

    public func entity(
        _ name: StoredName, after: StoredHead?
    ) throws(StorageFailure) -> StoredEntity? {
        let rows = try pool.ask(Question.entity(name, after, listener.now()))
        guard let first = rows.first else { return nil }
        var snapshot: StoredRow?
        var log: [StoredRow] = []
        for row in rows.dropFirst() {
            let stored = StoredRow(revision: row[1].unsigned, bytes: row[4].bytes ?? [])
            if row[0].integer == 1 { snapshot = stored } else { log.append(stored) }
        }
        return StoredEntity(
            name: name, head: StoredHead(life: first[2].life, revision: first[1].unsigned),
            expiresAt: first[3].integer.map { UInt64(clamping: $0) }, snapshot: snapshot, log: log)
    }

    public func heads(_ kind: StoredKind) throws(StorageFailure) -> [(name: StoredName, head: StoredHead)] {
        try pool.ask(Question.heads(kind, listener.now())).map {
            (StoredName(kind, $0[0].text), StoredHead(life: $0[1].life, revision: $0[2].unsigned))
        }
    }

    public func blob(_ digest: String) throws(StorageFailure) -> [UInt8]? {
        try pool.ask(Question.blob(digest)).first.map { $0[0].bytes ?? [] }
    }

    public func answer(_ key: String) throws(StorageFailure) -> StoredAnswer? {
        try pool.ask(Question.answer(key, listener.now())).first.map(Self.answer)
    }

    public func answers() throws(StorageFailure) -> [StoredAnswer] {
        try pool.ask(Question.answers(listener.now())).map(Self.answer)
    }

    private static func answer(_ row: [Column]) -> StoredAnswer {
        StoredAnswer(key: row[0].text, expiresAt: row[1].unsigned, bytes: row[2].bytes ?? [])
    }

    /// What another instance drops at the same time, or takes hold of again, is left for the next time.
    public func expire() throws(StorageFailure) {
        let deadline = MonotonicClock.milliseconds() + Link.patienceMilliseconds
        let segments = Question.expiring(listener.now()).map { [$0] }
        try pool.using(until: deadline) { connection throws(ConnectionFailure) in
            for result in try connection.run(segments, until: deadline) {
                guard case .failure(let refusal) = result else { continue }
                if !CommitState.retries.contains(refusal.state) { throw .refused(refusal) }
            }
        }
    }

    public func follow(_ changed: @escaping @Sendable ([StoredName]?) -> Void) { listener.follow(changed) }

    public var trouble: String? {
        if let trouble = link.trouble { return trouble }
        let trouble = writer.trouble
        if trouble != nil { queue.probe() }
        return trouble
    }

    public func close() {
        let wasClosed = isClosed.withLock { isClosed in
            defer { isClosed = true }
            return isClosed
        }
        if wasClosed { return }
        link.close()
        queue.close()
        thread.stop()
        listener.close()
        writer.close()
        pool.dropIdle()
    }

    /// For tests: time goes on.
    func advance(milliseconds: UInt64) { listener.advance(milliseconds: Int64(clamping: milliseconds)) }

    /// For tests: the network takes the connection away around COMMIT.
    func cut(_ cut: Writer.Cut?) { writer.cut.withLock { $0 = cut } }
}

extension Column {
    fileprivate var life: UInt64 { UInt64(bitPattern: integer ?? 0) }
    fileprivate var unsigned: UInt64 { UInt64(clamping: integer ?? 0) }
}
