// Reservations. Mirrors drivers/iommu/iova.c: reserve_iova, __is_range_overlap and __adjust_overlap_range,
// Linux 7.2; iova-allocator.md section 5. Nothing is merged or removed: held ranges grow down.

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

    /// As `reserve(_:_:)`, telling each step.
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
    }
}
