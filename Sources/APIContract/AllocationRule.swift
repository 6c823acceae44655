// The allocator's steps as rules with stable ids: what /v1/replays and sessions name in explanations.
// The allocator tells facts; their names and sentences are the contract's.

/// A rule of Linux's IOVA allocator that took part in an operation.
public enum AllocationRule: String, CaseIterable, Sendable {
    case sizeRounded = "alloc.size_rounded"
    case cacheHit = "alloc.cache_hit"
    case cacheEmpty = "alloc.cache_empty"
    case cacheNoneLowEnough = "alloc.cache_none_low_enough"
    case cacheZero = "alloc.cache_zero"
    case failFast32 = "alloc.fail_fast_32"
    case startedAtCached32 = "alloc.started_at_cached32"
    case startedAtCached = "alloc.started_at_cached"
    case firstPass = "alloc.first_pass"
    case secondPass = "alloc.second_pass"
    case limitWraps = "alloc.limit_wraps"
    case noSecondPass = "alloc.no_second_pass"
    case took = "alloc.took"
    case memoSet = "alloc.memo_set"
    case hintMoved = "hint.moved"
    case flushed = "cache.flushed"
    case magazineFreed = "cache.magazine_freed"
    case parked = "cache.parked"
    case freed = "free.removed"
    case notHeld = "free.not_held"
    case memoReset = "free.memo_reset"
    case reservationRefused = "reserve.refused"
    case grew = "reserve.grew"
    case covered = "reserve.covered"
    case reserved = "reserve.inserted"

    public enum Verdict: String, Sendable {
        case accepted, rejected, noted
    }

    /// Whether a step of this rule decides, and how.
    public var verdict: Verdict {
        switch self {
        case .cacheHit, .took, .freed, .parked, .grew, .covered, .reserved: .accepted
        case .cacheNoneLowEnough, .cacheZero, .failFast32, .limitWraps, .noSecondPass, .notHeld,
            .reservationRefused:
            .rejected
        default: .noted
        }
    }
}
