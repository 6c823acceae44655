// What a subtree says about its holes, so that a search can pass it by. The longest hole alone would not
// do: a comb of long but misaligned holes would be visited one by one (iova-allocator.md section 11).

/// Bounds over a set of holes: exact right after a scan, afterwards never below the truth.
struct HoleSummary {
    /// Orders for which `capacity` answers exactly; above, the length prunes.
    static let capacityOrders = 16

    /// Pages of the longest hole.
    var longest: UInt64 = 0
    /// 1 + the order of the largest naturally aligned block inside a hole; 0 without any hole.
    var blockOrder: UInt8 = 0
    /// Lane k-1: pages above the first 2^k boundary, over the holes whose largest block has order k-1. Only
    /// there does it matter: a larger block takes the request anyway, a smaller one never.
    var capacity = SIMD16<UInt16>()

    static let none = HoleSummary()

    init() {}

    /// Of the one hole `bottom ..< top`.
    @inline(__always)
    init(bottom: UInt64, top: UInt64) {
        guard bottom < top else { return }
        longest = top &- bottom
        // A hole of 2^k ... 2^(k+1)-1 pages holds a block of order k or, if none is aligned, of order k-1.
        let k = 63 &- longest.leadingZeroBitCount
        let block: UInt64 = 1 << UInt64(k)
        let (up, overflow) = bottom.addingReportingOverflow(block &- 1)
        let aligned = up & ~(block &- 1)
        let fits = !overflow && aligned < top && top &- aligned >= block
        let order = fits ? k : k &- 1
        blockOrder = UInt8(truncatingIfNeeded: order &+ 1)
        guard order < Self.capacityOrders else { return }
        let above: UInt64 = 2 << UInt64(order)
        let boundary = (bottom &+ (above &- 1)) & ~(above &- 1)
        // A boundary that wrapped lies below the hole.
        if boundary >= bottom, boundary < top {
            capacity[order] = UInt16(truncatingIfNeeded: top &- boundary)
        }
    }

    /// Takes in `other`; whether anything rose.
    @inline(__always)
    mutating func raise(to other: HoleSummary) -> Bool {
        let capacities = pointwiseMax(capacity, other.capacity)
        guard other.longest > longest || other.blockOrder > blockOrder || capacities != capacity else {
            return false
        }
        longest = max(longest, other.longest)
        blockOrder = max(blockOrder, other.blockOrder)
        capacity = capacities
        return true
    }
}
