// Changes as SQL. What each one checks is what MemoryStorage checks, in its order; a change that does not fit
// throws, and whoever runs the commit takes back what it did before.

import Storage

/// How a commit ends early.
enum WritingFailure: Error {
    case conflict
    case sqlite(SQLiteFailure)
}

extension Database {
    /// Makes one change, or a part of it when it throws.
    func apply(_ change: StoredChange, _ now: Int64) throws(WritingFailure) {
        try keep(change.holds)
        switch change {
        case .create(let name, let head, let expiresAt, let bytes, let holds):
            if try found(name, now) != nil { throw .conflict }
            try write("DELETE FROM entities WHERE kind = ?1 AND id = ?2", name)
            try put(name, head, expiresAt, bytes, holds)
        case .replace(let name, let after, let head, let expiresAt, let bytes, let holds):
            guard try found(name, now) == after else { throw .conflict }
            try write("DELETE FROM entities WHERE kind = ?1 AND id = ?2", name)
            try put(name, head, expiresAt, bytes, holds)
        case .append(let name, let after, let row, let expiresAt, let holds):
            guard try found(name, now) == after, row.revision > after.revision else { throw .conflict }
            try write(
                "UPDATE entities SET revision = ?3, expires_at = ?4 WHERE kind = ?1 AND id = ?2", name,
                .revision(row.revision), .time(expiresAt))
            try write(
                "INSERT INTO log VALUES (?1, ?2, ?3, ?4)", name, .revision(row.revision), .bytes(row.bytes))
            try hold(name, row.revision, holds)
        case .snapshot(let name, let life, let row, let holds):
            try snapshot(name, life, row, holds, now)
        case .remove(let name, let after):
            guard try found(name, now) == after else { throw .conflict }
            try write("DELETE FROM entities WHERE kind = ?1 AND id = ?2", name)
        case .answer(let answer):
            try query(
                "DELETE FROM answers WHERE key = ?1 AND expires_at <= ?2", .text(answer.key), .integer(now))
            try query(
                "INSERT INTO answers VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING", .text(answer.key),
                .time(answer.expiresAt), .bytes(answer.bytes))
            if changes == 0 { throw .conflict }
        case .forget(let answer):
            try query(
                "DELETE FROM answers WHERE key = ?1 AND bytes = ?2", .text(answer.key), .bytes(answer.bytes))
        }
    }

    private func keep(_ blobs: [StoredBlob]) throws(WritingFailure) {
        for blob in blobs {
            if let bytes = blob.bytes {
                try query(
                    "INSERT INTO blobs VALUES (?1, ?2) ON CONFLICT DO NOTHING", .text(blob.digest),
                    .bytes(bytes))
            } else if try query("SELECT 1 FROM blobs WHERE digest = ?1", .text(blob.digest)).isEmpty {
                throw .conflict
            }
        }
    }

    private func hold(
        _ name: StoredName, _ revision: UInt64, _ blobs: [StoredBlob]
    ) throws(WritingFailure) {
        for blob in blobs {
            try write(
                "INSERT INTO holds VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING", name,
                .revision(revision), .text(blob.digest))
        }
    }

    private func put(
        _ name: StoredName, _ head: StoredHead, _ expiresAt: UInt64?, _ bytes: [UInt8], _ holds: [StoredBlob]
    ) throws(WritingFailure) {
        try write(
            "INSERT INTO entities VALUES (?1, ?2, ?3, ?4, ?5, ?4, ?4)", name, .life(head.life),
            .revision(head.revision), .time(expiresAt))
        try write(
            "INSERT INTO snapshots VALUES (?1, ?2, ?3, ?4)", name, .revision(head.revision), .bytes(bytes))
        try hold(name, head.revision, holds)
    }

    private func snapshot(
        _ name: StoredName, _ life: UInt64, _ row: StoredRow, _ holds: [StoredBlob], _ now: Int64
    ) throws(WritingFailure) {
        try write(
            """
            UPDATE entities SET cut = snapshot_revision, snapshot_revision = ?4
            WHERE kind = ?1 AND id = ?2 AND life = ?3 AND revision >= ?4 AND snapshot_revision < ?4
                AND (expires_at IS NULL OR expires_at > ?5)
            """, name, .life(life), .revision(row.revision), .integer(now))
        if changes == 0 { throw .conflict }
        try write(
            "UPDATE snapshots SET revision = ?3, bytes = ?4 WHERE kind = ?1 AND id = ?2", name,
            .revision(row.revision), .bytes(row.bytes))
        for table in ["log", "holds"] {
            try write(
                """
                DELETE FROM \(table) WHERE kind = ?1 AND id = ?2
                    AND revision <= (SELECT cut FROM entities WHERE kind = ?1 AND id = ?2)
                """, name)
        }
        try hold(name, row.revision, holds)
    }

    private func found(_ name: StoredName, _ now: Int64) throws(WritingFailure) -> StoredHead? {
        do throws(SQLiteFailure) { return try head(name, now) } catch { throw .sqlite(error) }
    }

    private func write(
        _ sql: String, _ name: StoredName, _ first: SQLiteValue? = nil, _ second: SQLiteValue? = nil,
        _ third: SQLiteValue? = nil
    ) throws(WritingFailure) {
        let values: [SQLiteValue] = [.text(name.kind.rawValue), .text(name.id)]
        do throws(SQLiteFailure) { try run(sql, values + [first, second, third].compactMap { $0 }) } catch {
            throw .sqlite(error)
        }
    }

    @discardableResult
    private func query(_ sql: String, _ values: SQLiteValue...) throws(WritingFailure) -> [[SQLiteValue]] {
        do throws(SQLiteFailure) { return try run(sql, values) } catch { throw .sqlite(error) }
    }

    /// Drops what is over, and blobs that nobody holds.
    func expire(_ now: Int64) throws(SQLiteFailure) {
        try run("DELETE FROM entities WHERE expires_at <= ?1", [.integer(now)])
        try run("DELETE FROM answers WHERE expires_at <= ?1", [.integer(now)])
        try run("DELETE FROM blobs WHERE digest NOT IN (SELECT digest FROM holds)")
    }
}

extension SQLiteValue {
    /// All 64 bits, as SQLite's signed number.
    static func life(_ life: UInt64) -> SQLiteValue { .integer(Int64(bitPattern: life)) }

    /// Compared in SQL; `SQLiteStorage` refuses the upper half.
    static func revision(_ revision: UInt64) -> SQLiteValue { .integer(Int64(clamping: revision)) }

    /// A time beyond what fits is as good as the last one that does.
    static func time(_ time: UInt64?) -> SQLiteValue {
        time.map { .integer(Int64(clamping: $0)) } ?? .null
    }
}
