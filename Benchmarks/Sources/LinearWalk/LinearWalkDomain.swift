// The allocator as Linux runs it, walking range by range: `iova_domain` of drivers/iommu/iova.c, to be
// read beside sections 1 to 7 of the allocator's specification. It is the model that IOVAAllocation is
// held against in tests and the opponent in the benchmark; nothing that answers a client uses it.
// Costs are the kernel's: a request walks down from its hint, O(n) at worst; free is O(log n).

public import AddressSpaces
public import IOVAAllocation
public import LinuxReleases

/// An IOVA domain without any summary of its holes. A value: a copy is an independent domain.
public struct LinearWalkDomain: Sendable {
    public let granule: Granule
    /// The lowest pfn that is handed out.
    public let startPFN: UInt64
    public let release: KernelRelease
    /// How many magazines the depot trimmer leaves.
    public let onlineCPUs: Int

    /// Section 1: every range that is held, and the sentinel at 2^64-1, always the last.
    var ranges = RangeTree()
    let sentinel: RangeTree.Node
    var hint32: RangeTree.Node
    var hint64: RangeTree.Node
    /// max32_alloc_size: 32-bit requests of this size or more fail at once.
    var memo: UInt64
    var caches: [MagazineClass]
    /// Magazines that a depot keeps: 32 in 6.1 (MAX_GLOBAL_MAGS), which has no trimmer; any number since.
    let depotMax: Int?

    public init(
        granule: Granule, startPFN: UInt64, release: KernelRelease = .newest, onlineCPUs: Int = 1
    ) {
        self.granule = granule
        self.startPFN = startPFN
        self.release = release
        self.onlineCPUs = onlineCPUs
        sentinel = ranges.insert(PageFrameRange(lo: .max, hi: .max))
        hint32 = sentinel
        hint64 = sentinel
        memo = Self.dma32PFN(granule)
        depotMax = release < .v6_12 ? 32 : nil
        caches = Array(repeating: MagazineClass(), count: MagazineClass.count)
    }

    /// First pfn at 4 GiB; 0 when one granule is larger.
    public var dma32PFN: UInt64 { Self.dma32PFN(granule) }

    private static func dma32PFN(_ granule: Granule) -> UInt64 { (1 << 32) >> UInt64(granule.shift) }

    /// Ranges that are held, caches included and the sentinel left out.
    public var heldCount: Int { ranges.count - 1 }

    /// Every range that is held, ascending, the sentinel left out. O(n).
    public var heldRanges: [PageFrameRange] {
        var found: [PageFrameRange] = []
        found.reserveCapacity(heldCount)
        var at = ranges.first(reaching: 0)
        while at != sentinel {
            found.append(ranges[at])
            at = ranges.next(at)
        }
        return found
    }
}
