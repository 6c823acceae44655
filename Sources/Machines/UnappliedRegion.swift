// A region that firmware asks for and Linux does not reserve, with the reason: what the owner of the
// machine must know, though no list of the kernel shows it.

/// One region without effect, or with a worse one.
public struct UnappliedRegion: Hashable, Sendable {
    public enum Reason: String, CaseIterable, Sendable {
        /// An RMR below a PCI host bridge whose `_DSM` function 5 does not ask to keep its configuration:
        /// drivers/acpi/arm64/iort.c: iort_iommu_rmr_get_resv_regions.
        case rmrWithoutPreservedConfiguration = "rmr_without_preserved_configuration"
        /// An RMR for some functions behind a root complex: it applies to those, not to the root complex,
        /// which stands for the others. Ask for the function by its address.
        case rmrOfSingleFunctions = "rmr_of_single_functions"
        /// An `iommu-addresses` entry that does not translate: the kernel dereferences a null pointer while
        /// it boots (drivers/iommu/of_iommu.c: of_iommu_get_resv_regions).
        case crashesKernel = "crashes_kernel"
    }

    public var reason: Reason
    /// What firmware says, nil where it cannot be told.
    public var region: ReservedRegion?
    /// Node path, or table and offset.
    public var location: String

    public init(reason: Reason, region: ReservedRegion?, location: String) {
        self.reason = reason
        self.region = region
        self.location = location
    }
}
