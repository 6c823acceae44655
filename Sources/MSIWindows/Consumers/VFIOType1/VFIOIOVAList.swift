// The usable ranges that VFIO keeps for a container. Mirrors drivers/vfio/vfio_iommu_type1.c:
// vfio_iommu_aper_conflict, vfio_iommu_aper_resize and vfio_iommu_resv_exclude, Linux 7.2, byte accurate
// and with their quirks.

public import AddressSpaces
public import Machines

/// `iommu->iova_list`: ascending in the order in which VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE lists it.
public struct VFIOIOVAList: Hashable, Sendable {
    public private(set) var ranges: [IOVARange]

    /// Before the first group is attached.
    public init() { ranges = [] }

    /// After the first group is attached, whose regions these are.
    init(_ regions: GroupRegionList, aperture: IOVARange) {
        self.init()
        resize(to: aperture)
        exclude(regions)
    }

    /// Whether the aperture of a further domain contradicts the list or the mappings.
    public func conflicts(aperture: IOVARange, mappings: [IOVARange]) -> Bool {
        guard let first = ranges.first, let last = ranges.last else { return false }
        if aperture.start > last.last || aperture.last < first.start { return true }
        return mappings.contains { mapping in
            let isBelow = mapping.start < aperture.start && mapping.last >= first.start
            let isAbove = mapping.last > aperture.last && mapping.start <= last.last
            return isBelow || isAbove
        }
    }

    /// Cuts the list to the aperture. A node of one byte at the aperture's start, and one that starts at its
    /// end, are dropped: the comparisons are strict.
    public mutating func resize(to aperture: IOVARange) {
        guard !ranges.isEmpty else {
            ranges = [aperture]
            return
        }
        let start = aperture.start
        let end = aperture.last
        while let node = ranges.first, !(start < node.start) {
            if start >= node.start, start < node.last {
                ranges[0] = IOVARange(proven: start.value, node.last.value)
                break
            }
            ranges.removeFirst()
        }
        ranges = ranges.compactMap { node in
            if end > node.last { return node }
            return end > node.start ? IOVARange(proven: node.start.value, end.value) : nil
        }
    }

    /// Takes the group's regions out, relaxable ones aside. A region of no bytes splits a node.
    ///
    /// Regions come in ascending order, so a node that ends below one is touched by no later one; and the
    /// nodes that a region touches are neighbours, also where a wrapping region has left nodes overlapping.
    ///
    /// Complexity: O(n + m).
    public mutating func exclude(_ list: GroupRegionList) {
        var done: [IOVARange] = []
        done.reserveCapacity(ranges.count + list.regions.count)
        var pending = ranges
        pending.reverse()
        // What is left of the nodes that a region touches; its memory is used again.
        var rest: [IOVARange] = []
        for region in list.regions where region.kind != .directRelaxable {
            let start = region.start
            let last = region.wrappingLast
            while let node = pending.last, node.last.value < start { done.append(pending.removeLast()) }
            rest.removeAll(keepingCapacity: true)
            while let node = pending.last, node.start.value <= last {
                Self.add(node, without: start, last, to: &rest)
                pending.removeLast()
            }
            while let node = rest.popLast() { pending.append(node) }
        }
        while let node = pending.popLast() { done.append(node) }
        ranges = done
    }

    private static func add(
        _ node: IOVARange, without start: UInt64, _ last: UInt64, to rest: inout [IOVARange]
    ) {
        let low = node.start.value
        let high = node.last.value
        guard start <= high, low <= last else { return rest.append(node) }
        if start > low { rest.append(IOVARange(proven: low, start - 1)) }
        if last < high { rest.append(IOVARange(proven: last + 1, high)) }
    }

    /// Whether a mapping may use `range`: it must lie within one node.
    public func allows(_ range: IOVARange) -> Bool {
        ranges.isEmpty || ranges.contains { $0.contains(range) }
    }
}

extension GroupRegionList {
    /// The ranges of a fresh container with this group.
    public func vfioRanges(aperture: IOVARange) -> [IOVARange] {
        VFIOIOVAList(self, aperture: aperture).ranges
    }
}
