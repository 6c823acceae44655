// What the allocator did, as facts, and who records it. Sentences about the steps are MSIWindows' rules;
// nothing here decides anything. The allocator is generic over its recorder: with `NoAllocationRecorder`
// nothing of it is left in the code.

/// One step of a verb, given to a recorder.
public enum AllocationStep: Hashable, Sendable {
    /// The two cached nodes.
    public enum HintName: String, Hashable, Sendable {
        /// `cached32_node`: for limits below 4 GiB.
        case below4GiB = "cached32_node"
        /// `cached_node`.
        case full = "cached_node"
    }

    /// Sizes below 32 pages are rounded up to a power of two at the cached level.
    case sizeRounded(from: UInt64, to: UInt64)
    /// A cached range of 2^order pages was taken.
    case cacheHit(order: Int, pfn: UInt64)
    /// Nothing is cached for the class.
    case cacheEmpty(order: Int)
    /// The loaded magazine has no entry that is at most `highest`.
    case cacheNoneLowEnough(order: Int, highest: UInt64)
    /// A cached page frame 0 counts as nothing and is lost.
    case cacheZero(order: Int)
    /// A 32-bit request at or above the memo fails without a search.
    case memoRefused(size: UInt64, memo: UInt64)
    /// The search begins below this range (the sentinel when its `lo` is 2^64-1).
    case startedAt(HintName, PageFrameRange)
    /// A pass through `low ..< bound`; 1 below the hint, 2 above it.
    case searched(pass: Int, low: UInt64, bound: UInt64)
    /// The limit lies above 2^64-2: its exclusive form wraps to 0, and nothing can lie below.
    case limitWraps
    /// The first pass found nothing, and the hint ends at or above the limit, so there is no second.
    case noSecondPass(hintEnd: UInt64, bound: UInt64)
    /// Taken, the highest fit of its pass.
    case took(PageFrameRange, holeLow: UInt64, holeHigh: UInt64)
    /// A failure leaves its size as the memo.
    case memoSet(from: UInt64, to: UInt64)
    case hintMoved(HintName, to: PageFrameRange)
    /// The caches were emptied into the tree before the last try.
    case flushed(ranges: Int)
    /// The range that was freed.
    case freed(PageFrameRange)
    case notHeld(pfn: UInt64)
    /// Freeing something that begins below 4 GiB opens 32-bit requests again.
    case memoReset(from: UInt64, to: UInt64)
    /// A freed range was parked in its class instead of leaving the tree.
    case parked(order: Int, pfn: UInt64)
    /// A full magazine's ranges left the tree: the depot of 6.1 was full, or the trimmer took it.
    case magazineFreed(order: Int, ranges: Int)
    /// A reservation beyond what addresses can express is refused.
    case reservationRefused(lo: UInt64, hi: UInt64, highest: UInt64)
    /// A held range grew down to take in a part of a reservation.
    case grew(from: PageFrameRange, to: PageFrameRange)
    /// A part of a reservation lay inside a held range already, or inside several that touch.
    case covered(by: PageFrameRange)
    case reserved(PageFrameRange)
}

/// Receives the steps. It cannot change what happens.
public protocol AllocationRecorder {
    mutating func record(_ step: @autoclosure () -> AllocationStep)
}

/// Drops every step.
public struct NoAllocationRecorder: AllocationRecorder, Sendable {
    /// Never read. ThreadSanitizer's instrumentation touches every `inout` argument, and one of no bytes has
    /// no address: the process would die of it.
    @usableFromInline let unused: UInt8 = 0

    @inlinable
    public init() {}
    @inlinable
    @inline(__always)
    public mutating func record(_ step: @autoclosure () -> AllocationStep) {}
}

/// Keeps the first steps and counts the rest.
public struct AllocationStepRecorder: AllocationRecorder, Sendable {
    public private(set) var steps: [AllocationStep] = []
    /// Steps beyond the limit.
    public private(set) var dropped = 0
    private let limit: Int

    public init(limit: Int) { self.limit = limit }

    public mutating func record(_ step: @autoclosure () -> AllocationStep) {
        if steps.count < limit { steps.append(step()) } else { dropped += 1 }
    }
}
