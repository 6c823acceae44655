// The allocator's facts in words: the rule that each comes under, what it means for the request, and a
// sentence. Decisions, replays and sessions all read them here. Numbers are page frames.

public import AddressSpaces
public import IOVAAllocation

extension AllocationStep {
    /// The rule that the fact comes under.
    public var rule: Rule {
        switch self {
        case .sizeRounded: .sizeRounded
        case .cacheHit: .cacheHit
        case .cacheEmpty: .cacheMissed
        case .cacheNoneLowEnough: .cacheNoneLowEnough
        case .cacheZero: .cacheZero
        case .memoRefused: .failedFast32
        case .startedAt(.below4GiB, _): .startedAtCached32
        case .startedAt(.full, _): .startedAtCached64
        case .searched: .searched
        case .limitWraps: .limitWraps
        case .noSecondPass: .noSecondPass
        case .took: .took
        case .memoSet: .memoSet
        case .hintMoved: .stateChanged
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

    /// What the fact means for the request. In a decision the allocator is only one part of the way, and
    /// its facts are notes.
    public var verdict: Step.Verdict {
        switch self {
        case .cacheHit, .took, .freed, .parked, .grew, .covered, .reserved: .accepted
        case .cacheNoneLowEnough, .cacheZero, .memoRefused, .limitWraps, .noSecondPass, .notHeld,
            .reservationRefused:
            .rejected
        case .sizeRounded, .cacheEmpty, .startedAt, .searched, .memoSet, .hintMoved, .flushed, .memoReset,
            .magazineFreed:
            .noted
        }
    }

    /// The range that the fact is about.
    public var candidate: PageFrameRange? {
        switch self {
        case .took(let range, _, _), .freed(let range), .covered(let range), .reserved(let range),
            .grew(_, let range):
            range
        case .cacheHit(let order, let pfn), .parked(let order, let pfn):
            PageFrameRange(lo: pfn, hi: pfn &+ (1 << UInt64(order)) &- 1)
        case .sizeRounded, .cacheEmpty, .cacheNoneLowEnough, .cacheZero, .memoRefused, .startedAt, .searched,
            .limitWraps, .noSecondPass, .memoSet, .hintMoved, .flushed, .notHeld, .memoReset, .magazineFreed,
            .reservationRefused:
            nil
        }
    }

    /// The fact for a person.
    public var sentence: String { phrase.text }

    /// The same as bytes: a batch of verbs has thousands.
    public var phrase: Phrase {
        switch self {
        case .sizeRounded(let from, let to): "\(pages(from)) are rounded up to \(pages(to))."
        case .cacheHit(let order, let pfn): "The cache of \(pages(of: order)) gives page \(hex: pfn)."
        case .cacheEmpty(let order): "Nothing is cached for \(pages(of: order))."
        case .cacheNoneLowEnough(let order, let highest):
            "Nothing that is cached for \(pages(of: order)) starts at or below \(hex: highest)."
        case .cacheZero(let order): "The cache of \(pages(of: order)) gave page 0, which counts as nothing."
        case .memoRefused(let size, let memo):
            """
            A request below 4 GiB of \(pages(size)) fails without a search: one of \(pages(memo)) failed \
            before, and nothing below 4 GiB was freed since.
            """
        case .startedAt(let hint, let range): "\(hint.rawValue) stands at \(text(range))."
        case .searched(let pass, let low, let bound):
            "Pass \(pass) looks from below \(hex: bound) down to \(hex: low)."
        case .limitWraps:
            "The limit is 0xffffffffffffffff: the kernel adds one, gets 0, and nothing lies below it."
        case .noSecondPass(let end, let bound):
            "There is no second pass: the hint ends at \(hex: end), not below \(hex: bound)."
        case .took(let range, let low, let high):
            "Pages \(text(range)) are taken from the hole \(hex: low)...\(hex: high)."
        case .memoSet(let from, let to):
            "The failure is remembered: max32_alloc_size goes from \(pages(from)) to \(pages(to))."
        case .hintMoved(let hint, let range): "\(hint.rawValue) moves to \(text(range))."
        case .flushed(let ranges):
            ranges == 1
                ? "1 cached range goes back to the tree."
                : "\(ranges) cached ranges go back to the tree."
        case .freed(let range): "Pages \(text(range)) are free."
        case .notHeld(let pfn): "Page \(hex: pfn) is not held, so nothing happens."
        case .memoReset(let from, let to):
            "Failures below 4 GiB are forgotten: max32_alloc_size goes from \(pages(from)) to \(pages(to))."
        case .parked(let order, let pfn):
            "Page \(hex: pfn) is kept in the cache of \(pages(of: order)); its range stays held."
        case .magazineFreed(let order, let ranges):
            "A full magazine goes back to the tree: \(ranges) ranges of \(pages(of: order))."
        case .reservationRefused(let lo, let hi, let highest):
            "\(hex: lo)...\(hex: hi) is beyond \(hex: highest), the last page that an address reaches."
        case .grew(let from, let to): "The held range \(text(from)) grows down to \(hex: to.lo)."
        case .covered(let range): "The held range \(text(range)) already covers a part."
        case .reserved(let range): "Pages \(text(range)) are reserved."
        }
    }

    private func pages(_ count: UInt64) -> String { count == 1 ? "1 page" : "\(count) pages" }
    private func pages(of order: Int) -> String { pages(1 << UInt64(order)) }

    private func text(_ range: PageFrameRange) -> Phrase {
        range.lo == .max ? "the end of the space" : "\(hex: range.lo)...\(hex: range.hi)"
    }
}
