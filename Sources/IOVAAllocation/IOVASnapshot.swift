// The whole state of an IOVA domain as plain values, for export, import and inspection: out of a domain and
// into one again. It mirrors the fields of `struct iova_domain` (include/linux/iova.h, Linux 7.2) and of
// its per-CPU caches; it knows nothing of the tree that holds the ranges, because the shape of the tree
// never shows in an answer.

public import AddressSpaces
public import LinuxReleases

/// Everything that decides what an IOVA domain does next.
public struct IOVASnapshot: Hashable, Sendable {
    /// One size class of the cached level.
    public struct SizeClass: Hashable, Sendable {
        /// First page frames of the loaded magazine, oldest first.
        public var loaded: [UInt64]
        public var previous: [UInt64]
        /// Full magazines, newest last.
        public var depot: [[UInt64]]
        /// Whether the trimmer is to run.
        public var isArmed: Bool

        public init(
            loaded: [UInt64] = [], previous: [UInt64] = [], depot: [[UInt64]] = [], isArmed: Bool = false
        ) {
            self.loaded = loaded
            self.previous = previous
            self.depot = depot
            self.isArmed = isArmed
        }
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
    public var release: KernelProfile
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
        granule: Granule, startPFN: UInt64, release: KernelProfile, onlineCPUs: Int = 1,
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

// The restored domain answers every later call as the first would have. A snapshot comes from a caller, so
// whatever contradicts itself is refused with its values.

extension IOVADomain {
    /// The whole state. O(n).
    public var snapshot: IOVASnapshot {
        var snapshot = IOVASnapshot(
            granule: granule, startPFN: startPFN, release: release, onlineCPUs: onlineCPUs,
            ranges: Array(heldRanges), hint32: hint32.hi, hint64: hint64.hi, memo: memo)
        for order in caches.indices { snapshot.sizeClasses.append(caches[order].snapshot) }
        return snapshot
    }

    /// The domain that `snapshot` describes.
    ///
    /// - Throws: the first inconsistency.
    /// - Complexity: O(n log n).
    public init(restoring snapshot: IOVASnapshot) throws(IOVASnapshot.Fault) {
        precondition(snapshot.onlineCPUs > 0, "\(snapshot.onlineCPUs) CPUs online")
        self.init(
            granule: snapshot.granule, startPFN: snapshot.startPFN, release: snapshot.release,
            onlineCPUs: snapshot.onlineCPUs)
        memo = snapshot.memo
        try hold(snapshot.ranges)
        hint32 = try hint(.below4GiB, snapshot.hint32)
        hint64 = try hint(.full, snapshot.hint64)
        guard snapshot.sizeClasses.count == Self.cachedOrders else {
            throw .sizeClassCount(snapshot.sizeClasses.count, expected: Self.cachedOrders)
        }
        let depotMax = release.boundsDepots ? MagazineCache.boundedDepotMax : Int.max
        for (order, sizeClass) in snapshot.sizeClasses.enumerated() {
            try Self.check(sizeClass, order, depotMax: depotMax, capacity: release.magazineSize)
            caches[order] = MagazineCache(sizeClass, capacity: release.magazineSize)
        }
        try checkParked()
    }

    private mutating func hold(_ ranges: [PageFrameRange]) throws(IOVASnapshot.Fault) {
        var above = RangeTree.Position.sentinel
        // From the top, which is cheapest for the tree; a fault gives the index in the snapshot.
        for index in ranges.indices.reversed() {
            let range = ranges[index]
            guard range.lo <= range.hi else { throw .reversedRange(index: index, range) }
            guard range.hi < .max else { throw .rangeTooHigh(index: index, range) }
            if index > 0, ranges[index - 1].hi >= range.lo {
                throw .unorderedRange(index: index, range)
            }
            above = tree.insert(range, below: above)
        }
    }

    private func hint(
        _ name: AllocationStep.HintName, _ hi: UInt64
    ) throws(IOVASnapshot.Fault) -> Hint {
        let position = tree.position(at: hi)
        guard tree[position].hi == hi else { throw .danglingHint(name, hi: hi) }
        return Hint(hi: hi, position: position)
    }

    private static func check(
        _ sizeClass: IOVASnapshot.SizeClass, _ order: Int, depotMax: Int, capacity: Int
    ) throws(IOVASnapshot.Fault) {
        for magazine in [sizeClass.loaded, sizeClass.previous] where magazine.count > capacity {
            throw .magazineTooLong(order: order, count: magazine.count, capacity: capacity)
        }
        for magazine in sizeClass.depot where magazine.count != capacity {
            throw .partialMagazine(order: order, count: magazine.count, capacity: capacity)
        }
        guard sizeClass.depot.count <= depotMax else {
            throw .depotTooLong(order: order, count: sizeClass.depot.count, capacity: depotMax)
        }
    }

    /// Whatever is parked was handed out: it is held, once, with its whole size.
    private func checkParked() throws(IOVASnapshot.Fault) {
        var seen: Set<UInt64> = []
        for order in caches.indices {
            for pfn in caches[order].parked {
                guard let range = held(containing: pfn) else {
                    throw .parkedNotHeld(order: order, pfn: pfn)
                }
                guard range.hi - pfn >= (1 << UInt64(order)) - 1 else {
                    throw .parkedTooSmall(order: order, pfn: pfn)
                }
                guard seen.insert(range.hi).inserted else { throw .parkedTwice(order: order, pfn: pfn) }
            }
        }
    }
}

extension MagazineCache {
    var snapshot: IOVASnapshot.SizeClass {
        IOVASnapshot.SizeClass(loaded: loaded, previous: previous, depot: depot, isArmed: isArmed)
    }
}
