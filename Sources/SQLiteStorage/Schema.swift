// The tables, as the steps that make them: a file has the number of the last step that it has seen, and gets
// those that are missing when it is opened. A step that a release has had is never changed.

/// The numbered steps.
enum Schema {
    /// Step 1 is first.
    static let steps = [
        """
        CREATE TABLE entities (
            kind TEXT NOT NULL, id TEXT NOT NULL,
            life INTEGER NOT NULL, revision INTEGER NOT NULL, expires_at INTEGER,
            snapshot_revision INTEGER NOT NULL, cut INTEGER NOT NULL,
            PRIMARY KEY (kind, id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX entities_expire ON entities (expires_at) WHERE expires_at IS NOT NULL;
        -- Apart, so that an append does not write it once more.
        CREATE TABLE snapshots (
            kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY (kind, id),
            FOREIGN KEY (kind, id) REFERENCES entities ON DELETE CASCADE
        ) STRICT;
        CREATE TABLE log (
            kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY (kind, id, revision),
            FOREIGN KEY (kind, id) REFERENCES entities ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE blobs (digest TEXT NOT NULL PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
        CREATE TABLE holds (
            kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL,
            digest TEXT NOT NULL REFERENCES blobs,
            PRIMARY KEY (kind, id, revision, digest),
            FOREIGN KEY (kind, id) REFERENCES entities ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX holds_digest ON holds (digest);
        CREATE TABLE answers (
            key TEXT NOT NULL PRIMARY KEY, expires_at INTEGER NOT NULL, bytes BLOB NOT NULL
        ) STRICT;
        CREATE INDEX answers_expire ON answers (expires_at);
        -- Written to find out whether the file can be written again.
        CREATE TABLE probe (
            only INTEGER NOT NULL PRIMARY KEY CHECK (only = 1), count INTEGER NOT NULL
        ) STRICT;
        INSERT INTO probe VALUES (1, 0);
        """
    ]

    /// Says in the file's header whose it is: "iova".
    static let application: Int64 = 0x696f_7661
}
