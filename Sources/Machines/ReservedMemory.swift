// Memory that devices use while the kernel boots, as RMR nodes of ACPI's IORT describe it. The numbers are
// firmware's, before the kernel rounds them to its pages. Mirrors Arm DEN 0049, RMR nodes, and
// drivers/acpi/arm64/iort.c: iort_get_rmrs, Linux 7.2.

import AddressSpaces

/// The ranges of one RMR node for some streams of one SMMU.
public struct ReservedMemoryRange: Hashable, Sendable {
    /// Of the node, from the start of the table; one node may have several of these.
    public var nodeOffset: UInt32
    /// The SMMU's id.
    public var smmu: String
    /// Stream IDs, both ends included.
    public var streams: ClosedRange<UInt32>
    /// In firmware's order: direct, or relaxable when the kernel may map them elsewhere.
    public var regions: [ReservedRegion]

    public init(nodeOffset: UInt32, smmu: String, streams: ClosedRange<UInt32>, regions: [ReservedRegion]) {
        self.nodeOffset = nodeOffset
        self.smmu = smmu
        self.streams = streams
        self.regions = regions
    }
}

extension StreamMapping {
    /// Whether some of the mapping's stream IDs are among `range`'s.
    package func meets(_ range: ReservedMemoryRange) -> Bool {
        smmu == range.smmu && streamIDs.contains { $0.overlaps(range.streams) }
    }

    /// Whether all of the mapping's stream IDs are among `range`'s.
    func lies(within range: ReservedMemoryRange) -> Bool {
        smmu == range.smmu
            && streamIDs.allSatisfy {
                range.streams.contains($0.lowerBound) && range.streams.contains($0.upperBound)
            }
    }
}

extension Device {
    /// The first memory range that applies if the host bridge keeps the boot configuration, and counts as
    /// skipped.
    public var conditionalMemoryRange: UnappliedRegion? {
        unappliedRegions.first { $0.reason == .rmrWithoutPreservedConfiguration }
    }

    /// Adds what firmware's memory ranges mean for this device, in table order: applied, or not and why.
    /// A root complex stands for functions with no address of their own, so a range of single functions
    /// is not applied to it.
    public mutating func addMemoryRanges(_ ranges: [ReservedMemoryRange], preservesConfiguration: Bool) {
        var at = 0
        while at < ranges.count {
            let node = ranges[at...].prefix { $0.nodeOffset == ranges[at].nodeOffset }
            at = node.endIndex
            // All descriptors of a node apply as soon as one of its mappings meets the device.
            guard let range = node.first,
                node.contains(where: { range in streams.contains { $0.meets(range) } })
            else { continue }
            let whole = streams.allSatisfy { stream in node.contains { stream.lies(within: $0) } }
            let reason: UnappliedRegion.Reason? =
                isPCI && !preservesConfiguration
                ? .rmrWithoutPreservedConfiguration
                : kind == .rootComplex && !whole ? .rmrOfSingleFunctions : nil
            guard let reason else {
                firmwareRegions += range.regions
                continue
            }
            unappliedRegions += range.regions.map {
                UnappliedRegion(
                    reason: reason, region: $0, location: "IORT:" + HexLiteral.text(range.nodeOffset))
            }
        }
    }
}
