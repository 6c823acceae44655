// A range of IOVA that firmware or a driver withholds from a device. Mirrors `struct
// iommu_resv_region` of include/linux/iommu.h, Linux 7.2. Start and length are kept as the kernel
// keeps them, so that a zero length or a wrap can be told instead of being impossible to say.

/// One reserved region of one device, in the order in which its IOMMU driver reports it.
public struct ReservedRegion: Hashable, Sendable {
    /// `enum iommu_resv_type`; the order matters for sorting and merging.
    public enum Kind: Int, CaseIterable, Sendable {
        case direct = 0
        case directRelaxable = 1
        case reserved = 2
        /// Hardware MSI: the doorbell is reached untranslated.
        case msi = 3
        /// The software-managed window that a driver offers.
        case softwareMSI = 4
    }

    /// Where the region comes from.
    public enum Provenance: Hashable, Sendable {
        /// `iommu-addresses` of this reserved-memory node, on the device itself.
        case deviceTreeNode(path: String)
        /// `iommu-addresses` of this reserved-memory node, naming the host bridge: mainline ignores it.
        case hostBridgeNode(path: String)
        /// An IORT RMR node at this offset.
        case rmr(offset: UInt32)
        /// The IOMMU driver's own constant.
        case driver
        /// Given by the caller, with the caller's own words.
        case caller(String)
    }

    public var kind: Kind
    /// First IOVA.
    public var start: UInt64
    /// Bytes; 0 is possible (the kernel keeps such regions) and `start + length` may wrap.
    public var length: UInt64
    public var provenance: Provenance

    public init(kind: Kind, start: UInt64, length: UInt64, provenance: Provenance) {
        self.kind = kind
        self.start = start
        self.length = length
        self.provenance = provenance
    }
}
