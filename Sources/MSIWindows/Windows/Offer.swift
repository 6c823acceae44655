// The window that a device's IOMMU driver offers, and where the answer to "which one" can end.

public import AddressSpaces

/// What a window source comes to for one device.
public enum Offer: Hashable, Sendable {
    /// This window.
    case window(IOVARange)
    /// No window. The driver says nothing about it.
    case nothing
    /// Hardware MSI regions take its place (virtio-iommu).
    case hardware
    /// No candidate fits, and who cannot choose a window must not go on.
    case callerMustAllocate

    public var window: IOVARange? {
        if case .window(let range) = self { range } else { nil }
    }
}
