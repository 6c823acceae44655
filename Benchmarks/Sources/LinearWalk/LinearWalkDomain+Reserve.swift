// reserve_iova (drivers/iommu/iova.c, Linux 7.2): section 5 of the specification. Like the kernel's, its
// walk begins at the lowest range of all.

import AddressSpaces
public import IOVAAllocation

extension LinearWalkDomain {
    /// The range that the call returns, after growth; nil when Linux refuses. O(n).
    public mutating func reserve(_ lo: UInt64, _ hi: UInt64) throws(IOVAInputError) -> PageFrameRange? {
        guard lo <= hi else { throw .reversedRange(lo: lo, hi: hi) }
        // Step 1.
        let highest = UInt64.max >> UInt64(granule.shift)
        if hi > highest { return nil }
        if hi == .max { throw .growsSentinel(lo: lo) }
        // Step 2.
        var lo = lo
        var at = ranges.first(reaching: 0)
        while ranges[at].hi < lo { at = ranges.next(at) }
        while ranges[at].lo <= hi {
            let range = ranges[at]
            if lo < range.lo { ranges.setLow(of: at, to: lo) }
            if hi <= range.hi { return ranges[at] }
            lo = range.hi + 1
            at = ranges.next(at)
        }
        // Step 3.
        let rest = PageFrameRange(lo: lo, hi: hi)
        _ = ranges.insert(rest)
        return rest
    }
}
