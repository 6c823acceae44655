// Keeping the summaries: exact from a scan, raised by a removal, stored beside the child's key.

extension RangeTree {
    /// Exact, over the holes below the leaf's ranges.
    func summary(ofLeaf leaf: Int) -> HoleSummary {
        var result = HoleSummary()
        let base = leaf << Self.leafShift
        for slot in 0..<Int(leafCounts[leaf]) {
            let bottom = holeBottom(below: Position(leaf: leaf, slot: slot))
            let top = ranges[base + slot].lo
            if bottom < top { result.include(HoleSummary(Hole(bottom: bottom, top: top))) }
        }
        return result
    }

    /// The bound that the node's own entries give.
    func summary(ofNode node: Int) -> HoleSummary {
        var result = HoleSummary()
        let base = node << Self.nodeShift
        for index in base..<(base + Int(nodeCounts[node])) { result.include(summary(at: index)) }
        return result
    }

    @inline(__always)
    func summary(at index: Int) -> HoleSummary {
        HoleSummary(
            longest: longest[index], blockOrder: blockOrders[index], capacity: capacities[index])
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
        let hole = HoleSummary(Hole(bottom: bottom, top: top))
        var level = height &- 1
        while level >= 0 {
            let index = Int(path[level])
            var bound = summary(at: index)
            guard bound.include(hole) else { return }
            store(bound, at: index)
            level &-= 1
        }
    }
}
