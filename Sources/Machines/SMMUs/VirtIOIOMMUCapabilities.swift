// What a virtio-iommu device's configuration says. Its domains take both numbers as they are: no Arm
// table format narrows them. Mirrors drivers/iommu/virtio-iommu.c: viommu_probe and
// viommu_domain_finalise, Linux 7.2.

public import AddressSpaces

/// Input range and page mask of one virtio-iommu.
public struct VirtIOIOMMUCapabilities: Hashable, Sendable {
    /// What it translates, inclusive.
    public var inputRange: IOVARange
    /// Bit n: pages of 2^n bytes.
    public var pageMask: UInt64

    public init(inputRange: IOVARange = .full, pageMask: UInt64) {
        self.inputRange = inputRange
        self.pageMask = pageMask
    }

    /// The geometry of a domain; nil when its smallest page is larger than the CPU's, which the driver
    /// refuses.
    public func geometry(cpuPage: Granule) -> DomainGeometry? {
        let sizes = PageSizes(bitmap: pageMask)
        guard let smallest = sizes.smallest, smallest.bytes <= cpuPage.bytes else { return nil }
        return DomainGeometry(aperture: inputRange, pageSizes: sizes)
    }
}
