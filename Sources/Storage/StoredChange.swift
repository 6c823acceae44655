// What is stored, and the changes that are made of it. A change is checked against what is there: a commit in
// which one does not fit changes nothing.

/// What an entity is.
public enum StoredKind: String, CaseIterable, Hashable, Sendable {
    case platform, agreement, session
}

/// An entity by its kind and id: one at a time has a name.
public struct StoredName: Hashable, Sendable, Comparable {
    public let kind: StoredKind
    public let id: String

    public init(_ kind: StoredKind, _ id: String) {
        self.kind = kind
        self.id = id
    }

    public static func < (left: StoredName, right: StoredName) -> Bool {
        (left.kind.rawValue, left.id) < (right.kind.rawValue, right.id)
    }
}

/// Which entity has a name, and how far it has come.
public struct StoredHead: Hashable, Sendable {
    /// Distinguishes an entity from one that is made later under its name. A number that nobody else chose.
    public let life: UInt64
    /// Of the last row; rises with every change, by one or more.
    public let revision: UInt64

    public init(life: UInt64, revision: UInt64) {
        self.life = life
        self.revision = revision
    }
}

/// One row: what made the entity, all of it, or what changed it.
public struct StoredRow: Hashable, Sendable {
    /// The entity's after this row.
    public let revision: UInt64
    public let bytes: [UInt8]

    public init(revision: UInt64, bytes: [UInt8]) {
        self.revision = revision
        self.bytes = bytes
    }
}

/// An entity as it is read.
public struct StoredEntity: Hashable, Sendable {
    public let name: StoredName
    public let head: StoredHead
    /// Milliseconds since 1970 in UTC; nil where it does not end by itself.
    public let expiresAt: UInt64?
    /// The whole as it was at its revision; nil where only later rows were asked for and are still there.
    public let snapshot: StoredRow?
    /// What changed it since, ascending.
    public let log: [StoredRow]

    public init(
        name: StoredName, head: StoredHead, expiresAt: UInt64?, snapshot: StoredRow?, log: [StoredRow]
    ) {
        self.name = name
        self.head = head
        self.expiresAt = expiresAt
        self.snapshot = snapshot
        self.log = log
    }
}

/// Bytes by the name of their content. Kept as long as a row of an entity holds them.
public struct StoredBlob: Hashable, Sendable {
    /// The same for the same bytes.
    public let digest: String
    /// nil for a blob that is there already: that it is missing is a conflict.
    public let bytes: [UInt8]?

    public init(digest: String, bytes: [UInt8]?) {
        self.digest = digest
        self.bytes = bytes
    }
}

/// What was answered to a request with a key.
public struct StoredAnswer: Hashable, Sendable {
    public let key: String
    /// Milliseconds since 1970 in UTC.
    public let expiresAt: UInt64
    public let bytes: [UInt8]

    public init(key: String, expiresAt: UInt64, bytes: [UInt8]) {
        self.key = key
        self.expiresAt = expiresAt
        self.bytes = bytes
    }
}

/// One change of a commit.
public enum StoredChange: Hashable, Sendable {
    /// A new entity; a conflict where the name is taken. An entity whose time is over takes no name.
    case create(StoredName, StoredHead, expiresAt: UInt64?, [UInt8], holds: [StoredBlob])
    /// The next row of the log; a conflict unless the head is `after`.
    case append(StoredName, after: StoredHead, StoredRow, expiresAt: UInt64?, holds: [StoredBlob])
    /// The whole once more, under a head of its own; a conflict unless the head is `after`. What the rows
    /// before it held is given back.
    case replace(
        StoredName, after: StoredHead, StoredHead, expiresAt: UInt64?, [UInt8], holds: [StoredBlob])
    /// The whole as it is at the row's revision, which is not above the head's: later it is read from here
    /// on. Rows up to the snapshot before go, with what they held; those between the two stay, for whoever
    /// follows.
    case snapshot(StoredName, life: UInt64, StoredRow, holds: [StoredBlob])
    /// The end of an entity; a conflict unless the head is `after`.
    case remove(StoredName, after: StoredHead)
    /// An answer; a conflict where the key has one.
    case answer(StoredAnswer)
    /// The end of exactly this answer, whenever its time would be over; nothing where the key has another, or
    /// none.
    case forget(StoredAnswer)
}
