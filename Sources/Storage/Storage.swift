// The protocol of a store, and how it fails.

/// Why a store did not do what it was asked for.
public enum StorageFailure: Error, Hashable, Sendable {
    /// Somebody else was faster, or the name is taken: read what is there, and try again. Nothing was
    /// changed.
    case conflict
    /// The store is away, full, or cannot be written. Nothing was changed. A sentence without its full stop.
    case unavailable(String)

    /// For people, without a full stop.
    public var sentence: String {
        switch self {
        case .conflict: "others change it at the same time"
        case .unavailable(let why): why
        }
    }
}

/// What keeps entities, blobs and answers. Every call may come from any thread, and waits until it is done:
/// none is made on a thread that serves connections. A call that was answered survives the process, and where
/// the store says so also the machine.
public protocol Storage: Sendable {
    /// For people: "SQLite in /var/lib/iovad".
    var name: String { get }
    /// Whether others may write to it meanwhile.
    var isShared: Bool { get }

    /// Makes all changes or none; they are durable when it returns. Changes are made in their order.
    func commit(_ changes: [StoredChange]) throws(StorageFailure)

    /// Which entity has the name; nil where none has, or its time is over.
    func head(_ name: StoredName) throws(StorageFailure) -> StoredHead?

    /// The entity of a name; nil where there is none, or its time is over.
    ///
    /// - Parameter after: what the caller has of it; nil for all. Of the same life, and with all later rows
    ///   still there, the answer has these and no snapshot; else it has the latest snapshot and the rows
    ///   behind it.
    func entity(_ name: StoredName, after: StoredHead?) throws(StorageFailure) -> StoredEntity?

    /// Every entity of a kind whose time is not over, in the order of ids.
    func heads(_ kind: StoredKind) throws(StorageFailure) -> [(name: StoredName, head: StoredHead)]

    /// nil for a blob that nobody holds.
    func blob(_ digest: String) throws(StorageFailure) -> [UInt8]?

    /// The answer to a key, unless its time is over.
    func answer(_ key: String) throws(StorageFailure) -> StoredAnswer?

    /// Every answer whose time is not over, the one that ends first first.
    func answers() throws(StorageFailure) -> [StoredAnswer]

    /// Drops entities and answers whose time is over, and blobs that nobody holds any more.
    func expire() throws(StorageFailure)

    /// Milliseconds since 1970 in UTC, by the clock that decides whose time is over.
    func now() -> UInt64

    /// Has `changed` called after commits of others with the names that they changed, on a thread of the
    /// store; with nil where it cannot tell what was missed. Once; never called where the store is not
    /// shared.
    func follow(_ changed: @escaping @Sendable ([StoredName]?) -> Void)

    /// Whether it answers now, in a word for /readyz; nil while it does.
    var trouble: String? { get }

    /// Ends it; later calls fail.
    func close()
}

extension StoredChange {
    /// What it holds.
    public var holds: [StoredBlob] {
        switch self {
        case .create(_, _, _, _, let holds), .append(_, _, _, _, let holds),
            .replace(_, _, _, _, _, let holds), .snapshot(_, _, _, let holds):
            holds
        case .remove, .answer, .forget: []
        }
    }

    /// The entity that it changes.
    public var name: StoredName? {
        switch self {
        case .create(let name, _, _, _, _), .append(let name, _, _, _, _),
            .replace(let name, _, _, _, _, _), .snapshot(let name, _, _, _), .remove(let name, _):
            name
        case .answer, .forget: nil
        }
    }
}
