// Which of a bus's requesters reach an IOMMU, and under which stream ID. Mirrors drivers/of/base.c:
// of_map_id, Linux 7.2: the first entry that holds the ID decides. A requester that no entry holds has no
// IOMMU and so no group: Linux leaves its DMA, MSIs included, at physical addresses.

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
