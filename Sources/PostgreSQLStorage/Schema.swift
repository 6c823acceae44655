// The tables, as the steps that make them. A step says which releases can go on with what it makes: while
// instances are exchanged one by one, those of the release before still run.

import Locking
import Storage

/// The numbered steps.
enum Schema {
    struct Step {
        let sql: String
        /// The lowest step that a release must know to work with a schema that has this one.
        let oldestReader: Int
    }

    /// Step 1 is first. A step that a release has had is never changed.
    static let steps = [
        Step(
            sql: """
                CREATE TABLE iovad.entities (
                    kind text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
                    life bigint NOT NULL, revision bigint NOT NULL, expires_at bigint,
                    snapshot_revision bigint NOT NULL, cut bigint NOT NULL,
                    PRIMARY KEY (kind, id)
                );
                CREATE INDEX entities_expire ON iovad.entities (expires_at) WHERE expires_at IS NOT NULL;
                CREATE TABLE iovad.snapshots (
                    kind text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
                    revision bigint NOT NULL, bytes bytea NOT NULL,
                    PRIMARY KEY (kind, id),
                    FOREIGN KEY (kind, id) REFERENCES iovad.entities ON DELETE CASCADE
                );
                CREATE TABLE iovad.log (
                    kind text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
                    revision bigint NOT NULL, bytes bytea NOT NULL,
                    PRIMARY KEY (kind, id, revision),
                    FOREIGN KEY (kind, id) REFERENCES iovad.entities ON DELETE CASCADE
                );
                CREATE TABLE iovad.blobs (digest text COLLATE "C" PRIMARY KEY, bytes bytea NOT NULL);
                CREATE TABLE iovad.holds (
                    kind text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, revision bigint NOT NULL,
                    digest text COLLATE "C" NOT NULL REFERENCES iovad.blobs,
                    PRIMARY KEY (kind, id, revision, digest),
                    FOREIGN KEY (kind, id) REFERENCES iovad.entities ON DELETE CASCADE
                );
                CREATE INDEX holds_digest ON iovad.holds (digest);
                CREATE TABLE iovad.answers (
                    key text COLLATE "C" PRIMARY KEY, expires_at bigint NOT NULL, bytes bytea NOT NULL
                );
                CREATE INDEX answers_expire ON iovad.answers (expires_at);
                CREATE TABLE iovad.commits (
                    instance text COLLATE "C" PRIMARY KEY, batch bigint NOT NULL, seen_at bigint NOT NULL
                );
                """, oldestReader: 1)
    ]

    /// Held while a schema is looked at and made: "iovad".
    private static let advisoryLock = 0x69_6f76_6164

    private static let unknownTable = "42P01"
    private static let unknownSchema = "3F000"

    /// Makes what is missing. Returns why this release cannot work with what is there.
    static func bring(
        _ connection: Connection, in place: String, until deadline: Int64
    ) throws(ConnectionFailure) -> StorageOpening? {
        if let found = try version(connection, until: deadline), found.version >= steps.count {
            return refusal(of: found, in: place)
        }
        try connection.execute("BEGIN; SELECT pg_advisory_xact_lock(\(advisoryLock))", until: deadline)
        // Another instance may have made it meanwhile.
        try connection.execute("SAVEPOINT look", until: deadline)
        let found = try version(connection, until: deadline)
        try connection.execute("ROLLBACK TO SAVEPOINT look", until: deadline)
        var sql = ""
        if found == nil {
            sql += """
                CREATE SCHEMA IF NOT EXISTS iovad;
                CREATE TABLE iovad.migrations (
                    version integer PRIMARY KEY, oldest_reader integer NOT NULL,
                    made_at timestamptz NOT NULL DEFAULT now()
                );
                """
        }
        for (index, step) in steps.enumerated().dropFirst(found?.version ?? 0) {
            sql += step.sql
            sql += "INSERT INTO iovad.migrations VALUES (\(index + 1), \(step.oldestReader));"
        }
        try connection.execute(sql + "COMMIT", until: deadline)
        return found.flatMap { refusal(of: $0, in: place) }
    }

    private static func version(
        _ connection: Connection, until deadline: Int64
    ) throws(ConnectionFailure) -> (version: Int, oldestReader: Int)? {
        let latest = Command(
            "SELECT version, oldest_reader FROM iovad.migrations ORDER BY version DESC LIMIT 1")
        do throws(ConnectionFailure) {
            guard let row = try connection.run(latest, until: deadline).first else { return nil }
            return (Int(row[0].integer ?? 0), Int(row[1].integer ?? 0))
        } catch {
            guard case .refused(let refusal) = error, [unknownTable, unknownSchema].contains(refusal.state)
            else { throw error }
            return nil
        }
    }

    private static func refusal(
        of found: (version: Int, oldestReader: Int), in place: String
    ) -> StorageOpening? {
        found.oldestReader > steps.count
            ? .newerSchema(Int64(found.version), known: steps.count, in: place) : nil
    }
}
