// The held ranges of a domain in order, with a summary of the holes of every subtree: a B+-tree whose
// leaves hold ranges. It takes the place of the red-black tree of drivers/iommu/iova.c (struct iova_domain,
// Linux 7.2) and knows nothing of hints, limits or releases. Order is descending, as the allocator walks:
// slot 0 of a leaf or node is its highest address, and "next" means lower. See also RangeTree+Search.
//
// Implementation notes. Leaves and nodes are slices of flat arrays, so that a value copy is a handful of
// array references and no operation allocates except for growth. A hole belongs to the range above it. An
// insertion therefore happens in the leaf of the range above, never before a leaf's first range, and the
// keys of the nodes stay as they are. Summaries in nodes are bounds: a removal raises them exactly, an
// insertion leaves them, and a search that was misled tightens what misled it. Each insertion can leave at
// most one entry a level too high, so searches cost O(log n) amortised.

/// A set of disjoint page frame ranges that always ends in the sentinel at 2^64-1.
struct RangeTree: Sendable {
    // Leaves of 32 ranges (512 bytes): twice as many made removals in the middle slower by the longer
    // shift and FIFO churn slower with it; half as many cost a level more at a million ranges.
    static let leafShift = 5
    static let leafCapacity = 1 << leafShift
    static let nodeShift = 5
    static let nodeCapacity = 1 << nodeShift
    /// Below this many entries a leaf or node looks for a sibling to merge with.
    static let sparse = 8
    /// At most this many entries come out of a merge, so that the next insertion does not split it.
    static let mergedMax = 24
    static let none = UInt32.max

    // Leaves: ranges of leaf l at (l << leafShift) ..< + leafCounts[l].
    var ranges: [PageFrameRange]
    var leafCounts: [UInt8]
    /// The leaf with the next lower ranges, and the one with the next higher.
    var lower: [UInt32]
    var higher: [UInt32]
    var freeLeaves: [UInt32] = []

    // Nodes: children of node n at (n << nodeShift) ..< + nodeCounts[n].
    /// The highest `hi` below each child.
    var keys: [UInt64] = []
    var children: [UInt32] = []
    var longest: [UInt64] = []
    var blockOrders: [UInt8] = []
    var capacities: [UInt64] = []
    var nodeCounts: [UInt8] = []
    var freeNodes: [UInt32] = []

    /// A leaf when `height` is 0.
    var root: UInt32 = 0
    /// Node levels above the leaves.
    var height = 0
    /// Held ranges, the sentinel among them.
    var count = 1

    static let sentinel = PageFrameRange(lo: .max, hi: .max)

    /// Only the sentinel, in leaf 0 slot 0, where it stays.
    init() {
        ranges = Array(repeating: Self.sentinel, count: Self.leafCapacity)
        leafCounts = [1]
        lower = [Self.none]
        higher = [Self.none]
    }

    /// Where a range stands. Insertions and removals make positions stale.
    struct Position {
        var leaf: Int
        var slot: Int
        static let sentinel = Position(leaf: 0, slot: 0)
    }

    /// The way from the root to a leaf: index of the child's entry (node << nodeShift | slot) at each level.
    /// Siblings that fit into one are joined, so that twelve levels are beyond any memory.
    typealias Path = InlineArray<12, UInt32>

    @inline(__always)
    subscript(position: Position) -> PageFrameRange {
        ranges[(position.leaf &<< Self.leafShift) &+ position.slot]
    }

    /// The page frame after the next lower range, 0 when there is none: where the hole below begins.
    @inline(__always)
    func holeBottom(below position: Position) -> UInt64 {
        let slot = position.slot &+ 1
        if slot < Int(leafCounts[position.leaf]) {
            return ranges[(position.leaf &<< Self.leafShift) &+ slot].hi &+ 1
        }
        let next = lower[position.leaf]
        return next == Self.none ? 0 : ranges[Int(next) &<< Self.leafShift].hi &+ 1
    }

    /// The next higher range. The sentinel has none.
    @inline(__always)
    func above(_ position: Position) -> Position {
        if position.slot > 0 { return Position(leaf: position.leaf, slot: position.slot &- 1) }
        let leaf = Int(higher[position.leaf])
        return Position(leaf: leaf, slot: Int(leafCounts[leaf]) &- 1)
    }

    /// The lowest range with `hi >= pfn`. O(log n).
    @inline(__always)
    func position(at pfn: UInt64) -> Position {
        var child = Int(root)
        var level = 0
        while level < height {
            child = Int(children[childIndex(of: child, at: pfn)])
            level &+= 1
        }
        return Position(leaf: child, slot: slot(in: child, at: pfn))
    }

    /// As `position(at:)`, with the way there.
    @inline(__always)
    func position(at pfn: UInt64, _ path: inout Path) -> Position {
        precondition(height <= path.count, "range tree of \(height) levels")
        var child = Int(root)
        var level = 0
        while level < height {
            let index = childIndex(of: child, at: pfn)
            path[level] = UInt32(truncatingIfNeeded: index)
            child = Int(children[index])
            level &+= 1
        }
        return Position(leaf: child, slot: slot(in: child, at: pfn))
    }

    /// Last child entry of `node` whose key is at least `pfn`. Keys descend and the first always qualifies.
    @inline(__always)
    private func childIndex(of node: Int, at pfn: UInt64) -> Int {
        var index = node &<< Self.nodeShift
        var length = Int(nodeCounts[node])
        while length > 1 {
            let half = length &>> 1
            index = keys[index &+ half] >= pfn ? index &+ half : index
            length &-= half
        }
        return index
    }

    @inline(__always)
    private func slot(in leaf: Int, at pfn: UInt64) -> Int {
        let base = leaf &<< Self.leafShift
        var slot = 0
        var length = Int(leafCounts[leaf])
        while length > 1 {
            let half = length &>> 1
            slot = ranges[base &+ slot &+ half].hi >= pfn ? slot &+ half : slot
            length &-= half
        }
        return slot
    }
}

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
