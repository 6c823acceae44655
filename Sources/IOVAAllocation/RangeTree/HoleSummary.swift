// What a subtree says about its holes, so that a search can pass it by. The longest hole alone would not
// do: a comb of long but misaligned holes would be visited one by one (iova-allocator.md section 11, which
// keeps a capacity for every order). One capacity is enough: an order below the largest block's is taken by
// that block, and two above it by no hole, so that only the order right above is ever asked for.

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
