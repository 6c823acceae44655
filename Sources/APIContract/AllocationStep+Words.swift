// Each step of the allocator as a rule, a range where it has one, and a sentence. Numbers are page frames.

import AddressSpaces
public import IOVAAllocation

extension AllocationStep {
    public var rule: AllocationRule {
        switch self {
        case .sizeRounded: .sizeRounded
        case .cacheHit: .cacheHit
        case .cacheEmpty: .cacheEmpty
        case .cacheNoneLowEnough: .cacheNoneLowEnough
        case .cacheZero: .cacheZero
        case .memoRefused: .failFast32
        case .startedAt(let hint, _): hint == .below4GiB ? .startedAtCached32 : .startedAtCached
        case .searched(let pass, _, _): pass == 1 ? .firstPass : .secondPass
        case .limitWraps: .limitWraps
        case .noSecondPass: .noSecondPass
        case .took: .took
        case .memoSet: .memoSet
        case .hintMoved: .hintMoved
        case .flushed: .flushed
        case .freed: .freed
        case .notHeld: .notHeld
        case .memoReset: .memoReset
        case .parked: .parked
        case .magazineFreed: .magazineFreed
        case .reservationRefused: .reservationRefused
        case .grew: .grew
        case .covered: .covered
        case .reserved: .reserved
        }
    }

    /// The range that the step is about, in page frames.
    public var candidate: PageFrameRange? {
        switch self {
        case .took(let range, _, _), .freed(let range), .covered(let range), .reserved(let range),
            .grew(_, let range):
            range
        case .cacheHit(let order, let pfn), .parked(let order, let pfn):
            PageFrameRange(lo: pfn, hi: pfn &+ (1 << UInt64(order)) &- 1)
        default: nil
        }
    }

    /// One sentence.
    public var text: String {
        switch self {
        case .sizeRounded, .cacheHit, .cacheEmpty, .cacheNoneLowEnough, .cacheZero, .flushed, .parked,
            .magazineFreed:
            cacheText
        case .reservationRefused, .grew, .covered, .reserved: reservationText
        default: treeText
        }
    }

    private var treeText: String {
        switch self {
        case .memoRefused(let size, let memo):
            "A request below 4 GiB of \(pages(size)) fails without a search: one of \(pages(memo)) "
                + "failed before, and nothing below 4 GiB was freed since (max32_alloc_size)."
        case .startedAt(let hint, let range):
            "The search begins below \(held(range)), where \(hint.rawValue) points."
        case .searched(let pass, let low, let bound):
            pass == 1
                ? "First pass: from below \(hex(bound)) down to \(hex(low))."
                : "Second pass, above the hint: from below \(hex(bound)) down to \(hex(low))."
        case .limitWraps:
            "The limit is 0xffffffffffffffff: the kernel adds one, gets 0, and nothing lies below it."
        case .noSecondPass(let hintEnd, let bound):
            "Nothing fits below the hint, and there is no second pass: the hint's range ends at "
                + "\(hex(hintEnd)), not below \(hex(bound))."
        case .took(let range, let low, let high):
            "Took \(text(range)), the highest fit in the hole \(hex(low))...\(hex(high))."
        case .memoSet(let from, let to):
            "Nothing fits: max32_alloc_size goes from \(hex(from)) to \(hex(to)), so requests below "
                + "4 GiB of that size or more fail at once until something below 4 GiB is freed."
        case .hintMoved(let hint, let range): "\(hint.rawValue) now points to \(held(range))."
        case .freed(let range): "Freed \(text(range))."
        case .notHeld(let pfn): "Nobody holds \(hex(pfn)), so nothing happens."
        case .memoReset(let from, let to):
            "Something that begins below 4 GiB was freed: max32_alloc_size goes from \(hex(from)) back to \(hex(to))."
        default: preconditionFailure("\(self) is no step of the tree")
        }
    }

    private var cacheText: String {
        switch self {
        case .sizeRounded(let from, let to): "\(pages(from)) are rounded up to \(pages(to))."
        case .cacheHit(let order, let pfn):
            "Took \(hex(pfn)) from the CPU's cache of \(pages(1 << UInt64(order))); hints and memo stay."
        case .cacheEmpty(let order): "Nothing is cached for \(pages(1 << UInt64(order)))."
        case .cacheNoneLowEnough(let order, let highest):
            "No range of \(pages(1 << UInt64(order))) in the loaded magazine begins at or below "
                + "\(hex(highest)); the others are not tried."
        case .cacheZero: "Page frame 0 was cached; it counts as nothing and is lost."
        case .flushed(let ranges):
            "The tree has no place: all \(ranges) cached ranges go back to it for one more try."
        case .parked(let order, let pfn):
            "\(hex(pfn)) is kept in the CPU's cache of \(pages(1 << UInt64(order))); its range stays held."
        case .magazineFreed(let order, let ranges):
            "A full magazine, \(ranges) ranges of \(pages(1 << UInt64(order))), goes back to the tree."
        default: preconditionFailure("\(self) is no step of the caches")
        }
    }

    private var reservationText: String {
        switch self {
        case .reservationRefused(let lo, let hi, let highest):
            "\(text(PageFrameRange(lo: lo, hi: hi))) passes \(hex(highest)), the last page that an "
                + "address can name: refused."
        case .grew(let from, let to): "\(text(from)), which is held already, grows down to \(hex(to.lo))."
        case .covered(let range): "The rest lies inside \(text(range)), which is held already."
        case .reserved(let range): "\(text(range)) becomes a range of its own."
        default: preconditionFailure("\(self) is no step of a reservation")
        }
    }

    private func hex(_ value: UInt64) -> String { HexLiteral.text(value) }
    private func pages(_ count: UInt64) -> String { count == 1 ? "1 page" : "\(count) pages" }
    private func text(_ range: PageFrameRange) -> String { "\(hex(range.lo))...\(hex(range.hi))" }
    private func held(_ range: PageFrameRange) -> String {
        range.lo == .max ? "the top of the space" : text(range)
    }
}
