// Changes and questions as SQL. A change fails in the server where it does not fit, so that what comes after
// it in the pipeline is skipped: `guarding` divides by the number of rows that fitted, and names and keys are
// primary keys.

import Storage

/// What the states of errors mean for a commit.
enum CommitState {
    static let divisionByZero = "22012"
    static let uniqueViolation = "23505"
    /// A blob went between two statements: it is written again.
    static let foreignKeyViolation = "23503"
    static let serializationFailure = "40001"
    static let deadlock = "40P01"

    static let conflicts: Set = [divisionByZero, uniqueViolation]
    static let retries: Set = [foreignKeyViolation, serializationFailure, deadlock]
}

extension StoredChange {
    /// What makes the change, each statement in its order.
    func commands(now: Int64) -> [Command] { holds.map(\.keeping) + fitting(now) }

    private func fitting(_ now: Int64) -> [Command] {
        switch self {
        case .create(let name, let head, let expiresAt, let bytes, let holds):
            let over = Command(
                "DELETE FROM iovad.entities WHERE kind = $1 AND id = $2 AND expires_at <= $3",
                name.kindValue, name.idValue, .integer(now))
            let insert = Command(
                "INSERT INTO iovad.entities VALUES ($1, $2, $3, $4, $5, $4, $4)", name.kindValue,
                name.idValue, .life(head.life), .revision(head.revision), .time(expiresAt))
            return [over, insert, name.whole(head.revision, bytes)]
                + name.holding(head.revision, holds)
        case .replace(let name, let after, let head, let expiresAt, let bytes, let holds):
            let update = Command(
                Self.guarding(
                    """
                    UPDATE iovad.entities SET life = $5, revision = $6, expires_at = $7,
                        snapshot_revision = $6, cut = $6
                    WHERE kind = $1 AND id = $2 AND life = $3 AND revision = $4
                        AND (expires_at IS NULL OR expires_at > $8)
                    """),
                name.kindValue, name.idValue, .life(after.life), .revision(after.revision),
                .life(head.life), .revision(head.revision), .time(expiresAt), .integer(now))
            let past = ["log", "holds"].map { table in
                Command(
                    "DELETE FROM iovad.\(table) WHERE kind = $1 AND id = $2", name.kindValue, name.idValue)
            }
            return [update] + past + [name.whole(head.revision, bytes)]
                + name.holding(head.revision, holds)
        case .append(let name, let after, let row, let expiresAt, let holds):
            let update = Command(
                Self.guarding(
                    """
                    UPDATE iovad.entities SET revision = $5, expires_at = $6
                    WHERE kind = $1 AND id = $2 AND life = $3 AND revision = $4 AND revision < $5
                        AND (expires_at IS NULL OR expires_at > $7)
                    """),
                name.kindValue, name.idValue, .life(after.life), .revision(after.revision),
                .revision(row.revision), .time(expiresAt), .integer(now))
            let insert = Command(
                "INSERT INTO iovad.log VALUES ($1, $2, $3, $4)", name.kindValue, name.idValue,
                .revision(row.revision), .bytes(row.bytes))
            return [update, insert] + name.holding(row.revision, holds)
        case .snapshot(let name, let life, let row, let holds):
            return name.snapshot(life, row, now) + name.holding(row.revision, holds)
        case .remove(let name, let after):
            return [
                Command(
                    Self.guarding(
                        """
                        DELETE FROM iovad.entities
                        WHERE kind = $1 AND id = $2 AND life = $3 AND revision = $4
                            AND (expires_at IS NULL OR expires_at > $5)
                        """),
                    name.kindValue, name.idValue, .life(after.life), .revision(after.revision),
                    .integer(now))
            ]
        case .answer(let answer):
            return [
                Command(
                    "DELETE FROM iovad.answers WHERE key = $1 AND expires_at <= $2", .text(answer.key),
                    .integer(now)),
                Command(
                    "INSERT INTO iovad.answers VALUES ($1, $2, $3)", .text(answer.key),
                    .time(answer.expiresAt), .bytes(answer.bytes)),
            ]
        case .forget(let answer):
            return [
                Command(
                    "DELETE FROM iovad.answers WHERE key = $1 AND bytes = $2", .text(answer.key),
                    .bytes(answer.bytes))
            ]
        }
    }

    /// A statement that fails unless it changed one row.
    static func guarding(_ sql: String) -> String {
        "WITH changed AS (\(sql) RETURNING 1) SELECT 1 / count(*) FROM changed"
    }
}

extension StoredBlob {
    fileprivate var keeping: Command {
        if let bytes {
            Command(
                "INSERT INTO iovad.blobs VALUES ($1, $2) ON CONFLICT DO NOTHING", .text(digest), .bytes(bytes)
            )
        } else {
            Command("SELECT 1 / count(*) FROM iovad.blobs WHERE digest = $1", .text(digest))
        }
    }
}

extension StoredName {
    fileprivate var kindValue: Value { .text(kind.rawValue) }
    fileprivate var idValue: Value { .text(id) }

    fileprivate func whole(_ revision: UInt64, _ bytes: [UInt8]) -> Command {
        Command(
            """
            INSERT INTO iovad.snapshots VALUES ($1, $2, $3, $4)
            ON CONFLICT (kind, id) DO UPDATE SET revision = EXCLUDED.revision, bytes = EXCLUDED.bytes
            """, kindValue, idValue, .revision(revision), .bytes(bytes))
    }

    fileprivate func snapshot(_ life: UInt64, _ row: StoredRow, _ now: Int64) -> [Command] {
        let update = Command(
            StoredChange.guarding(
                """
                UPDATE iovad.entities SET cut = snapshot_revision, snapshot_revision = $4
                WHERE kind = $1 AND id = $2 AND life = $3 AND revision >= $4 AND snapshot_revision < $4
                    AND (expires_at IS NULL OR expires_at > $5)
                """),
            kindValue, idValue, .life(life), .revision(row.revision), .integer(now))
        let cuts = ["log", "holds"].map { table in
            Command(
                """
                DELETE FROM iovad.\(table) WHERE kind = $1 AND id = $2
                    AND revision <= (SELECT cut FROM iovad.entities WHERE kind = $1 AND id = $2)
                """, kindValue, idValue)
        }
        return [update, whole(row.revision, row.bytes)] + cuts
    }

    fileprivate func holding(_ revision: UInt64, _ blobs: [StoredBlob]) -> [Command] {
        blobs.map { blob in
            Command(
                "INSERT INTO iovad.holds VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING", kindValue,
                idValue, .revision(revision), .text(blob.digest))
        }
    }
}

extension Value {
    /// All 64 bits, as PostgreSQL's signed number.
    static func life(_ life: UInt64) -> Value { .integer(Int64(bitPattern: life)) }

    /// Compared in SQL; `PostgreSQLStorage` refuses the upper half.
    static func revision(_ revision: UInt64) -> Value { .integer(Int64(clamping: revision)) }

    /// A time beyond what fits is as good as the last one that does.
    static func time(_ time: UInt64?) -> Value { time.map { .integer(Int64(clamping: $0)) } ?? .null }
}

/// Questions: one statement an answer, which the server reads from one state.
enum Question {
    static func head(_ name: StoredName, _ now: Int64) -> Command {
        Command(
            """
            SELECT life, revision FROM iovad.entities
            WHERE kind = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > $3)
            """, name.kindValue, name.idValue, .integer(now))
    }

    static func entity(_ name: StoredName, _ after: StoredHead?, _ now: Int64) -> Command {
        Command(
            """
            WITH e AS (
                SELECT life, revision, expires_at, snapshot_revision,
                    CASE WHEN life = $3::bigint AND cut <= $4::bigint THEN $4::bigint END AS since
                FROM iovad.entities
                WHERE kind = $1 AND id = $2 AND (expires_at IS NULL OR expires_at > $5)
            )
            SELECT 0, revision, life, expires_at, NULL::bytea FROM e
            UNION ALL
            SELECT 1, s.revision, NULL, NULL, s.bytes FROM e, iovad.snapshots s
            WHERE s.kind = $1 AND s.id = $2 AND e.since IS NULL
            UNION ALL
            SELECT 2, l.revision, NULL, NULL, l.bytes FROM e, iovad.log l
            WHERE l.kind = $1 AND l.id = $2 AND l.revision > coalesce(e.since, e.snapshot_revision)
            ORDER BY 1, 2
            """, name.kindValue, name.idValue, after.map { .life($0.life) } ?? .null,
            after.map { .revision($0.revision) } ?? .null, .integer(now))
    }

    static func heads(_ kind: StoredKind, _ now: Int64) -> Command {
        Command(
            """
            SELECT id, life, revision FROM iovad.entities
            WHERE kind = $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY id
            """, .text(kind.rawValue), .integer(now))
    }

    static func blob(_ digest: String) -> Command {
        Command("SELECT bytes FROM iovad.blobs WHERE digest = $1", .text(digest))
    }

    static func answer(_ key: String, _ now: Int64) -> Command {
        Command(
            "SELECT key, expires_at, bytes FROM iovad.answers WHERE key = $1 AND expires_at > $2", .text(key),
            .integer(now))
    }

    static func answers(_ now: Int64) -> Command {
        Command(
            "SELECT key, expires_at, bytes FROM iovad.answers WHERE expires_at > $1 ORDER BY expires_at, key",
            .integer(now))
    }

    /// What drops entities and answers that are over, rows of instances that have gone, and blobs that nobody
    /// holds.
    static func expiring(_ now: Int64) -> [Command] {
        [
            Command("DELETE FROM iovad.entities WHERE expires_at <= $1", .integer(now)),
            Command("DELETE FROM iovad.answers WHERE expires_at <= $1", .integer(now)),
            Command(
                "DELETE FROM iovad.commits WHERE seen_at < $1", .integer(now - Writer.millisecondsKept)),
            Command(
                """
                DELETE FROM iovad.blobs b
                WHERE NOT EXISTS (SELECT FROM iovad.holds h WHERE h.digest = b.digest)
                """),
        ]
    }

    static let clock = Command("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
}
