// The whole state of an IOVA domain as plain values, for export, import and inspection. It mirrors the fields
// of `struct iova_domain` (include/linux/iova.h, Linux 7.2) and of the per-CPU caches behind them; it knows
// nothing of the tree that holds the ranges, because the shape of the tree never shows in an answer.

public import AddressSpaces
public import LinuxReleases

/// Everything that decides what an IOVA domain does next.
public struct IOVASnapshot: Hashable, Sendable {
    /// One size class of the cached level.
    public struct SizeClass: Hashable, Sendable {
        /// First page frames of the loaded magazine, oldest first.
        public var loaded: [UInt64] = []
        public var previous: [UInt64] = []
        /// Full magazines, newest last.
        public var depot: [[UInt64]] = []
        /// Whether the trimmer is to run.
        public var isArmed = false

        public init() {}
    }

    /// An inconsistency that no sequence of calls leads to, with the values that contradict each other.
    public enum Fault: Error, Hashable, Sendable {
        /// The range at `index` runs backwards.
        case reversedRange(index: Int, PageFrameRange)
        /// The range at `index` does not lie above its predecessor.
        case unorderedRange(index: Int, PageFrameRange)
        /// The range at `index` ends where the sentinel stands or beyond what an address can express.
        case rangeTooHigh(index: Int, PageFrameRange)
        /// A hint names a range that is not there.
        case danglingHint(AllocationStep.HintName, hi: UInt64)
        case sizeClassCount(Int, expected: Int)
        case magazineTooLong(order: Int, count: Int, capacity: Int)
        /// A magazine in a depot is always full.
        case partialMagazine(order: Int, count: Int, capacity: Int)
        case depotTooLong(order: Int, count: Int, capacity: Int)
        /// A parked page frame is not the page of any held range.
        case parkedNotHeld(order: Int, pfn: UInt64)
        /// Two parked entries name one held range.
        case parkedTwice(order: Int, pfn: UInt64)
        /// A held range has no room for the 2^order pages that its parked entry stands for.
        case parkedTooSmall(order: Int, pfn: UInt64)
    }

    public var granule: Granule
    public var startPFN: UInt64
    public var release: KernelRelease
    /// At least 1.
    public var onlineCPUs: Int
    /// Held ranges, ascending.
    public var ranges: [PageFrameRange]
    /// Last page frame of the range that `cached32_node` names; 2^64-1 for the sentinel.
    public var hint32: UInt64
    /// The same of `cached_node`.
    public var hint64: UInt64
    /// `max32_alloc_size`, in pages.
    public var memo: UInt64
    /// By order, 0 ... 5.
    public var sizeClasses: [SizeClass]

    public init(
        granule: Granule, startPFN: UInt64, release: KernelRelease, onlineCPUs: Int = 1,
        ranges: [PageFrameRange] = [], hint32: UInt64 = .max, hint64: UInt64 = .max, memo: UInt64,
        sizeClasses: [SizeClass] = []
    ) {
        self.granule = granule
        self.startPFN = startPFN
        self.release = release
        self.onlineCPUs = onlineCPUs
        self.ranges = ranges
        self.hint32 = hint32
        self.hint64 = hint64
        self.memo = memo
        self.sizeClasses = sizeClasses
    }
}
