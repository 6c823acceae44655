// The allocator's facts in the words of decisions.

import AddressSpaces
import IOVAAllocation

extension Rule {
    /// The rule that a fact of the allocator comes under.
    static func of(_ step: AllocationStep) -> Rule {
        switch step {
        case .cacheHit: .cacheHit
        case .cacheEmpty, .cacheNoneLowEnough, .cacheZero: .cacheMissed
        case .memoRefused: .failedFast32
        case .startedAt(.below4GiB, _): .startedAtCached32
        case .startedAt(.full, _): .startedAtCached64
        case .sizeRounded, .searched, .noSecondPass, .limitWraps: .searched
        case .took: .took
        case .flushed, .freed, .notHeld, .magazineFreed: .flushed
        case .memoSet, .memoReset, .hintMoved, .parked, .reservationRefused, .grew, .covered, .reserved:
            .stateChanged
        }
    }
}

extension AllocationStep {
    /// The fact for a person; page frames in hex.
    package var sentence: String {
        switch self {
        case .sizeRounded(let from, let to): "\(from) pages are rounded up to \(to)."
        case .cacheHit(let order, let pfn): "The cache of \(1 << order) pages gives page \(hex(pfn))."
        case .cacheEmpty(let order): "Nothing is cached for \(1 << order) pages."
        case .cacheNoneLowEnough(let order, let highest):
            "Nothing that is cached for \(1 << order) pages starts at or below \(hex(highest))."
        case .cacheZero(let order): "The cache of \(1 << order) pages gave page 0, which counts as nothing."
        case .memoRefused(let size, let memo):
            "\(size) pages are refused at once: \(memo) did not fit before."
        case .startedAt(let hint, let range): "\(hint.rawValue) stands at \(text(range))."
        case .searched(let pass, let low, let bound):
            "Pass \(pass) looks from below \(hex(bound)) down to \(hex(low))."
        case .limitWraps: "The limit is the highest number there is, so nothing lies below it."
        case .noSecondPass(let end, let bound):
            "There is no second pass: the hint ends at \(hex(end)), not below \(hex(bound))."
        case .took(let range, let low, let high):
            "Pages \(text(range)) are taken from the hole \(hex(low))...\(hex(high))."
        default: change
        }
    }

    /// What is left behind.
    private var change: String {
        switch self {
        case .memoSet(let from, let to): "The failure is remembered: \(to) pages, \(from) before."
        case .memoReset(let from, let to): "Failures are forgotten: \(to) pages, \(from) before."
        case .hintMoved(let hint, let range): "\(hint.rawValue) moves to \(text(range))."
        case .flushed(let ranges): "\(ranges) cached ranges go back to the tree."
        case .freed(let range): "Pages \(text(range)) are free."
        case .notHeld(let pfn): "Nobody holds page \(hex(pfn))."
        case .parked(let order, let pfn): "Page \(hex(pfn)) is kept in the cache of \(1 << order) pages."
        case .magazineFreed(let order, let ranges):
            "\(ranges) cached ranges of \(1 << order) pages go back to the tree."
        case .reservationRefused(let lo, let hi, let highest):
            "\(hex(lo))...\(hex(hi)) is beyond \(hex(highest)), which no address reaches."
        case .grew(let from, let to): "\(text(from)) grows to \(text(to))."
        case .covered(let range): "\(text(range)) covers a part already."
        case .reserved(let range): "Pages \(text(range)) are reserved."
        default: ""
        }
    }

    private func hex(_ value: UInt64) -> String { HexLiteral.text(value) }

    private func text(_ range: PageFrameRange) -> String {
        range.lo == .max ? "the end of the space" : "\(hex(range.lo))...\(hex(range.hi))"
    }
}
