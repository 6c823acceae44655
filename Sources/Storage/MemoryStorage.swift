// The protocol in memory: what the stores that last must do, in a form that can be read. Tests compare them
// with it, and run several services on one to see how they share.

import Locking

/// A store that ends with the process.
public final class MemoryStorage: Storage {
    fileprivate struct Entity {
        var head: StoredHead
        var expiresAt: UInt64?
        var snapshot: StoredRow
        var log: [StoredRow] = []
        /// Digests by the revision of the row that holds them.
        var holds: [(revision: UInt64, digest: String)] = []
        /// Rows up to this one are gone.
        var cut: UInt64
    }

    fileprivate struct State {
        var entities: [StoredName: Entity] = [:]
        var blobs: [String: [UInt8]] = [:]
        var answers: [String: StoredAnswer] = [:]
        var failure: StorageFailure?
        var followers: [@Sendable ([StoredName]?) -> Void] = []
        /// What followers do not know yet.
        var untold: [StoredName] = []
    }

    public let name = "memory"
    public let isShared: Bool
    private let clock: @Sendable () -> UInt64
    private let state = Locked(State())

    /// - Parameter now: milliseconds since 1970 in UTC.
    public init(isShared: Bool = false, now: @escaping @Sendable () -> UInt64) {
        self.isShared = isShared
        clock = now
    }

    public func now() -> UInt64 { clock() }

    /// Has every call fail from now on, as if the store were away; nil ends it.
    public func fail(with failure: StorageFailure?) { state.withLock { $0.failure = failure } }

    public var trouble: String? {
        guard case .unavailable(let why) = state.withLock({ $0.failure }) else { return nil }
        return why
    }

    public func commit(_ changes: [StoredChange]) throws(StorageFailure) {
        let now = now()
        try reading { state throws(StorageFailure) in
            var next = state
            for change in changes { try next.apply(change, now) }
            if isShared { next.untold += changes.compactMap(\.name) }
            state = next
        }
    }

    /// Tells followers what has been committed since the last time. Not by a thread that has something of a
    /// service to itself.
    public func tell() {
        let (names, followers) = state.withLock { state in
            defer { state.untold = [] }
            return (state.untold, state.followers)
        }
        if !names.isEmpty { for follower in followers { follower(names) } }
    }

    public func head(_ name: StoredName) throws(StorageFailure) -> StoredHead? {
        let now = now()
        return try reading { state throws(StorageFailure) in state.entity(name, now)?.head }
    }

    public func entity(
        _ name: StoredName, after: StoredHead?
    ) throws(StorageFailure) -> StoredEntity? {
        let now = now()
        return try reading { state throws(StorageFailure) in
            guard let entity = state.entity(name, now) else { return nil }
            let from = after.flatMap {
                $0.life == entity.head.life && $0.revision >= entity.cut ? $0.revision : nil
            }
            return StoredEntity(
                name: name, head: entity.head, expiresAt: entity.expiresAt,
                snapshot: from == nil ? entity.snapshot : nil,
                log: entity.log.filter { $0.revision > from ?? entity.snapshot.revision })
        }
    }

    public func heads(_ kind: StoredKind) throws(StorageFailure) -> [(name: StoredName, head: StoredHead)] {
        let now = now()
        return try reading { state throws(StorageFailure) in
            state.entities.keys.filter { $0.kind == kind }.sorted().compactMap { name in
                state.entity(name, now).map { (name, $0.head) }
            }
        }
    }

    public func blob(_ digest: String) throws(StorageFailure) -> [UInt8]? {
        try reading { state throws(StorageFailure) in state.blobs[digest] }
    }

    public func answer(_ key: String) throws(StorageFailure) -> StoredAnswer? {
        let now = now()
        return try reading { state throws(StorageFailure) in
            state.answers[key].flatMap { $0.expiresAt > now ? $0 : nil }
        }
    }

    public func answers() throws(StorageFailure) -> [StoredAnswer] {
        let now = now()
        return try reading { state throws(StorageFailure) in
            state.answers.values.filter { $0.expiresAt > now }
                .sorted { ($0.expiresAt, $0.key) < ($1.expiresAt, $1.key) }
        }
    }

    public func expire() throws(StorageFailure) {
        let now = now()
        try reading { state throws(StorageFailure) in
            state.entities = state.entities.filter { $0.value.expiresAt.map { $0 > now } ?? true }
            state.answers = state.answers.filter { $0.value.expiresAt > now }
            let held = Set(state.entities.values.flatMap { $0.holds.map(\.digest) })
            state.blobs = state.blobs.filter { held.contains($0.key) }
        }
    }

    public func follow(_ changed: @escaping @Sendable ([StoredName]?) -> Void) {
        state.withLock { $0.followers.append(changed) }
    }

    public func close() { fail(with: .unavailable("the store is closed")) }

    private func reading<T>(
        _ body: (inout State) throws(StorageFailure) -> T
    ) throws(StorageFailure) -> T {
        try state.withLock { state throws(StorageFailure) in
            if let failure = state.failure { throw failure }
            return try body(&state)
        }
    }
}

extension MemoryStorage.State {
    fileprivate func entity(_ name: StoredName, _ now: UInt64) -> MemoryStorage.Entity? {
        entities[name].flatMap { $0.expiresAt.map { $0 > now } ?? true ? $0 : nil }
    }

    private func entity(
        _ name: StoredName, _ head: StoredHead, _ now: UInt64
    ) throws(StorageFailure) -> MemoryStorage.Entity {
        guard let entity = entity(name, now), entity.head == head else { throw .conflict }
        return entity
    }

    private mutating func hold(_ holds: [StoredBlob]) throws(StorageFailure) -> [String] {
        for blob in holds {
            if let bytes = blob.bytes { blobs[blob.digest] = bytes }
            guard blobs[blob.digest] != nil else { throw .conflict }
        }
        return holds.map(\.digest)
    }

    fileprivate mutating func apply(_ change: StoredChange, _ now: UInt64) throws(StorageFailure) {
        let held = try hold(change.holds)
        switch change {
        case .create(let name, let head, let expiresAt, let bytes, _):
            guard entity(name, now) == nil else { throw .conflict }
            put(name, head, expiresAt, bytes, held)
        case .replace(let name, let after, let head, let expiresAt, let bytes, _):
            _ = try entity(name, after, now)
            put(name, head, expiresAt, bytes, held)
        case .append(let name, let after, let row, let expiresAt, _):
            var entity = try entity(name, after, now)
            guard row.revision > after.revision else { throw .conflict }
            entity.head = StoredHead(life: after.life, revision: row.revision)
            entity.expiresAt = expiresAt
            entity.log.append(row)
            entity.holds += held.map { (row.revision, $0) }
            entities[name] = entity
        case .snapshot(let name, let life, let row, _):
            guard var entity = entity(name, now), entity.head.life == life,
                row.revision <= entity.head.revision, row.revision > entity.snapshot.revision
            else { throw .conflict }
            let before = entity.snapshot.revision
            entity.snapshot = row
            entity.cut = before
            entity.log.removeAll { $0.revision <= before }
            entity.holds.removeAll { $0.revision <= before }
            entity.holds += held.map { (row.revision, $0) }
            entities[name] = entity
        case .remove(let name, let after):
            _ = try entity(name, after, now)
            entities[name] = nil
        case .answer(let answer):
            guard answers[answer.key].map({ $0.expiresAt <= now }) ?? true else { throw .conflict }
            answers[answer.key] = answer
        case .forget(let answer):
            if answers[answer.key]?.bytes == answer.bytes { answers[answer.key] = nil }
        }
    }

    private mutating func put(
        _ name: StoredName, _ head: StoredHead, _ expiresAt: UInt64?, _ bytes: [UInt8], _ held: [String]
    ) {
        entities[name] = MemoryStorage.Entity(
            head: head, expiresAt: expiresAt, snapshot: StoredRow(revision: head.revision, bytes: bytes),
            holds: held.map { (head.revision, $0) }, cut: head.revision)
    }
}
