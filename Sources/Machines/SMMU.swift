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
    /// What its driver printed of its registers when the machine booted; nil where no log was read.
    public var reported: Report?

    /// Sizes as a boot log has them. Input and output bits of SMMUv3 bound stage 2, not stage 1, whose size
    /// is 48 bits unless the registers or the kernel's build say otherwise.
    public struct Report: Hashable, Sendable {
        public var inputBits: Int?
        public var outputBits: Int?
        /// Virtual addresses of stage 1: v1 and v2 print them.
        public var stage1Bits: Int?
        /// SMMUv3's flags, as the driver numbers them.
        public var features: UInt64?
        /// A bit for each size.
        public var pageSizes: UInt64?

        /// ARM_SMMU_FEAT_TRANS_S1 of drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.h, Linux 7.2.
        public static let stage1Feature: UInt64 = 1 << 9

        public init() {}
    }

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
