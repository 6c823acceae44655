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

    @inline(__always)
    mutating func include(_ hole: Hole) {
        longest = max(longest, hole.length)
        blockOrder = max(blockOrder, UInt8(truncatingIfNeeded: hole.blockOrder &+ 1))
        if hole.capacity > 0, capacity[hole.blockOrder] < hole.capacity {
            capacity[hole.blockOrder] = hole.capacity
        }
    }

    @inline(__always)
    mutating func include(_ other: HoleSummary) {
        longest = max(longest, other.longest)
        blockOrder = max(blockOrder, other.blockOrder)
        capacity.replace(with: other.capacity, where: other.capacity .> capacity)
    }

    /// Whether some hole takes the request, as far as the summary tells.
    func admits(_ request: HoleRequest) -> Bool {
        request.mayFit(longest: longest, blockOrder: blockOrder, capacity: capacity)
    }
}
