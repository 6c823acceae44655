// A group's reserved regions as Linux sorts, merges and prints them. Mirrors drivers/iommu/iommu.c:
// iommu_insert_resv_region, iommu_get_group_resv_regions and iommu_group_show_resv_regions, Linux 7.2.
// Lengths and wraps are the kernel's, odd ones included.

import AddressSpaces

/// The merged list that the kernel prints in `/sys/kernel/iommu_groups/N/reserved_regions`.
public struct GroupRegionList: Hashable, Sendable {
    /// Sorted by start, at equal starts by kind.
    public let regions: [ReservedRegion]

    /// Inserts in the order in which devices and drivers report.
    ///
    /// The kernel puts a region before the first element that starts later, or at the same place with a kind
    /// as high, and then walks the list once, merging elements of that kind which overlap or touch. Kinds do
    /// not influence each other, and a walk over a list that has been merged before changes nothing until it
    /// reaches the new element; so each kind is kept by itself, and a walk ends where it merges no more.
    ///
    /// Complexity: O(n log n) for regions in any order, plus the moves of array insertion.
    public init(inserting regions: [ReservedRegion]) {
        if let apart = Self.apart(regions) {
            self.regions = apart
            return
        }
        var merged: [ReservedRegion] = []
        for kind in ReservedRegion.Kind.allCases {
            var list = OneKind()
            let ofKind = regions.filter { $0.kind == kind }
            // Where nothing is odd the order of insertion cannot be seen in the ranges; ascending order is
            // the cheapest; the latest of two equal starts comes first, as the kernel puts it.
            let ordered =
                ofKind.contains { $0.isOdd }
                ? ofKind
                : ofKind.enumerated().sorted {
                    ($0.element.start, $0.offset) < ($1.element.start, $1.offset)
                }.map(\.element)
            for region in ordered { list.insert(region) }
            merged += list.regions
        }
        // Stable, so that equal starts keep the order of their kinds.
        self.regions = merged.enumerated().sorted {
            ($0.element.start, $0.offset) < ($1.element.start, $1.offset)
        }.map(\.element)
    }

    /// In ascending order where no two regions overlap or touch and none is odd, as nearly always: then there
    /// is nothing to merge, and the order of insertion cannot be seen.
    private static func apart(_ regions: [ReservedRegion]) -> [ReservedRegion]? {
        guard !regions.contains(where: \.isOdd) else { return nil }
        let sorted = regions.sorted { $0.start < $1.start }
        for (lower, upper) in zip(sorted, sorted.dropFirst())
        where upper.start <= lower.wrappingLast || upper.start == lower.wrappingLast + 1 { return nil }
        return sorted
    }

    /// A list that a kernel has printed already, kept as it is.
    public init(reported regions: [ReservedRegion]) { self.regions = regions }

    /// The elements of one kind.
    private struct OneKind {
        var regions: [ReservedRegion] = []

        mutating func insert(_ region: ReservedRegion) {
            let index = regions.partitioningIndex { $0.start >= region.start }
            regions.insert(region, at: index)
            merge(from: index)
        }

        /// The kernel's walk from the new element on: `start > last + 1` in wrapping arithmetic keeps two
        /// elements apart.
        private mutating func merge(from index: Int) {
            var top = index
            if index > 0, absorb(index - 1) { top = index - 1 }
            while top + 1 < regions.count, absorb(top) {}
            // One absorbed nothing: what follows was merged before.
        }

        /// Merges the element after `top` into it; false when the two stay apart.
        private mutating func absorb(_ top: Int) -> Bool {
            let last = regions[top].wrappingLast
            let next = regions[top + 1]
            guard next.start <= last &+ 1 else { return false }
            regions[top].length = max(last, next.wrappingLast) &- regions[top].start &+ 1
            regions.remove(at: top + 1)
            return true
        }
    }
}

extension ReservedRegion.Kind {
    /// What the kernel prints for a kind, in the order in which it sorts kinds.
    package enum SysfsWord: String, CaseIterable, Sendable {
        case direct
        case directRelaxable = "direct-relaxable"
        case reserved
        case msi
    }

    /// The word of the kind. Hardware and software MSI regions look alike.
    package var sysfsWord: SysfsWord {
        switch self {
        case .direct: .direct
        case .directRelaxable: .directRelaxable
        case .reserved: .reserved
        case .msi, .softwareMSI: .msi
        }
    }

    /// As the kernel prints it.
    public var sysfsName: String { sysfsWord.rawValue }
}

extension GroupRegionList {
    /// What the file ends after on a kernel with small pages.
    public static let smallestPageBytes = 4_096

    /// The file, byte for byte: a line a region, last address inclusive (and wrapping for length 0). The
    /// kernel cuts it off at one page of the CPU, within a line if need be.
    ///
    /// - Parameter pageBytes: bytes of a CPU page.
    public func sysfsText(pageBytes: Int = smallestPageBytes) -> String {
        var text = ""
        for region in regions {
            text +=
                "\(HexLiteral.padded(region.start)) \(HexLiteral.padded(region.wrappingLast)) "
                + "\(region.kind.sysfsName)\n"
            // sysfs_emit_at keeps the last byte of the page for a terminator.
            if text.utf8.count >= pageBytes { return String(text.prefix(pageBytes - 1)) }
        }
        return text
    }
}
