// alloc_iova and the walk below it (drivers/iommu/iova.c: __alloc_and_insert_iova_range, Linux 7.2):
// section 2 of the specification, step by step.

public import IOVAAllocation

extension LinearWalkDomain {
    /// First pfn of the new range, nil when Linux fails. `limit` is inclusive. O(n) at worst.
    public mutating func allocate(
        size: UInt64, limit: UInt64, isAligned: Bool
    ) throws(IOVAInputError) -> UInt64? {
        guard size > 0 else { throw .zeroSize }
        if isAligned, size > 1 << 63 { throw .sizeBeyondAlignment(size: size) }
        let bound = limit &+ 1
        let is32Bit = bound <= dma32PFN
        // Step 1.
        if is32Bit, size >= memo { return nil }
        // Steps 2 and 3.
        let hint = is32Bit ? hint32 : hint64
        let alignment = isAligned ? Self.powerOfTwo(atLeast: size) : 1
        // Step 4.
        var found = walk(down: hint, bound: bound, size: size, alignment: alignment, lowest: startPFN)
        // Step 5.
        let top = ranges[hint].hi
        if found == nil, top < bound {
            found = walk(
                down: is32Bit ? ranges.first(reaching: bound) : sentinel, bound: bound, size: size,
                alignment: alignment, lowest: top + 1)
        }
        // Step 6.
        guard let pfn = found else {
            memo = size
            return nil
        }
        // Step 7.
        let range = PageFrameRange(lo: pfn, hi: pfn + size - 1)
        let node = ranges.insert(range)
        if range.hi < dma32PFN { hint32 = node } else { hint64 = node }
        return pfn
    }

    /// The highest fit below the range `from` and below `bound`, one hole after another.
    private func walk(
        down from: RangeTree.Node, bound: UInt64, size: UInt64, alignment: UInt64, lowest: UInt64
    ) -> UInt64? {
        var at = from
        var bound = bound
        while true {
            bound = min(bound, ranges[at].lo)
            guard bound >= size else { return nil }
            let pfn = (bound - size) & ~(alignment - 1)
            // Lower holes give lower candidates, so none below can do.
            guard pfn >= lowest else { return nil }
            let below = ranges.previous(at)
            if below == RangeTree.none || pfn > ranges[below].hi { return pfn }
            at = below
        }
    }

    /// 2^ceil(log2 size), for 1 ... 2^63.
    static func powerOfTwo(atLeast size: UInt64) -> UInt64 {
        1 << UInt64(UInt64.bitWidth - (size - 1).leadingZeroBitCount)
    }
}
