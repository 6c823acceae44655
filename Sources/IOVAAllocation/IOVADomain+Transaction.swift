// All-or-none batches and previews. The tree is put back by undoing what was done to it, so their cost is
// that of the operations and not of the domain: a copy would share storage only until its first change.

extension IOVADomain {
    /// One change of the tree.
    enum Undo: Sendable {
        case inserted(hi: UInt64)
        case removed(PageFrameRange)
        case grew(hi: UInt64, lo: UInt64)
    }

    /// What `body` would do and return now; nothing of it is kept. Not to be nested.
    public mutating func preview<T, E: Error>(
        _ body: (inout IOVADomain) throws(E) -> T
    ) throws(E) -> T {
        let before = beginTransaction()
        defer { rollBack(to: before) }
        return try body(&self)
    }

    /// All but the tree as it was when a transaction began; arrays share storage.
    package struct Savepoint: Sendable {
        var hint32: Hint
        var hint64: Hint
        var memo: UInt64
        var caches: Caches
    }

    /// Starts a transaction for a value that holds the domain and undoes more than it; one of
    /// `commitTransaction` and `rollBack(to:)` must follow.
    package mutating func beginTransaction() -> Savepoint {
        precondition(!isJournaling, "a transaction inside a transaction")
        isJournaling = true
        return Savepoint(hint32: hint32, hint64: hint64, memo: memo, caches: caches)
    }

    /// Keeps what was done.
    package mutating func commitTransaction() {
        isJournaling = false
        journal.removeAll(keepingCapacity: journal.count <= 64)
    }

    /// Undoes what was done since `rest`.
    package mutating func rollBack(to rest: Savepoint) {
        for undo in journal.reversed() {
            switch undo {
            case .inserted(let hi):
                let position = tree.track(hi)
                tree.remove(at: position, below: tree.above(position))
            case .removed(let range):
                _ = tree.insert(range, below: tree.position(at: range.hi))
            case .grew(let hi, let lo):
                tree.raise(tree.position(at: hi), to: lo)
            }
        }
        hint32 = rest.hint32
        hint64 = rest.hint64
        memo = rest.memo
        caches = rest.caches
        commitTransaction()
        verify()
    }
}

extension RangeTree {
    /// Takes back a growth: the hole below the range is larger again, which the summaries must know.
    mutating func raise(_ position: Position, to lo: UInt64) {
        let position = track(self[position].hi)
        lower(position, to: lo)
        raise(hole: holeBottom(below: position), lo)
    }
}
