// Implementations whose drivers treat them specially, where that moves an MSI window or its addresses.
// Mirrors drivers/iommu/arm/arm-smmu/arm-smmu-impl.c and the model checks of arm-smmu-v3, Linux 7.2;
// quirks that leave IOVA alone (errata on VMIDs, page-0 registers) are not listed.

/// A quirk that matters to where MSIs go.
public enum SMMUQuirk: String, CaseIterable, Sendable {
    /// AArch64 tables are hidden, so stage 1 has 32 bits.
    case marvellAP806
    /// Page sizes are limited to the CPU's and below.
    case nvidiaTegra
    /// The GPU's SMMU translates the upper half of the space.
    case qualcommUpperHalf
    /// HiSilicon Hi1610 / Hi1616: reaches its ITS untranslated, told as hardware MSI regions.
    case hisiliconHI161X

    /// The quirk that a `compatible` list brings; nil when none does. The Hi161X is told by the IORT's
    /// model field or by its own compatible string.
    public static func named(by compatible: [String]) -> SMMUQuirk? {
        for name in compatible {
            switch name {
            case "marvell,ap806-smmu-500": return .marvellAP806
            case "nvidia,tegra194-smmu", "nvidia,tegra234-smmu": return .nvidiaTegra
            case "qcom,adreno-smmu": return .qualcommUpperHalf
            case "hisilicon,hip06-smmu-v3", "hisilicon,hip07-smmu-v3": return .hisiliconHI161X
            default: continue
            }
        }
        return nil
    }
}
