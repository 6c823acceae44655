// One IOMMU of a machine as its firmware describes it. What its registers would report (page sizes,
// address sizes) is not in a device tree, so it is not here: a question gives it.

public import AddressSpaces

/// An Arm SMMU, as found in a device tree or in ACPI's IORT.
public struct SMMU: Hashable, Sendable {
    /// The architecture version that decides the driver: v1 and v2 share arm-smmu, v3 has its own.
    public enum Version: String, CaseIterable, Sendable {
        case v1, v2, v3
        /// A paravirtual one: its driver lists the device's own regions first, and offers the software window
        /// only where the device reports no MSI region.
        case virtio
    }

    /// The device-tree path, or the server's name for a node of another source.
    public var id: String
    public var version: Version
    /// `compatible` strings, most specific first.
    public var compatible: [String]
    /// The register windows as CPU physical addresses, in firmware's order.
    public var registers: [PhysicalRange]
    /// Whether this SMMU and all its ancestors are enabled.
    public var enabled: Bool
    /// `#iommu-cells`: cells of a stream ID specifier.
    public var iommuCells: Int
    /// ACPI only: the number that Linux gives it among the devices without a number of their own, SMMUs and
    /// their performance counters in the table's order: the 2 of `arm-smmu-v3.2.auto`.
    public var autoNumber: Int?
    /// Whether page-table walks are cache coherent.
    public var coherentWalk: Bool

    public init(
        id: String, version: Version, compatible: [String], registers: [PhysicalRange], enabled: Bool,
        iommuCells: Int, coherentWalk: Bool, autoNumber: Int? = nil
    ) {
        self.id = id
        self.version = version
        self.compatible = compatible
        self.registers = registers
        self.enabled = enabled
        self.iommuCells = iommuCells
        self.coherentWalk = coherentWalk
        self.autoNumber = autoNumber
    }
}
