// Who turns doorbells into IOVAs: one of the two axes of every policy. The other, which window the IOMMU
// side offers, is the window source.

/// Who maps MSI doorbells for the device.
public enum Consumer: String, CaseIterable, Sendable {
    /// A kernel driver: the DMA layer allocates a page like any other.
    case dmaAPI = "dma_api"
    /// VFIO's own container: a linear cursor from the window's start.
    case vfioType1 = "vfio_type1"
    /// iommufd: a map of up to 64 pages in the window, a context.
    case iommufd
}
