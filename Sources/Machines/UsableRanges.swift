// The ranges that VFIO or iommufd offered on a running host, and what they leave out. Whoever reads them asks
// here, since the driver's own window is left out of every list and must not be taken for an obstacle.

public import AddressSpaces

/// A host's own list of usable ranges.
public struct UsableRanges: Hashable, Sendable {
    /// As the host offered them.
    public let ranges: [IOVARange]
    /// What they leave out, ascending, without the driver's own window where nothing else accounts for it.
    /// Nothing where the ranges were read before a device was attached.
    public let gaps: [IOVARange]
    /// Why the ranges are not used, for their reader; nil where they are.
    public let remark: String?

    /// - Parameters:
    ///   - ranges: in any order.
    ///   - regions: reserved regions that were told together with the ranges, as they were told. A hole that
    ///     is the driver's window and such regions is no surprise; in any other hole the window stays.
    ///
    /// Complexity: O(n log n) for n ranges and regions.
    public init(_ ranges: [IOVARange], beside regions: [ReservedRegion] = []) {
        self.ranges = ranges
        remark = Self.remark(on: ranges)
        guard remark == nil else {
            gaps = []
            return
        }
        let holes = IOVASet(ranges).complement()
        let told = regions.tellingMSIsApart()
        let own = IOVASet(
            (DriverWindow.known + told.filter { $0.kind == .softwareMSI }.compactMap(\.range))
                .filter { window in
                    holes.contains(window)
                })
        let accounted = IOVASet(told.filter { $0.kind != .softwareMSI }.compactMap(\.range))
        let surprises = holes.subtracting(own).subtracting(accounted)
        gaps = holes.ranges.flatMap { hole in
            surprises.ranges(overlapping: hole).isEmpty
                ? IOVASet([hole]).subtracting(own).ranges : [hole]
        }
    }

    /// Whether they were read before a device was attached: then they say nothing about the host.
    public var areBeforeAttach: Bool { remark != nil }

    /// VFIO reports no ranges before the first group is attached, iommufd the whole space; no SMMU
    /// translates 64 bits.
    private static func remark(on ranges: [IOVARange]) -> String? {
        let reach: String
        if ranges.isEmpty {
            reach = "are empty"
        } else if ranges.contains(where: { $0.last.value == .max }) {
            reach = "reach 2^64-1"
        } else {
            return nil
        }
        return "iova_ranges \(reach), as before a device is attached: they say nothing about this host "
            + "and are not used. Read them again after attaching it."
    }

    /// Where a gap comes from.
    package static let provenance = "not in iova_ranges"

    /// Modelled ranges without the gaps. Ranges that touch stay apart, as a region of no bytes keeps them.
    ///
    /// Complexity: O(n log m + k), with k ranges in the answer.
    public func bounding(_ modelled: [IOVARange]) -> [IOVARange] {
        let known = IOVASet(gaps).complement()
        return modelled.flatMap { range in
            known.ranges(overlapping: range).compactMap { $0.intersection(range) }
        }
    }
}

extension UsableRanges? {
    /// As above; unchanged where no list is known.
    public func bounding(_ modelled: [IOVARange]) -> [IOVARange] { self?.bounding(modelled) ?? modelled }
}
