// What must hold after every operation. Checked by tests through IOVADomain.checksInvariants.

extension RangeTree {
    /// Traps with the values when the tree is not what it says. O(n).
    func checkInvariants() {
        var leaves: [Int] = []
        _ = check(Int(root), level: 0, key: .max, &leaves)
        precondition(leaves.first == 0, "leaf 0 is not the highest: \(leaves.prefix(3))")
        precondition(
            ranges[0] == Self.sentinel, "slot 0 of leaf 0 holds \(ranges[0]) instead of the sentinel")
        var held = 0
        var last: PageFrameRange?
        for (index, leaf) in leaves.enumerated() {
            let next = index + 1 < leaves.count ? UInt32(leaves[index + 1]) : Self.none
            let previous = index > 0 ? UInt32(leaves[index - 1]) : Self.none
            precondition(
                lower[leaf] == next && higher[leaf] == previous,
                "leaf \(leaf) is linked to \(higher[leaf]), \(lower[leaf]), not \(previous), \(next)")
            for slot in 0..<Int(leafCounts[leaf]) {
                let range = ranges[(leaf << Self.leafShift) + slot]
                precondition(range.lo <= range.hi, "inverted range \(range)")
                if let last { precondition(range.hi < last.lo, "\(range) overlaps or follows \(last)") }
                last = range
                held += 1
            }
        }
        precondition(held == count, "\(held) ranges held, \(count) counted")
    }

    /// The true summary of a subtree; its entries' bounds must not be below theirs.
    private func check(_ child: Int, level: Int, key: UInt64, _ leaves: inout [Int]) -> HoleSummary {
        if level == height {
            precondition(leafCounts[child] > 0, "leaf \(child) is empty")
            let highest = ranges[child << Self.leafShift].hi
            precondition(highest == key, "leaf \(child) ends at \(highest), its key says \(key)")
            leaves.append(child)
            return summary(ofLeaf: child)
        }
        precondition(
            nodeCounts[child] > (level == 0 ? 1 : 0), "node \(child) has \(nodeCounts[child]) entries")
        var truth = HoleSummary()
        let base = child << Self.nodeShift
        precondition(keys[base] == key, "node \(child) starts at key \(keys[base]), not \(key)")
        for index in base..<(base + Int(nodeCounts[child])) {
            let below = check(Int(children[index]), level: level + 1, key: keys[index], &leaves)
            let bound = summary(at: index)
            var raised = bound
            precondition(!raised.include(below), "entry \(index) says \(bound), its holes \(below)")
            truth.include(below)
        }
        return truth
    }
}
