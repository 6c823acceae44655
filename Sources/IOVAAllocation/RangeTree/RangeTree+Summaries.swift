// Keeping the summaries: exact from a scan, raised by a removal, stored beside the child's key.

extension RangeTree {
    /// Exact, over the holes below the leaf's ranges.
    func summary(ofLeaf leaf: Int) -> HoleSummary {
        var result = HoleSummary.none
        let base = leaf << Self.leafShift
        for slot in 0..<Int(leafCounts[leaf]) {
            let bottom = holeBottom(below: Position(leaf: leaf, slot: slot))
            let top = ranges[base + slot].lo
            if bottom < top { _ = result.raise(to: HoleSummary(bottom: bottom, top: top)) }
        }
        return result
    }

    /// The bound that the node's own entries give.
    func summary(ofNode node: Int) -> HoleSummary {
        var result = HoleSummary.none
        let base = node << Self.nodeShift
        for index in base..<(base + Int(nodeCounts[node])) { _ = result.raise(to: summary(at: index)) }
        return result
    }

    @inline(__always)
    func summary(at index: Int) -> HoleSummary {
        var result = HoleSummary.none
        result.longest = longest[index]
        result.blockOrder = blockOrders[index]
        result.capacity = capacities[index]
        return result
    }

    @inline(__always)
    mutating func store(_ summary: HoleSummary, at index: Int) {
        longest[index] = summary.longest
        blockOrders[index] = summary.blockOrder
        capacities[index] = summary.capacity
    }

    /// Tells every level about a hole that has grown in the leaf at the end of `path`. Stops where the
    /// bound was as high already: so it is then above.
    @inline(__always)
    mutating func raise(_ path: Path, hole bottom: UInt64, _ top: UInt64) {
        let hole = HoleSummary(bottom: bottom, top: top)
        var level = height &- 1
        while level >= 0 {
            let index = path[level]
            var bound = summary(at: index)
            guard bound.raise(to: hole) else { return }
            store(bound, at: index)
            level &-= 1
        }
    }
}
