// Which list of reserved regions is of an x86 host, where nothing of this project's question arises: VT-d and
// AMD's IOMMU report the region in which x86 takes MSIs (drivers/iommu/intel/iommu.c:
// intel_iommu_get_resv_regions, drivers/iommu/amd/iommu.c: amd_iommu_get_resv_regions, Linux 7.2), and their
// interrupt controllers never ask for a window. Place and size are what a list tells.

public import AddressSpaces

extension [ReservedRegion] {
    /// Whether it has the MSI region of x86, and no software window.
    public var isOfX86: Bool {
        reportingDriver == .virtio && contains { $0.kind == .msi && $0.range == DriverWindow.x86 }
    }
}

extension Device {
    /// Whether a list is all that is known of the device's IOMMU, and it is one of an x86 host.
    public var isOfX86: Bool { smmus.isEmpty && (reportedRegions ?? firmwareRegions).isOfX86 }

    /// What to say of such a device; nil of others.
    public var x86Remark: String? { isOfX86 ? DriverWindow.x86Remark : nil }
}

extension DriverWindow {
    /// Why there is no window.
    public static let x86Because =
        "The list of regions has the MSI region of x86, \(x86.text): this is no host with an Arm SMMU. On x86 the "
        + "interrupt hardware takes MSIs before the IOMMU translates them, and Linux offers no software window."
    /// The same, with what settles the one other case.
    public static let x86Remark =
        x86Because
        + " If it is a guest on arm64 whose virtio-iommu reports this region, as crosvm's does, send its device "
        + "tree or its ACPI tables beside the list."
}
