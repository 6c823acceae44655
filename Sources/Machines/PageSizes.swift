// Which page sizes an IOMMU can map, as the bitmap that its driver keeps, and how the page-table code
// narrows them to one translation granule. Mirrors drivers/iommu/io-pgtable-arm.c:
// arm_lpae_restrict_pgsizes, Linux 7.2.

public import AddressSpaces

/// A set of page sizes: bit n stands for pages of 2^n bytes.
public struct PageSizes: Hashable, Sendable {
    public var bitmap: UInt64

    public init(bitmap: UInt64) { self.bitmap = bitmap }

    /// 4 KiB pages with 2 MiB and 1 GiB blocks.
    public static let kib4 = PageSizes(bitmap: 0x4020_1000)
    /// 16 KiB pages with 32 MiB blocks.
    public static let kib16 = PageSizes(bitmap: 0x200_4000)
    /// 64 KiB pages with 512 MiB blocks.
    public static let kib64 = PageSizes(bitmap: 0x2001_0000)
    /// Every size of the three translation granules.
    public static let all = PageSizes(bitmap: kib4.bitmap | kib16.bitmap | kib64.bitmap)

    /// Pages that an arm64 kernel is built for.
    public static let ofCPUs: [Granule] = [.kib4, .kib16, .kib64]

    public var isEmpty: Bool { bitmap == 0 }

    /// The smallest page; nil for the empty set.
    public var smallest: Granule? { Granule(bytes: bitmap & (~bitmap &+ 1)) }

    public func contains(_ size: Granule) -> Bool { bitmap & size.bytes != 0 }

    /// The sizes that are in both sets.
    public func intersection(_ other: PageSizes) -> PageSizes { PageSizes(bitmap: bitmap & other.bitmap) }

    /// The translation granule that the page-table code takes: the CPU's page size where it is supported,
    /// else the largest supported size below it, else the smallest above it; nil for the empty set.
    package func translationGranule(cpuPage: Granule) -> Granule? {
        if contains(cpuPage) { return cpuPage }
        let below = bitmap & cpuPage.mask
        if below != 0 { return Granule(bytes: 1 << UInt64(63 - below.leadingZeroBitCount)) }
        return PageSizes(bitmap: bitmap & ~cpuPage.mask).smallest
    }

    /// What is left of the set for a CPU page size, and how many address bits its tables span at most.
    /// nil where the Arm formats do not have the granule: allocating a domain fails then.
    public func restricted(toCPUPage page: Granule, outputBits: Int) -> (sizes: PageSizes, bitsMax: Int)? {
        switch translationGranule(cpuPage: page) {
        case .kib4: return (intersection(.kib4), 48)
        case .kib16: return (intersection(.kib16), 48)
        case .kib64:
            let blocks: UInt64 = outputBits > 48 ? 1 << 42 : 0
            return (intersection(PageSizes(bitmap: Self.kib64.bitmap | blocks)), 52)
        default: return nil
        }
    }
}
