// What a copy in memory knows of its entity in the store.

import Storage

struct StoredCopy: Sendable {
    /// Where the copy is, or was before a change that did not become durable.
    var head: StoredHead
    /// Whether the copy has such a change: it is built again before anybody looks at it.
    var isStale = false
    /// Rows since the session was last taken down as a whole.
    var rows = 0
    /// The whole as it was then, which takes the place of the rows before it at the next time.
    var nextSnapshot: StoredChange?
    /// Serials of the platforms that its rows name.
    var machines: Set<UInt64> = []
}

extension Ledger {
    /// Gets an entity in step with the store; to be called by whoever has its gate.
    ///
    /// - Returns: what of it is to be run again; nil where nothing is.
    func missing(
        _ name: StoredName, of copy: StoredCopy
    ) throws(StorageFailure) -> Missing {
        if copy.isStale { return try storage.entity(name, after: nil).map { .rows($0) } ?? .gone }
        guard storage.isShared else { return .nothing }
        guard let head = try storage.head(name) else { return .gone }
        if head == copy.head { return .nothing }
        return try storage.entity(name, after: copy.head).map { .rows($0) } ?? .gone
    }

    enum Missing {
        case nothing
        case rows(StoredEntity)
        /// Somebody removed it.
        case gone
    }
}
