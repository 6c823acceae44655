// A group's reserved regions as Linux sorts, merges and prints them. Mirrors drivers/iommu/iommu.c:
// iommu_insert_resv_region and iommu_group_show_resv_regions, Linux 7.2. Lengths and wraps are the
// kernel's, odd ones included.

public import SMMUModel

/// The merged list behind `/sys/kernel/iommu_groups/N/reserved_regions`.
public struct GroupRegionList: Hashable, Sendable {
    public private(set) var regions: [ReservedRegion] = []

    /// Inserts in the order in which devices and drivers report.
    public init(inserting regions: [ReservedRegion]) {
        for region in regions { insert(region) }
    }

    /// Before the first element that starts later, or at the same place with a type as high; then elements
    /// of the region's own type that overlap or touch become one.
    public mutating func insert(_ region: ReservedRegion) {
        let place = regions.firstIndex { other in
            region.start < other.start
                || (region.start == other.start && region.kind.rawValue <= other.kind.rawValue)
        }
        regions.insert(region, at: place ?? regions.count)
        var kept: [ReservedRegion] = []
        for element in regions {
            guard element.kind == region.kind, let top = kept.lastIndex(where: { $0.kind == region.kind })
            else {
                kept.append(element)
                continue
            }
            let topLast = kept[top].start &+ kept[top].length &- 1
            let last = element.start &+ element.length &- 1
            if element.start > topLast &+ 1 {
                kept.append(element)
            } else {
                kept[top].length = max(topLast, last) &- kept[top].start &+ 1
            }
        }
        regions = kept
    }
}
