// One range that a platform withholds from a device, with the reason.

public import AddressSpaces
public import Machines

/// A range of IOVA where no MSI window may lie.
public struct WithheldItem: Hashable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        case pageZero = "page_zero"
        case pciWindow = "pci_window"
        case dmaRangesGap = "dma_ranges_gap"
        case iommuAddresses = "iommu_addresses"
        case rmr
        case hardwareMSI = "hw_msi"
        /// Given by the caller as a reserved region.
        case reservedRegion = "reserved_region"
        /// Outside the usable ranges that the caller gave.
        case outsideIOVARanges = "outside_iova_ranges"

        /// For a sentence: "dma-ranges gap 0x0...0x80000fff".
        var phraseWithArticle: String {
            switch self {
            case .pageZero: phrase
            case .iommuAddresses, .rmr: "an \(phrase)"
            case .pciWindow, .dmaRangesGap, .hardwareMSI, .reservedRegion, .outsideIOVARanges: "a \(phrase)"
            }
        }

        public var phrase: String {
            switch self {
            case .pageZero: "page zero"
            case .pciWindow: "PCI window"
            case .dmaRangesGap: "dma-ranges gap"
            case .iommuAddresses: "iommu-addresses region"
            case .rmr: "RMR"
            case .hardwareMSI: "hardware MSI region"
            case .reservedRegion: "reserved region"
            case .outsideIOVARanges: "range outside the usable IOVA ranges"
            }
        }
    }

    /// Rounded to the granule as Linux rounds it.
    public var range: IOVARange
    /// Where it comes from, for a sentence. Linux passes a gap's end as an inclusive page, so that the page
    /// of the next window's first byte goes with it.
    var origin: String {
        kind == .dmaRangesGap && range.last.value != .max
            ? "\(provenance), whose first page Linux withholds too" : provenance
    }
    /// A region as `reserved_regions` and VFIO have it, byte accurate; nil for what is no region.
    public var exact: IOVARange?
    public var kind: Kind
    /// The region's own type; nil for what only the DMA allocator withholds.
    public var type: ReservedRegion.Kind?
    /// Whether it reaches `reserved_regions` and VFIO.
    public var isAdvertised: Bool
    /// Where it comes from, for people.
    public var provenance: String

    /// Whether it is kept for the device's own driver only: it is dropped when the device goes to user space
    /// (IOMMU_RESV_DIRECT_RELAXABLE), and a window there works.
    public var isRelaxable: Bool { type == .directRelaxable }

    /// Whether firmware alone withholds it: Linux does not look, so that its allocator gives it out.
    var isIgnoredByLinux: Bool { type != nil && !isAdvertised }

    public init(
        range: IOVARange, exact: IOVARange? = nil, kind: Kind, type: ReservedRegion.Kind? = nil,
        isAdvertised: Bool, provenance: String
    ) {
        self.range = range
        self.exact = exact
        self.kind = kind
        self.type = type
        self.isAdvertised = isAdvertised
        self.provenance = provenance
    }
}
