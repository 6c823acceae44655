// How a device's requests are numbered when they reach an SMMU.

/// One entry of `iommus` or of `iommu-map`.
public struct StreamMapping: Hashable, Sendable {
    /// What the entry says about stream IDs.
    public enum Kind: Hashable, Sendable {
        /// `iommus`: the specifier's cells (stream ID, for SMMUv2 perhaps a mask behind it).
        case specifier([UInt32])
        /// `iommu-map`: requester IDs `idBase ..< idBase + length` go to `output` onward. Length 0 is a
        /// placeholder that firmware fills.
        case idMap(idBase: UInt32, length: UInt32, output: [UInt32])
        /// ACPI: requester IDs `idBase ..< idBase + length` all go to `output`, as a single mapping has it.
        case constant(idBase: UInt32, length: UInt32, output: UInt32)
    }

    /// The SMMU's id.
    public var smmu: String
    public var kind: Kind

    public init(smmu: String, kind: Kind) {
        self.smmu = smmu
        self.kind = kind
    }
}
