// Memory that firmware has devices use while the kernel boots, as ACPI's IORT tells it: RMR nodes. The
// numbers are firmware's, before the kernel rounds them to its pages. Mirrors Arm DEN 0049, RMR nodes, and
// drivers/acpi/arm64/iort.c: iort_get_rmrs, Linux 7.2.

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

    /// The stream IDs of an ACPI mapping; runs that pass 2^32 are cut.
    var streamIDs: [ClosedRange<UInt32>] {
        switch kind {
        case .specifier(let cells): return cells.first.map { [$0...$0] } ?? []
        case .constant(_, let length, let output): return length > 0 ? [output...output] : []
        case .idMap(_, let length, let output):
            guard let first = output.first, length > 0 else { return [] }
            let (last, wraps) = first.addingReportingOverflow(length - 1)
            return [first...(wraps ? .max : last)]
        }
    }
}
