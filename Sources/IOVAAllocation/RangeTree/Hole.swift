// Holes between held ranges: what one hole offers, what a request needs, and what a subtree says about all
// of its holes, so that a search can pass it by. The longest hole alone would not do: a comb of long but
// misaligned holes would be visited one by one (iova-allocator.md section 11, which keeps a capacity for
// every order). One capacity is enough: an order below the largest block's is taken by that block, and two
// above it by no hole, so that only the order right above is ever asked for.

/// A hole of at least one page.
struct Hole {
    /// Pages.
    let length: UInt64
    /// Order of the largest naturally aligned block inside, 0 ... 63.
    let blockOrder: Int
    /// Pages above the first boundary of 2^(blockOrder + 1), which are fewer than that; 0 for none.
    let capacity: UInt64

    /// Page frames `bottom ..< top`.
    @inline(__always)
    init(bottom: UInt64, top: UInt64) {
        precondition(bottom < top, "hole \(bottom) ..< \(top)")
        length = top &- bottom
        // A hole of 2^k ... 2^(k+1)-1 pages holds a block of order k or, if none is aligned, of order k-1.
        let k = 63 &- length.leadingZeroBitCount
        let block: UInt64 = 1 << UInt64(k)
        let aligned = (bottom &+ (block &- 1)) & ~(block &- 1)
        // A boundary that wrapped lies below the hole.
        let fits = aligned >= bottom && aligned < top && top &- aligned >= block
        blockOrder = fits ? k : k &- 1
        // Above order 63 there is no boundary, and no request that asks for one.
        let above: UInt64 = 2 << UInt64(blockOrder)
        let boundary = (bottom &+ (above &- 1)) & ~(above &- 1)
        capacity = boundary >= bottom && boundary < top ? top &- boundary : 0
    }
}

// What a search looks for: how many pages, at which alignment. Mirrors the size and align_mask that
// drivers/iommu/iova.c: __alloc_and_insert_iova_range computes, Linux 7.2.

/// A size with its alignment, prepared for asking holes and summaries.
struct HoleRequest {
    /// Which part of a summary decides exactly.
    enum Class {
        /// Any first page will do: the longest hole decides.
        case anywhere
        /// A power of two at its natural alignment: the largest aligned block decides.
        case naturalBlock
        /// 2^(order-1) < size < 2^order, aligned to 2^order.
        case withinBlock
    }

    /// Pages, at least 1.
    let size: UInt64
    /// log2 of the alignment in pages, 0 ... 63.
    let order: Int
    /// Clears the bits of a page frame number below the alignment.
    let mask: UInt64
    let kind: Class

    /// - Precondition: size is at least 1, and at most 2^63 when aligned.
    @inline(__always)
    init(size: UInt64, isAligned: Bool) {
        self.size = size
        if isAligned, size > 1 {
            order = Self.order(of: size)
            mask = ~0 << UInt64(order)
            kind = size & (size &- 1) == 0 ? .naturalBlock : .withinBlock
        } else {
            order = 0
            mask = ~0
            kind = .anywhere
        }
    }

    /// ceil(log2(size)), 0 for 1.
    @inline(__always)
    static func order(of size: UInt64) -> Int { 64 &- (size &- 1).leadingZeroBitCount }

    /// The highest page frame at which the request fits into `bottom ..< top`; nil when it does not.
    @inline(__always)
    func highestFit(bottom: UInt64, top: UInt64) -> UInt64? {
        guard top >= size else { return nil }
        let first = (top &- size) & mask
        return first >= bottom ? first : nil
    }

    /// Whether some hole of a summary with these parts takes the request: exact for exact summaries,
    /// otherwise never wrongly no. Only the parts that decide are read.
    @inline(__always)
    func mayFit(
        longest: @autoclosure () -> UInt64, blockOrder: @autoclosure () -> UInt8,
        capacity: @autoclosure () -> UInt64
    ) -> Bool {
        switch kind {
        case .anywhere: return longest() >= size
        case .naturalBlock: return Int(blockOrder()) > order
        case .withinBlock:
            let found = Int(blockOrder())
            return found > order || (found == order && capacity() >= size)
        }
    }
}

/// Bounds over a set of holes: exact right after a scan, afterwards never below the truth.
struct HoleSummary {
    /// Pages of the longest hole.
    var longest: UInt64 = 0
    /// 1 + the order of the largest naturally aligned block inside a hole; 0 without any hole.
    var blockOrder: UInt8 = 0
    /// Pages above the first boundary of 2^blockOrder, the most over the holes with a block of that order
    /// less one.
    var capacity: UInt64 = 0

    init() {}

    @inline(__always)
    init(longest: UInt64, blockOrder: UInt8, capacity: UInt64) {
        self.longest = longest
        self.blockOrder = blockOrder
        self.capacity = capacity
    }

    @inline(__always)
    init(_ hole: Hole) {
        longest = hole.length
        blockOrder = UInt8(truncatingIfNeeded: hole.blockOrder &+ 1)
        capacity = hole.capacity
    }

    /// Takes in `other`; whether anything rose.
    @inline(__always)
    @discardableResult
    mutating func include(_ other: HoleSummary) -> Bool {
        let isLonger = other.longest > longest
        if isLonger { longest = other.longest }
        let isRoomier =
            other.blockOrder > blockOrder
            || (other.blockOrder == blockOrder && other.capacity > capacity)
        if isRoomier {
            blockOrder = other.blockOrder
            capacity = other.capacity
        }
        return isLonger || isRoomier
    }
}

// Keeping the summaries: exact from a scan, raised by a removal, stored beside the child's key.

extension RangeTree {
    /// Exact, over the holes below the leaf's ranges.
    func summary(ofLeaf leaf: Int) -> HoleSummary {
        var result = HoleSummary()
        let base = leaf << Self.leafShift
        for slot in 0..<Int(leaves[leaf].count) {
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

    /// Tells every level about a hole that has grown in the leaf at the end of the trail.
    @inline(__always)
    mutating func raise(hole bottom: UInt64, _ top: UInt64) {
        guard height > 0 else { return }
        let hole = HoleSummary(Hole(bottom: bottom, top: top))
        var bound = summary(at: Int(trail.path[height &- 1]))
        if bound.include(hole) { raise(trail.path, hole) }
    }

    /// Tells every level about a hole that has grown in the leaf at the end of `path`. Stops where the
    /// bound was as high already: so it is then above.
    @inline(never)
    mutating func raise(_ path: Path, _ hole: HoleSummary) {
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
