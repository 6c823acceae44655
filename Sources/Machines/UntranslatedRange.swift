// Stream IDs whose MSIs an SMMU passes on untranslated, as on HiSilicon's Hi161x, and the doorbells that they
// reach. Mirrors drivers/acpi/arm64/iort.c: iort_iommu_msi_get_resv_regions, Linux 7.2.

import AddressSpaces

/// Some streams of one SMMU that lead to one ITS group.
public struct UntranslatedRange: Hashable, Sendable {
    /// The SMMU's id.
    public var smmu: String
    /// Stream IDs, both ends included.
    public var streams: ClosedRange<UInt32>
    /// One for each ITS of the group whose address is known.
    public var regions: [ReservedRegion]

    public init(smmu: String, streams: ClosedRange<UInt32>, regions: [ReservedRegion]) {
        self.smmu = smmu
        self.streams = streams
        self.regions = regions
    }
}

extension Device {
    /// The hardware MSI regions of this device: those of the first of its stream IDs that leads to an ITS
    /// group. O(streams * log(ranges)).
    /// - Parameter ranges: disjoint, in ascending order of SMMU and stream ID.
    package func hardwareMSIRegions(_ ranges: [UntranslatedRange]) -> [ReservedRegion] {
        for stream in streams {
            for ids in stream.streamIDs {
                let rest = ranges[
                    ranges.partitioningIndex {
                        ($0.smmu, $0.streams.upperBound) >= (stream.smmu, ids.lowerBound)
                    }...]
                if let found = rest.first, found.smmu == stream.smmu, found.streams.overlaps(ids) {
                    return found.regions
                }
            }
        }
        return []
    }
}
