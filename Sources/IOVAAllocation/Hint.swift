// Where a search begins: one of the two cached nodes. Mirrors `cached_node` and `cached32_node` of
// `struct iova_domain`, include/linux/iova.h, Linux 7.2.

/// Names a held range, or the sentinel, by the page frame at which it ends, which never changes.
struct Hint: Sendable {
    /// Last page frame of the range; 2^64-1 for the sentinel.
    var hi: UInt64 = .max
    /// Where it stood last. Looked at first, and checked, since insertions and removals move ranges.
    var position = RangeTree.Position.sentinel
}

extension RangeTree {
    /// Where the hint's range stands now. O(1) while its neighbourhood is quiet, otherwise O(log n).
    @inline(__always)
    func position(of hint: Hint) -> Position {
        let slot = hint.position.slot
        if slot < Int(leafCounts[hint.position.leaf]), self[hint.position].hi == hint.hi {
            return hint.position
        }
        return position(at: hint.hi)
    }
}
