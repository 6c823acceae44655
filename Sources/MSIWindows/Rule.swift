// The closed list of rules that a decision can apply. Ids are stable and on the wire; each rule has a
// sentence, a citation, and a minimal question in the tests that takes it.

/// A rule of Linux, or of this model where Linux has none.
public enum Rule: String, CaseIterable, Sendable {
    // Before any window matters.
    case noGroup = "group.none"
    case groupDirectRegion = "group.direct_region"
    case directRegionIgnored = "group.direct_region_ignored"
    case identityDomain = "domain.identity"

    // Which window the driver offers.
    case windowFixed = "window.fixed"
    case windowGiven = "window.given"
    case windowReplacedByHardware = "window.replaced_by_hardware"
    case candidateTaken = "window.candidate_taken"
    case candidateBlocked = "window.candidate_blocked"
    case noneLeft = "window.none_left"
    case mustAllocate = "window.must_allocate"
    case refusedWithoutWindow = "window.refused_without"
    case dynamicTaken = "window.dynamic_taken"
    case sourceNone = "window.source_none"

    // The DMA layer.
    case softwareWindowSkipped = "sw_msi.skipped_by_dma_domain"
    case firstDeviceOnly = "dma.first_device_only"
    case regionReserved = "region.reserved"
    case invertedNode = "region.inverted"
    case domainSetUpFails = "dma.set_up_fails"
    case earlierMapping = "dma.earlier_mapping"
    case hardwareIdentity = "hw_msi.identity_page"
    case domainPageReused = "dma.page_reused"
    case domainPageMapped = "dma.page_mapped"
    case triedBelow4G = "pci.tried_below_4g"
    case gaveUpBelow4G = "pci.gave_up_below_4g"
    case exhausted = "alloc.exhausted"

    // The allocator underneath.
    case cacheHit = "alloc.cache_hit"
    case cacheMissed = "alloc.cache_missed"
    case failedFast32 = "alloc.fail_fast_32"
    case startedAtCached32 = "alloc.started_at_cached32"
    case startedAtCached64 = "alloc.started_at_cached64"
    case searched = "alloc.searched"
    case took = "alloc.took"
    case stateChanged = "alloc.state_changed"
    case flushed = "alloc.flushed"

    // VFIO type1.
    case apertureConflict = "vfio.aperture_conflict"
    case regionOverlap = "region.overlap"
    case rangesEmpty = "vfio.ranges_empty"
    case unsafeInterrupts = "vfio.unsafe_interrupts"
    case domainShared = "vfio.domain_shared"
    case hardwareMSIWins = "hw_msi.wins"
    case noCookie = "vfio.no_cookie"
    case cookieBase = "vfio.cookie_base"
    case doorbellMapped = "cookie.doorbell_mapped"
    case pageReused = "cookie.page_reused"
    case baseZero = "cookie.base_zero"
    case pastWindowEnd = "cookie.past_window_end"
    case beyondAperture = "cookie.beyond_aperture"
    case pageUnmappable = "cookie.page_unmappable"

    // iommufd.
    case iommufdAbsent = "iommufd.absent"
    case iommufdNotCoherent = "iommufd.not_coherent"
    case iommufdUnsafeInterrupts = "iommufd.unsafe_interrupts"
    case iommufdRegionInUse = "iommufd.region_in_use"
    case iommufdHardwareAndSoftware = "iommufd.hw_and_sw"
    case iommufdGranule = "iommufd.granule_too_large"
    case iommufdApertureInUse = "iommufd.aperture_in_use"
    case iommufdPhysical = "iommufd.physical"
    case softwarePageMapped = "sw_msi.page_mapped"
    case softwarePageReused = "sw_msi.page_reused"
    case softwarePagesExhausted = "sw_msi.pages_exhausted"

    // The posted options.
    case optionBusy = "option.busy"
    case optionMisaligned = "option.misaligned"
    case optionOverflows = "option.overflows"
    case optionOverlaps = "option.overlaps"
    case optionBeyondAperture = "option.beyond_aperture"
    case optionStored = "option.stored"

    // What user space may map, and whether a window is reached.
    case mapAllowed = "map.allowed"
    case mapRefused = "map.refused"
    case reachable = "reach.clear"
    case unreachable = "reach.blocked"
}
