// Upwards over ranges that touch each other, for reservations: what lies under one is passed by in one step
// instead of range by range, however often it is reserved again.

extension RangeTree {
    /// The lowest range from `start` upwards that has a hole below it or ends at `hi` or later. O(log n)
    /// amortised; O(1) when it is `start` or near.
    mutating func firstAboveGap(from start: Position, orEndingAt hi: UInt64) -> Position {
        if let found = scanUp(start.leaf, from: start.slot, hi) { return found }
        var path = Path(repeating: 0)
        _ = position(at: self[start].hi, &path)
        var level = height - 1
        while level >= 0 {
            let node = Int(path[level]) >> Self.nodeShift
            let last = (Int(path[level]) & (Self.nodeCapacity - 1)) - 1
            if let found = searchUp(node, from: last, childLevel: level + 1, hi) { return found }
            level -= 1
        }
        preconditionFailure("nothing ends at \(hi) or later, the sentinel included")
    }

    private mutating func searchUp(
        _ node: Int, from last: Int, childLevel: Int, _ hi: UInt64
    ) -> Position? {
        var slot = last
        while slot >= 0 {
            let index = (node << Self.nodeShift) + slot
            if longest[index] > 0 || keys[index] >= hi {
                let child = Int(children[index])
                let isLeaf = childLevel == height
                let count = Int(isLeaf ? leafCounts[child] : nodeCounts[child])
                let found =
                    isLeaf
                    ? scanUp(child, from: count - 1, hi)
                    : searchUp(child, from: count - 1, childLevel: childLevel + 1, hi)
                if let found { return found }
                // No hole in there: the bound was too high.
                store(HoleSummary(), at: index)
            }
            slot -= 1
        }
        return nil
    }

    private func scanUp(_ leaf: Int, from first: Int, _ hi: UInt64) -> Position? {
        var slot = first
        while slot >= 0 {
            let position = Position(leaf: leaf, slot: slot)
            let range = self[position]
            if range.hi >= hi || holeBottom(below: position) < range.lo { return position }
            slot -= 1
        }
        return nil
    }
}
