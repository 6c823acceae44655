// Linux's IOVA allocator as a value: the same addresses as drivers/iommu/iova.c, release by release, with
// its hints, its failure memo and its per-CPU caches, but without its walk from range to range. It counts in
// granules and knows nothing of devices, masks or MSIs; those belong to MSIWindows.

public import AddressSpaces
public import LinuxReleases

/// One IOVA domain. A copy is independent; it shares storage until one of the two changes.
///
/// Tree level and reservations are those of Linux 6.2 to 7.2 (6.1.192 has them too); the cached level follows
/// `release`. One CPU calls: the magazines are those of a single CPU.
///
/// Complexity: O(log n) in the held ranges for every verb, amortised; the common cases (the hole just below
/// the hint, a cached size) O(1). Memory: 16 bytes a held range and the slack of half-full leaves, 17 to 35.
public struct IOVADomain: Sendable {
    /// The page of the domain.
    public let granule: Granule
    /// Lowest page frame handed out. Reservations may lie below.
    public let startPFN: UInt64
    /// The release whose cached level is modelled.
    public let release: KernelProfile
    /// First page frame at 4 GiB (`dma_32bit_pfn`); 0 for granules above 4 GiB.
    public let dma32PFN: UInt64
    /// CPUs online: full magazines beyond their number are trimmed.
    public let onlineCPUs: Int

    var tree = RangeTree()
    /// `cached32_node` and `cached_node`.
    var hint32 = Hint()
    var hint64 = Hint()
    /// `max32_alloc_size`: 32-bit requests of this many pages or more fail at once.
    var memo: UInt64
    /// By order 0 ... 5.
    var caches: Caches
    /// What to undo, newest last, while a transaction runs.
    var journal: [Undo] = []
    var isJournaling = false
    /// Whether every verb ends with a check of everything that must hold. O(n) a verb.
    package var checksInvariants = false

    /// Orders of the size classes that are cached: 1, 2, 4, 8, 16 and 32 pages.
    static let cachedOrders = 6
    typealias Caches = InlineArray<6, MagazineCache>

    /// An empty domain (drivers/iommu/iova.c: init_iova_domain). `startPFN` may be 0, though Linux's DMA
    /// layer never passes less than 1: the cached level cannot distinguish page frame 0 from failure.
    public init(
        granule: Granule, startPFN: UInt64, release: KernelProfile = .newest, onlineCPUs: Int = 1
    ) {
        precondition(onlineCPUs > 0, "\(onlineCPUs) CPUs online")
        self.granule = granule
        self.startPFN = startPFN
        self.release = release
        caches = Caches(repeating: MagazineCache(capacity: release.magazineSize))
        self.onlineCPUs = onlineCPUs
        dma32PFN = granule.shift > 32 ? 0 : 1 << UInt64(32 - granule.shift)
        memo = dma32PFN
    }

    /// Highest page frame that a DMA address can express; reservations beyond it are refused.
    public var lastAddressablePFN: UInt64 { .max >> UInt64(granule.shift) }

    /// Ranges held, parked ones included.
    public var heldCount: Int { tree.count - 1 }

    /// The held ranges, ascending; touching ones are not joined.
    public var heldRanges: HeldRanges { HeldRanges(tree: tree, start: tree.position(at: 0)) }

    /// The held ranges that end at or above `pfn`, ascending. O(log n) to begin, O(1) a step.
    public func heldRanges(endingAtOrAbove pfn: UInt64) -> HeldRanges {
        HeldRanges(tree: tree, start: tree.position(at: pfn))
    }

    /// The held range that contains `pfn`. O(log n).
    public func held(containing pfn: UInt64) -> PageFrameRange? {
        let position = tree.position(at: pfn)
        let range = tree[position]
        return range.lo <= pfn && range != RangeTree.sentinel ? range : nil
    }

    /// First page frames parked in the caches, in no promised order.
    public var parkedPFNs: [UInt64] { caches.indices.flatMap { caches[$0].parked } }
}

// A closed range of page frame numbers, as the IOVA allocator keeps it. Mirrors `struct iova` of
// include/linux/iova.h, Linux 7.2: an allocation and a reservation are the same kind of thing.

/// Page frames `lo ... hi`, both inclusive, counted in granules. The full 64-bit space is expressible.
@frozen
public struct PageFrameRange: Hashable, Sendable {
    /// First page frame.
    public var lo: UInt64
    /// Last page frame. In a domain it never changes while the range lives, so it names the range.
    public var hi: UInt64

    @inlinable
    public init(lo: UInt64, hi: UInt64) {
        self.lo = lo
        self.hi = hi
    }

    /// Whether it stands for a vacant slot of a `RangeTree`.
    @inline(__always)
    var isVacant: Bool { lo > hi }
}

/// A sequence of the ranges that a domain holds, ascending, without the sentinel. O(1) a step.
public struct HeldRanges: Sequence, Sendable {
    let tree: RangeTree
    /// The first range of the sequence, or the sentinel.
    let start: RangeTree.Position

    public struct Iterator: IteratorProtocol {
        let tree: RangeTree
        var position: RangeTree.Position

        public mutating func next() -> PageFrameRange? {
            guard position.leaf != 0 || position.slot != 0 else { return nil }
            let range = tree[position]
            position = tree.above(position)
            return range
        }
    }

    public func makeIterator() -> Iterator { Iterator(tree: tree, position: start) }
}

// Inputs that Linux's allocator does not check and that corrupt its state. They are named here instead of
// being reproduced: ../shared/spec/iova-allocator.md section 6 says what each would do.

/// An input that no driver sends, with its values. Nothing of the call was done.
public enum IOVAInputError: Error, Hashable, Sendable {
    /// A size of 0 pages: Linux would insert the inverted range `p ... p-1`.
    case zeroSize
    /// An aligned size above 2^63 pages: Linux would shift a 64-bit mask by 64.
    case sizeBeyondAlignment(size: UInt64)
    /// A reservation with `lo > hi`: Linux would insert it as it is, and ranges would overlap later.
    case reversedRange(lo: UInt64, hi: UInt64)
    /// A free of page frame 2^64-1: Linux would remove the sentinel that ends every search.
    case freesSentinel
    /// A reservation up to page frame 2^64-1 (granule 1 only): Linux would grow the sentinel down.
    case growsSentinel(lo: UInt64)
}

// What must hold of a domain after every verb, checked when a test asks for it.

extension IOVADomain {
    // `mutating`, so that the caller's domain is not copied for the call.
    @inline(__always)
    mutating func verify() {
        if checksInvariants { checkInvariants() }
    }

    /// Traps with the values when something does not hold. O(n).
    @inline(never)
    package mutating func checkInvariants() {
        tree.checkInvariants()
        for (name, hint) in [("cached32_node", hint32), ("cached_node", hint64)] {
            let range = tree[tree.position(of: hint)]
            precondition(range.hi == hint.hi, "\(name) names a range up to \(hint.hi); \(range) is there")
        }
        for order in caches.indices {
            let cache = caches[order]
            precondition(
                cache.loaded.count <= cache.capacity
                    && cache.previous.count <= cache.capacity,
                "magazines of \(cache.loaded.count) and \(cache.previous.count) entries")
            precondition(
                cache.depot.allSatisfy { $0.count == cache.capacity },
                "a magazine in the depot is not full")
        }
    }
}
