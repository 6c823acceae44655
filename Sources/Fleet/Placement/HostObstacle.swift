// What stands in the way on one host, with its reason.

public import AddressSpaces

/// A range that a host withholds.
public struct HostObstacle: Hashable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        // What the IOMMU layer refuses to map.
        case reserved
        case direct
        case directRelaxable = "direct_relaxable"
        case hardwareMSI = "hw_msi"
        case iommuAddresses = "iommu_addresses"
        case rmr
        case outsideIOVARanges = "outside_iova_ranges"
        case outsideAperture = "outside_aperture"
        /// The window of a device whose option was not set, or set elsewhere.
        case deviceWindow = "device_window"
        // What only the platform withholds: mapping succeeds, and the device does not get there.
        case pageZero = "page_zero"
        case pciWindow = "pci_window"
        case dmaRangesGap = "dma_ranges_gap"
        case aboveDMALimit = "above_dma_limit"
    }

    public var range: IOVARange
    public var kind: Kind
    /// Where it comes from, for people.
    public var provenance: String
    /// Whether a mapping there is refused. False: the kernel maps, and the write is lost.
    public var refusesMappings: Bool

    public init(range: IOVARange, kind: Kind, provenance: String, refusesMappings: Bool = true) {
        self.range = range
        self.kind = kind
        self.provenance = provenance
        self.refusesMappings = refusesMappings
    }
}
