// The allocator as Linux runs it, walking range by range: `iova_domain` of drivers/iommu/iova.c, to be read
// beside sections 1 to 7 of the allocator's specification. It is the model that IOVAAllocation is held
// against in tests; nothing that answers a client uses it. Costs grow as the kernel's: a request walks down
// from its hint, O(n) at worst; free is O(log n). The benchmark compares with the faster RedBlackWalk, in C.

public import AddressSpaces
public import IOVAAllocation
public import LinuxReleases

/// An IOVA domain without any summary of its holes. A value: a copy is an independent domain.
public struct LinearWalkDomain: Sendable {
    public let granule: Granule
    /// The lowest pfn that is handed out.
    public let startPFN: UInt64
    public let release: KernelProfile
    /// How many magazines the depot trimmer leaves.
    public let onlineCPUs: Int

    /// Section 1: every range that is held, and the sentinel at 2^64-1, always the last.
    var ranges = RangeTree()
    let sentinel: RangeTree.Node
    var hint32: RangeTree.Node
    var hint64: RangeTree.Node
    /// max32_alloc_size: 32-bit requests of this size or more fail at once.
    var memo: UInt64
    var caches: [MagazineClass]
    /// Magazines that a bounded depot keeps (MAX_GLOBAL_MAGS), which has no trimmer; nil for any number.
    let depotMax: Int?

    public init(
        granule: Granule, startPFN: UInt64, release: KernelProfile = .newest, onlineCPUs: Int = 1
    ) {
        self.granule = granule
        self.startPFN = startPFN
        self.release = release
        self.onlineCPUs = onlineCPUs
        sentinel = ranges.insert(PageFrameRange(lo: .max, hi: .max))
        hint32 = sentinel
        hint64 = sentinel
        memo = Self.dma32PFN(granule)
        depotMax = release.boundsDepots ? 32 : nil
        caches = Array(
            repeating: MagazineClass(magazineMax: release.magazineSize), count: MagazineClass.count)
    }

    /// First pfn at 4 GiB; 0 when one granule is larger.
    public var dma32PFN: UInt64 { Self.dma32PFN(granule) }

    private static func dma32PFN(_ granule: Granule) -> UInt64 { (1 << 32) >> UInt64(granule.shift) }

    /// Ranges that are held, caches included and the sentinel left out.
    public var heldCount: Int { ranges.count - 1 }

    /// Every range that is held, ascending, the sentinel left out. O(n).
    public var heldRanges: [PageFrameRange] {
        var found: [PageFrameRange] = []
        found.reserveCapacity(heldCount)
        var at = ranges.first(reaching: 0)
        while at != sentinel {
            found.append(ranges[at])
            at = ranges.next(at)
        }
        return found
    }
}

extension LinearWalkDomain: IOVAAllocator {}

// alloc_iova and the walk below it (drivers/iommu/iova.c: __alloc_and_insert_iova_range, Linux 7.2):
// section 2 of the specification, step by step.

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
        if found == nil, top < bound, release.searchesTwice {
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

// free_iova and what it does to hints and memo (drivers/iommu/iova.c: __cached_rbnode_delete_update,
// remove_iova, Linux 7.2): section 3 of the specification.

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

// reserve_iova (drivers/iommu/iova.c, Linux 7.2): section 5 of the specification. Like the kernel's, its
// walk begins at the lowest range of all.

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
