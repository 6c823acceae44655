// What an IOMMU domain can translate: its aperture and its pages. The result of reading an IOMMU's
// capabilities under one kernel configuration. Mirrors `struct iommu_domain`'s geometry and
// pgsize_bitmap of include/linux/iommu.h, Linux 7.2.

public import AddressSpaces

/// Aperture and page sizes of a paging domain.
public struct DomainGeometry: Hashable, Sendable {
    /// What is translated, inclusive at both ends.
    public var aperture: IOVARange
    public var pageSizes: PageSizes

    public init(aperture: IOVARange, pageSizes: PageSizes) {
        self.aperture = aperture
        self.pageSizes = pageSizes
    }

    /// The page of the domain's IOVA allocator: the smallest page that the IOMMU maps.
    public var granule: Granule? { pageSizes.smallest }

    /// `0 ... 2^bits - 1`, for 1 to 64 bits.
    public static func aperture(bits: Int) -> IOVARange {
        precondition((1...64).contains(bits), "an aperture of \(bits) bits")
        return IOVARange(proven: 0, bits == 64 ? .max : (1 << UInt64(bits)) - 1)
    }
}

/// Which of its two translations an SMMU uses for DMA.
public enum TranslationStage: String, CaseIterable, Sendable {
    case stage1, stage2
}
