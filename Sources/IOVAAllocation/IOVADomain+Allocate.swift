// Allocation at tree level. Mirrors drivers/iommu/iova.c: alloc_iova and __alloc_and_insert_iova_range, Linux
// 7.2; iova-allocator.md section 2 numbers the same steps.

extension IOVADomain {
    /// Holds `size` pages somewhere in `startPFN ... limit`; the first page frame, nil when Linux fails.
    ///
    /// - Parameters:
    ///   - size: pages, at least 1.
    ///   - limit: last page frame that the range may touch, inclusive. 2^64-1 is legal and always fails.
    ///   - isAligned: the first page frame is a multiple of the size rounded up to a power of two.
    /// - Complexity: O(log n) amortised.
    public mutating func allocate(
        size: UInt64, limit: UInt64, isAligned: Bool
    ) throws(IOVAInputError) -> UInt64? {
        var ignored = NoAllocationRecorder()
        return try allocate(size: size, limit: limit, isAligned: isAligned, recorder: &ignored)
    }

    /// As `allocate(size:limit:isAligned:)`, telling each step.
    public mutating func allocate<R: AllocationRecorder>(
        size: UInt64, limit: UInt64, isAligned: Bool, recorder: inout R
    ) throws(IOVAInputError) -> UInt64? {
        try Self.check(size: size, isAligned: isAligned)
        let pfn = allocateInTree(size: size, limit: limit, isAligned: isAligned, &recorder)
        verify()
        return pfn
    }

    @inline(__always)
    static func check(size: UInt64, isAligned: Bool) throws(IOVAInputError) {
        if size == 0 { throw .zeroSize }
        if isAligned, size > 1 << 63 { throw .sizeBeyondAlignment(size: size) }
    }

    @inline(__always)
    mutating func allocateInTree<R: AllocationRecorder>(
        size: UInt64, limit: UInt64, isAligned: Bool, _ recorder: inout R
    ) -> UInt64? {
        let bound = limit &+ 1
        let is32Bit = bound <= dma32PFN
        if is32Bit, size >= memo {
            recorder.record(.memoRefused(size: size, memo: memo))
            return nil
        }
        let request = HoleRequest(size: size, isAligned: isAligned)
        guard let (pfn, above) = find(request, bound, is32Bit, &recorder) else {
            recorder.record(.memoSet(from: memo, to: size))
            memo = size
            return nil
        }
        let range = PageFrameRange(lo: pfn, hi: pfn &+ (size &- 1))
        recorder.record(
            .took(range, holeLow: tree.holeBottom(below: above), holeHigh: tree[above].lo &- 1))
        let position = tree.insert(range, below: above)
        if isJournaling { journal.append(.inserted(hi: range.hi)) }
        // The place of the range decides which hint moves; the class of the request plays no part.
        if range.hi < dma32PFN {
            hint32 = Hint(hi: range.hi, position: position)
            recorder.record(.hintMoved(.below4GiB, to: range))
        } else {
            hint64 = Hint(hi: range.hi, position: position)
            recorder.record(.hintMoved(.full, to: range))
        }
        return pfn
    }

    /// One pass below the hint; when it finds nothing and the hint ends below the limit, one above it.
    @inline(__always)
    private mutating func find<R: AllocationRecorder>(
        _ request: HoleRequest, _ bound: UInt64, _ is32Bit: Bool, _ recorder: inout R
    ) -> (pfn: UInt64, above: RangeTree.Position)? {
        let hint = is32Bit ? hint32 : hint64
        let hintPosition = tree.position(of: hint)
        let hintLow = tree[hintPosition].lo
        recorder.record(.startedAt(is32Bit ? .below4GiB : .full, tree[hintPosition]))
        if bound == 0 { recorder.record(.limitWraps) }
        let firstBound = min(bound, hintLow)
        recorder.record(.searched(pass: 1, low: startPFN, bound: firstBound))
        let start = bound < hintLow ? tree.position(at: bound) : hintPosition
        if let found = tree.highestFit(request, below: firstBound, from: startPFN, start: start) {
            return found
        }
        guard hint.hi < bound else {
            recorder.record(.noSecondPass(hintEnd: hint.hi, bound: bound))
            return nil
        }
        let low = max(startPFN, hint.hi &+ 1)
        recorder.record(.searched(pass: 2, low: low, bound: bound))
        return tree.highestFit(request, below: bound, from: low, start: tree.position(at: bound))
    }
}
