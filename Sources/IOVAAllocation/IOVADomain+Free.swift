// Freeing at tree level. Mirrors drivers/iommu/iova.c: free_iova, remove_iova and
// __cached_rbnode_delete_update, Linux 7.2; iova-allocator.md section 3.

extension IOVADomain {
    /// Frees the held range that contains `pfn`, an allocation or a reservation; that range, or nil when
    /// nobody holds the page. O(log n).
    @discardableResult
    public mutating func free(_ pfn: UInt64) throws(IOVAInputError) -> PageFrameRange? {
        var ignored = NoAllocationRecorder()
        return try free(pfn, recorder: &ignored)
    }

    /// As `free(_:)`, telling each step.
    @discardableResult
    public mutating func free<R: AllocationRecorder>(
        _ pfn: UInt64, recorder: inout R
    ) throws(IOVAInputError) -> PageFrameRange? {
        if pfn == .max { throw .freesSentinel }
        let range = freeInTree(pfn, &recorder)
        verify()
        return range
    }

    @inline(__always)
    mutating func freeInTree<R: AllocationRecorder>(
        _ pfn: UInt64, _ recorder: inout R
    ) -> PageFrameRange? {
        var path = RangeTree.Path(repeating: 0)
        let position = tree.position(at: pfn, &path)
        let range = tree[position]
        guard range.lo <= pfn, range.hi != .max else {
            recorder.record(.notHeld(pfn: pfn))
            return nil
        }
        recorder.record(.freed(range))
        let above = tree.above(position)
        let next = Hint(hi: tree[above].hi, position: above)
        if range.hi == hint32.hi || (range.hi < dma32PFN && range.hi >= hint32.hi) {
            hint32 = next
            recorder.record(.hintMoved(.below4GiB, to: tree[above]))
        }
        if range.lo < dma32PFN {
            if memo != dma32PFN { recorder.record(.memoReset(from: memo, to: dma32PFN)) }
            memo = dma32PFN
        }
        if range.hi >= hint64.hi {
            hint64 = next
            recorder.record(.hintMoved(.full, to: tree[above]))
        }
        tree.remove(at: position, path)
        if isJournaling { journal.append(.removed(range)) }
        return range
    }
}
