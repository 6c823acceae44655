// Ranges that a running host offered to user space, as a bound on what is answered: they are measured, so
// what they leave out is not usable whatever the model thinks. No part of Linux; they come from
// VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE or IOMMU_IOAS_IOVA_RANGES of that host.

public import AddressSpaces

/// A host's own list of usable ranges.
public enum KnownRanges {
    /// What the list leaves out. The driver's own window is left out of every list and is no obstacle to
    /// itself, so it is not among the answer where it stands alone.
    public static func gaps(in usable: [IOVARange]) -> [IOVARange] {
        IOVASet(usable).complement().ranges.filter { $0 != WindowSource.mainlineWindow }
    }

    /// Modelled ranges without what the host's list leaves out; unchanged where no list is known. Ranges
    /// that touch stay apart, as a region of no bytes keeps them.
    ///
    /// Complexity: O(n log m + k), with k ranges in the answer.
    public static func bounding(_ ranges: [IOVARange], by usable: [IOVARange]?) -> [IOVARange] {
        guard let usable else { return ranges }
        let known = IOVASet(gaps(in: usable)).complement()
        return ranges.flatMap { range in
            known.ranges(overlapping: range).map {
                IOVARange(proven: max($0.start, range.start).value, min($0.last, range.last).value)
            }
        }
    }
}
