// How a device's requests are numbered when they reach an SMMU, and which of a bus's requesters reach one.
// Mirrors drivers/of/base.c: of_map_id, Linux 7.2: the first entry that holds the ID decides.

/// One entry of `iommus` or of `iommu-map`.
public struct StreamMapping: Hashable, Sendable {
    /// What the entry says about stream IDs.
    public enum Kind: Hashable, Sendable {
        /// `iommus`: the specifier's cells (stream ID, for SMMUv2 perhaps followed by a mask).
        case specifier([UInt32])
        /// `iommu-map`: requester IDs `idBase ..< idBase + length` go to `output` onward. Length 0 is a
        /// placeholder that firmware fills.
        case idMap(idBase: UInt32, length: UInt32, output: [UInt32])
        /// ACPI: requester IDs `idBase ..< idBase + length` all go to `output`: a single mapping.
        case constant(idBase: UInt32, length: UInt32, output: UInt32)
    }

    /// The SMMU's id.
    public var smmu: String
    public var kind: Kind

    public init(smmu: String, kind: Kind) {
        self.smmu = smmu
        self.kind = kind
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

// A requester that no entry holds has no IOMMU and so no group: Linux leaves its DMA, MSIs included, at
// physical addresses.

extension Device {
    /// The IOMMU and the first cell of the stream ID of one requester; nil when no entry translates it.
    ///
    /// - Parameter requester: bus << 8 | device << 3 | function, or the ID of another bus.
    public func stream(ofRequester requester: UInt32) -> (iommu: String, id: UInt32)? {
        let id = requester & requesterMask
        for mapping in streams {
            switch mapping.kind {
            case .idMap(let base, let length, let output):
                guard id >= base, id - base < length else { continue }
                return (mapping.smmu, (output.first ?? 0) &+ (id - base))
            case .constant(let base, let length, let output):
                guard id >= base, id - base < length else { continue }
                return (mapping.smmu, output)
            case .specifier: continue
            }
        }
        return nil
    }
}
