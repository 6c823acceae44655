// Who says which software-MSI window the IOMMU side offers: one of the two axes of every policy. The
// other, who turns doorbells into IOVAs, is the consumer.

/// A rule that yields a window, or none.
public enum WindowSource: Hashable, Sendable {
    /// Mainline's constant, whatever else the platform says.
    case fixed
    /// The first base of a list that fits, as the posted v4 series does with two.
    case candidates(bases: [UInt64], size: UInt64, avoid: Avoid)

    /// What a candidate must not touch.
    public enum Avoid: String, CaseIterable, Sendable {
        /// Reserved regions that the IOMMU driver reports, as posted.
        case advertised
        /// All that the platform withholds: also PCI windows, gaps, page zero, and beyond the limits.
        case everything
    }

    /// drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c: MSI_IOVA_BASE, Linux 7.2.
    public static let mainlineBase: UInt64 = 0x800_0000
    /// drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c: MSI_IOVA_LENGTH, Linux 7.2.
    public static let mainlineSize: UInt64 = 0x10_0000
    /// The second base of the posted v4 series.
    public static let postedSecondBase: UInt64 = 0xa000_0000
}

/// Who turns doorbells into IOVAs.
public enum Consumer: String, CaseIterable, Sendable {
    case vfioType1 = "vfio_type1"
}
