// The closed list of rules that a decision can apply. Ids are stable; each has a sentence and a citation.

/// A rule of Linux, or of this model where Linux has none.
public enum Rule: String, CaseIterable, Sendable {
    case groupDirectRegion = "group.direct_region"
    case hardwareMSIWins = "hw_msi.wins"
    case windowFixed = "window.fixed"
    case candidateTaken = "window.candidate_taken"
    case candidateBlocked = "window.candidate_blocked"
    case noneLeft = "window.none_left"
    case rangesEmpty = "vfio.ranges_empty"
    case cookieBase = "vfio.cookie_base"
    case doorbellMapped = "cookie.doorbell_mapped"
    case pageReused = "cookie.page_reused"
    case pastWindowEnd = "cookie.past_window_end"
    case beyondAperture = "cookie.beyond_aperture"
    case reachable = "reach.clear"
    case unreachable = "reach.blocked"

    /// What the rule says, in one sentence.
    public var sentence: String {
        switch self {
        case .groupDirectRegion:
            "A direct region makes the group unassignable: claiming it fails with EINVAL."
        case .hardwareMSIWins: "A hardware MSI region in the group means that no MSI cookie is made."
        case .windowFixed: "The IOMMU driver offers its constant window without looking at anything."
        case .candidateTaken: "The first candidate that touches nothing it must avoid becomes the window."
        case .candidateBlocked: "A candidate that touches something it must avoid is passed over."
        case .noneLeft: "When every candidate is blocked the driver offers no window, without a message."
        case .rangesEmpty: "When no IOVA remains after the exclusions, attaching fails with EINVAL."
        case .cookieBase: "VFIO makes an MSI cookie whose first page is the start of the highest window."
        case .doorbellMapped: "Each new doorbell page takes the next CPU page of the cookie."
        case .pageReused: "Doorbells in one physical page share its mapping."
        case .pastWindowEnd: "The cookie does not stop at the window's end."
        case .beyondAperture: "A page beyond the aperture cannot be mapped: setting up interrupts fails."
        case .reachable: "A window outside everything withheld can be reached by the device."
        case .unreachable: "A window inside something withheld is not reached, though Linux accepts it."
        }
    }

    /// Where it can be read.
    public var citation: String {
        switch self {
        case .groupDirectRegion: "drivers/iommu/iommu.c: __iommu_device_set_domain, Linux 7.2"
        case .hardwareMSIWins: "drivers/vfio/vfio_iommu_type1.c: vfio_iommu_has_sw_msi, Linux 7.2"
        case .windowFixed: "drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c: arm_smmu_get_resv_regions, Linux 7.2"
        case .candidateTaken, .candidateBlocked, .noneLeft:
            "arm-smmu: select suitable MSI IOVA, v4 (posted 2025-09-09, not merged)"
        case .rangesEmpty: "drivers/vfio/vfio_iommu_type1.c: vfio_iommu_resv_exclude, Linux 7.2"
        case .cookieBase: "drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_attach_group, Linux 7.2"
        case .doorbellMapped, .pageReused, .pastWindowEnd, .beyondAperture:
            "drivers/iommu/dma-iommu.c: iommu_dma_get_msi_page, Linux 7.2"
        case .reachable, .unreachable: "drivers/iommu/dma-iommu.c: iova_reserve_iommu_regions, Linux 7.2"
        }
    }
}
