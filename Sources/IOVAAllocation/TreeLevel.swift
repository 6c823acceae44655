// The verbs at tree level: allocation, freeing, reservation, and the two hints that say where a search
// begins. Mirrors drivers/iommu/iova.c, Linux 7.2; each part names its functions. The sections of
// iova-allocator.md number the same steps. The cached level above it is in CachedLevel.

import LinuxReleases

// Allocation. Mirrors alloc_iova and __alloc_and_insert_iova_range; iova-allocator.md section 2.

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

    /// As `allocate(size:limit:isAligned:)`, recording each step.
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
        let start = bound < hintLow ? tree.track(bound) : hintPosition
        if let found = tree.highestFit(request, below: firstBound, from: startPFN, start: start) {
            return found
        }
        guard hint.hi < bound, release.searchesTwice else {
            recorder.record(.noSecondPass(hintEnd: hint.hi, bound: bound))
            return nil
        }
        let low = max(startPFN, hint.hi &+ 1)
        recorder.record(.searched(pass: 2, low: low, bound: bound))
        return tree.highestFit(request, below: bound, from: low, start: tree.track(bound))
    }
}

// Freeing. Mirrors free_iova, remove_iova and __cached_rbnode_delete_update; iova-allocator.md section 3.

extension IOVADomain {
    /// Frees the held range that contains `pfn`, an allocation or a reservation; that range, or nil when
    /// nobody holds the page. O(log n).
    @discardableResult
    public mutating func free(_ pfn: UInt64) throws(IOVAInputError) -> PageFrameRange? {
        var ignored = NoAllocationRecorder()
        return try free(pfn, recorder: &ignored)
    }

    /// As `free(_:)`, recording each step.
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
        let position = tree.follow(pfn)
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
        tree.remove(at: position, below: above)
        if isJournaling { journal.append(.removed(range)) }
        return range
    }
}

// Reservations. Mirrors reserve_iova, __is_range_overlap and __adjust_overlap_range; iova-allocator.md
// section 5. Nothing is merged or removed: held ranges grow down.

extension IOVADomain {
    /// Withholds page frames `lo ... hi`; the range object that Linux's call returns, after any growth,
    /// or nil when it refuses because an end is beyond what an address can express.
    ///
    /// Live allocations grow like reservations do, and a later free of one frees what it grew by. Hints and
    /// memo stay. `startPFN` does not matter.
    /// - Complexity: O(log n), and O(log n) amortised for each hole that is filled on the way.
    public mutating func reserve(_ lo: UInt64, _ hi: UInt64) throws(IOVAInputError) -> PageFrameRange? {
        var ignored = NoAllocationRecorder()
        return try reserve(lo, hi, recorder: &ignored)
    }

    /// As `reserve(_:_:)`, recording each step.
    public mutating func reserve<R: AllocationRecorder>(
        _ lo: UInt64, _ hi: UInt64, recorder: inout R
    ) throws(IOVAInputError) -> PageFrameRange? {
        guard lo <= hi else { throw .reversedRange(lo: lo, hi: hi) }
        guard hi <= lastAddressablePFN else {
            recorder.record(.reservationRefused(lo: lo, hi: hi, highest: lastAddressablePFN))
            return nil
        }
        if hi == .max { throw .growsSentinel(lo: lo) }
        let range = reserveInTree(lo, hi, &recorder)
        verify()
        return range
    }

    private mutating func reserveInTree<R: AllocationRecorder>(
        _ lo: UInt64, _ hi: UInt64, _ recorder: inout R
    ) -> PageFrameRange {
        var lo = lo
        var position = tree.position(at: lo)
        while tree[position].lo <= hi {
            let old = tree[position]
            if lo < old.lo {
                tree.lower(position, to: lo)
                if isJournaling { journal.append(.grew(hi: old.hi, lo: old.lo)) }
                recorder.record(.grew(from: old, to: tree[position]))
            } else {
                recorder.record(.covered(by: old))
            }
            if hi <= old.hi { return tree[position] }
            position = tree.firstAboveGap(from: tree.above(position), orEndingAt: hi)
            lo = tree.holeBottom(below: position)
            if lo > old.hi + 1 {
                recorder.record(.covered(by: PageFrameRange(lo: old.hi + 1, hi: lo - 1)))
            }
        }
        let rest = PageFrameRange(lo: lo, hi: hi)
        _ = tree.insert(rest, below: position)
        if isJournaling { journal.append(.inserted(hi: hi)) }
        recorder.record(.reserved(rest))
        return rest
    }
}

extension RangeTree {
    /// Grows a range down, into the hole below it and no further. Summaries stay: the hole only shrinks.
    mutating func lower(_ position: Position, to lo: UInt64) {
        ranges[(position.leaf << Self.leafShift) + position.slot].lo = lo
        let leaf = leaves[position.leaf]
        guard position.slot + 1 == leaf.count, leaf.lower != Self.none else { return }
        // Past the key of the next leaf, perhaps, where that is of a range that left its slot vacant.
        let first = ranges[Int(leaf.lower) << Self.leafShift]
        guard first.isVacant else { return }
        _ = track(first.hi)
        setKey(first.hi, trail.path, level: height - 1)
    }
}

// Where a search begins: one of the two cached nodes. Mirrors `cached_node` and `cached32_node` of
// `struct iova_domain`, include/linux/iova.h, Linux 7.2.

/// Names a held range, or the sentinel, by the page frame at which it ends, which never changes.
struct Hint: Sendable {
    /// Last page frame of the range; 2^64-1 for the sentinel.
    var hi: UInt64 = .max
    /// Where it stood last. Looked at first, and checked, since insertions and removals move ranges.
    var position = RangeTree.Position.sentinel
}

extension RangeTree {
    /// Where the hint's range stands now. O(1) while its neighbourhood is quiet, otherwise O(log n).
    @inline(__always)
    mutating func position(of hint: Hint) -> Position {
        let slot = hint.position.slot
        if slot < Int(leaves[hint.position.leaf].count) {
            let range = self[hint.position]
            // A vacant slot above the hint's range ends where that does.
            if range.hi == hint.hi, !range.isVacant { return hint.position }
        }
        return track(hint.hi)
    }
}
