// free_iova and what it does to hints and memo (drivers/iommu/iova.c: __cached_rbnode_delete_update,
// remove_iova, Linux 7.2): section 3 of the specification.

public import IOVAAllocation

extension LinearWalkDomain {
    /// Frees the range that holds `pfn` and returns it; nil when nobody holds the pfn. O(log n).
    @discardableResult
    public mutating func free(_ pfn: UInt64) throws(IOVAInputError) -> PageFrameRange? {
        guard pfn != .max else { throw .freesSentinel }
        return removeRange(holding: pfn)
    }

    @discardableResult
    mutating func removeRange(holding pfn: UInt64) -> PageFrameRange? {
        let node = ranges.first(reaching: pfn)
        let range = ranges[node]
        guard node != sentinel, range.lo <= pfn else { return nil }
        let next = ranges.next(node)
        // Step 1.
        if node == hint32 || (range.hi < dma32PFN && range.lo >= ranges[hint32].lo) { hint32 = next }
        // Step 2.
        if range.lo < dma32PFN { memo = dma32PFN }
        // Step 3.
        if range.lo >= ranges[hint64].lo { hint64 = next }
        // Step 4.
        ranges.remove(node)
        return range
    }
}
