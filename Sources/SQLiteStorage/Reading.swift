// What is asked of the tables. One statement an answer: SQLite reads it from one state of the file.

import Storage

extension Database {
    func head(_ name: StoredName, _ now: Int64) throws(SQLiteFailure) -> StoredHead? {
        try run(
            """
            SELECT life, revision FROM entities
            WHERE kind = ?1 AND id = ?2 AND (expires_at IS NULL OR expires_at > ?3)
            """, [.text(name.kind.rawValue), .text(name.id), .integer(now)]
        ).first.map { StoredHead(life: $0[0].life, revision: $0[1].unsigned) }
    }

    func entity(_ name: StoredName, _ after: StoredHead?, _ now: Int64) throws(SQLiteFailure) -> StoredEntity?
    {
        let rows = try run(
            """
            WITH e AS (
                SELECT life, revision, expires_at, snapshot_revision,
                    CASE WHEN life = ?3 AND cut <= ?4 THEN ?4 END AS since
                FROM entities
                WHERE kind = ?1 AND id = ?2 AND (expires_at IS NULL OR expires_at > ?5)
            )
            SELECT 0, revision, life, expires_at, NULL FROM e
            UNION ALL
            SELECT 1, s.revision, NULL, NULL, s.bytes FROM e CROSS JOIN snapshots s
            WHERE s.kind = ?1 AND s.id = ?2 AND e.since IS NULL
            UNION ALL
            SELECT 2, l.revision, NULL, NULL, l.bytes FROM e CROSS JOIN log l
            WHERE l.kind = ?1 AND l.id = ?2 AND l.revision > coalesce(e.since, e.snapshot_revision)
            ORDER BY 1, 2
            """,
            [
                .text(name.kind.rawValue), .text(name.id), after.map { .life($0.life) } ?? .null,
                after.map { .revision($0.revision) } ?? .null, .integer(now),
            ])
        guard let first = rows.first else { return nil }
        var snapshot: StoredRow?
        var log: [StoredRow] = []
        for row in rows.dropFirst() {
            let stored = StoredRow(revision: row[1].unsigned, bytes: row[4].bytes)
            if row[0].integer == 1 { snapshot = stored } else { log.append(stored) }
        }
        return StoredEntity(
            name: name, head: StoredHead(life: first[2].life, revision: first[1].unsigned),
            expiresAt: first[3].integer.map { UInt64(clamping: $0) }, snapshot: snapshot, log: log)
    }

    func heads(
        _ kind: StoredKind, _ now: Int64
    ) throws(SQLiteFailure) -> [(name: StoredName, head: StoredHead)] {
        try run(
            """
            SELECT id, life, revision FROM entities
            WHERE kind = ?1 AND (expires_at IS NULL OR expires_at > ?2) ORDER BY id
            """, [.text(kind.rawValue), .integer(now)]
        ).map {
            (StoredName(kind, $0[0].text), StoredHead(life: $0[1].life, revision: $0[2].unsigned))
        }
    }

    func blob(_ digest: String) throws(SQLiteFailure) -> [UInt8]? {
        try run("SELECT bytes FROM blobs WHERE digest = ?1", [.text(digest)]).first.map { $0[0].bytes }
    }

    func answers(to key: String? = nil, _ now: Int64) throws(SQLiteFailure) -> [StoredAnswer] {
        let columns = "SELECT key, expires_at, bytes FROM answers WHERE expires_at > ?1"
        let rows =
            if let key {
                try run("\(columns) AND key = ?2", [.integer(now), .text(key)])
            } else {
                try run("\(columns) ORDER BY expires_at, key", [.integer(now)])
            }
        return rows.map { StoredAnswer(key: $0[0].text, expiresAt: $0[1].unsigned, bytes: $0[2].bytes) }
    }
}

extension SQLiteValue {
    fileprivate var life: UInt64 { UInt64(bitPattern: integer ?? 0) }
    fileprivate var unsigned: UInt64 { UInt64(clamping: integer ?? 0) }
}
