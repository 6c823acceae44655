// The closed list of rules that an explanation can name: those of decisions, and those of the allocator,
// which replays and sessions name too. Ids are stable and on the wire; each rule has a sentence, a citation,
// and a minimal question or trace in the tests that takes it. A new rule is a case and its two rows, here.

/// A rule of Linux, or of this model where Linux has none.
public enum Rule: String, CaseIterable, Sendable {
    // Before any window matters.
    case noGroup = "group.none"
    case groupDirectRegion = "group.direct_region"
    case directRegionIgnored = "group.direct_region_ignored"
    case identityDomain = "domain.identity"
    case noKernelDMA = "domain.not_for_kernel_drivers"

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

    // The allocator underneath: requests,
    case sizeRounded = "alloc.size_rounded"
    case cacheHit = "alloc.cache_hit"
    case cacheMissed = "alloc.cache_missed"
    case cacheNoneLowEnough = "alloc.cache_none_low_enough"
    case cacheZero = "alloc.cache_zero"
    case failedFast32 = "alloc.fail_fast_32"
    case startedAtCached32 = "alloc.started_at_cached32"
    case startedAtCached64 = "alloc.started_at_cached64"
    case searched = "alloc.searched"
    case noSecondPass = "alloc.no_second_pass"
    case limitWraps = "alloc.limit_wraps"
    case took = "alloc.took"
    case memoSet = "alloc.memo_set"
    case stateChanged = "alloc.state_changed"
    case flushed = "alloc.flushed"
    // what is freed and cached,
    case magazineFreed = "cache.magazine_freed"
    case parked = "cache.parked"
    case freed = "free.removed"
    case notHeld = "free.not_held"
    case memoReset = "free.memo_reset"
    // and what is reserved.
    case reserved = "reserve.inserted"
    case grew = "reserve.grew"
    case covered = "reserve.covered"
    case reservationRefused = "reserve.refused"

    // VFIO type1.
    case groupNotViable = "vfio.group_not_viable"
    case apertureConflict = "vfio.aperture_conflict"
    case regionOverlap = "region.overlap"
    case rangesEmpty = "vfio.ranges_empty"
    case unsafeInterrupts = "vfio.unsafe_interrupts"
    case domainShared = "vfio.domain_shared"
    case hardwareMSIWins = "hw_msi.wins"
    case x86MSIs = "hw_msi.x86"
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

    /// The rule in one sentence, for people.
    public var sentence: String {
        switch self {
        case .noGroup:
            "A device without an IOMMU group is not translated, and cannot be handed to user space."
        case .groupDirectRegion:
            "A direct region makes the group unassignable: claiming it fails with EINVAL."
        case .directRegionIgnored:
            "Up to Linux 6.5 a direct region does not stop a group from being handed to user space."
        case .identityDomain: "In an identity domain nothing is translated, so MSIs go to physical addresses."
        case .noKernelDMA:
            "In a blocking domain, and in one of VFIO or iommufd, kernel drivers have no DMA, and so no MSIs."
        case .windowFixed: "The IOMMU driver offers its constant window, whatever the platform withholds."
        case .windowGiven:
            "A list of regions that already contains a software window is taken as the driver's own."
        case .windowReplacedByHardware:
            "If a virtio-iommu reports an MSI region, its driver offers no window."
        case .candidateTaken: "The first candidate that touches nothing it must avoid becomes the window."
        case .candidateBlocked: "A candidate that touches something it must avoid is skipped."
        case .noneLeft: "When every candidate is blocked the driver offers no window, without a message."
        case .mustAllocate: "When every candidate is blocked the caller must allocate a window."
        case .refusedWithoutWindow: "A caller that must allocate a window and cannot is refused."
        case .dynamicTaken:
            "A search takes the preferred window among those that touch nothing withheld from user space."
        case .sourceNone: "A driver that offers no software window reports firmware's regions only."
        case .softwareWindowSkipped:
            "A DMA domain skips the software window: its allocator serves doorbells like buffers."
        case .firstDeviceOnly: "Only the reservations of a group's first device are made in its domain."
        case .regionReserved: "What the device must not use is reserved in the allocator, in whole pages."
        case .invertedNode:
            "A region whose last page lies below its first is inserted as an inverted node."
        case .domainSetUpFails:
            "When the set-up fails the device keeps its platform's DMA operations and the domain stays attached."
        case .earlierMapping: "What was mapped before decides where the allocator looks first."
        case .hardwareIdentity: "A doorbell in a hardware MSI region is reached at its own address."
        case .domainPageReused:
            "Doorbells in one physical page share its mapping, whichever device comes first."
        case .domainPageMapped: "A new doorbell page is mapped at a page from the domain's allocator."
        case .triedBelow4G: "A PCI device whose limit is above 4 GiB is tried below it first."
        case .gaveUpBelow4G:
            "When nothing fits below 4 GiB the device uses all of its address bits; since 6.4, for good."
        case .exhausted: "When nothing is free below the limit, allocating the interrupt vectors fails."
        case .sizeRounded: "Sizes that the caches serve are rounded up to a power of two."
        case .cacheHit: "A freed range of the same size class and low enough is taken from the cache."
        case .cacheMissed: "Without a fitting range in the cache the tree is searched."
        case .cacheNoneLowEnough:
            "Cached ranges that all lie too high do not serve: only the loaded magazine is looked at."
        case .cacheZero: "A cached page frame 0 counts as an empty cache, and its range is lost."
        case .failedFast32:
            "A request below 4 GiB as large as one that failed before is refused without a search."
        case .startedAtCached32: "A search below 4 GiB starts at the node where the last one ended."
        case .startedAtCached64: "A search above 4 GiB starts at the node where the last one ended."
        case .searched:
            "A pass looks from the top of its window down; a second covers what the first skipped."
        case .noSecondPass:
            "There is no second pass if the search already began at the top of its window; old kernels have none."
        case .limitWraps:
            "A limit of all ones wraps to 0 when it is made exclusive, and nothing lies below that."
        case .took: "The highest free range that fits is taken."
        case .memoSet:
            "A search that fails leaves its size as max32_alloc_size, against which requests below 4 GiB are checked."
        case .stateChanged: "The state after an allocation or a failure decides where the next search starts."
        case .flushed: "Before the last try the caches are emptied into the tree."
        case .magazineFreed: "A magazine that finds no place among the full ones is emptied into the tree."
        case .parked: "A freed range of a cached size class is kept for the next request of that class."
        case .freed: "A freed range leaves the tree."
        case .notHeld: "Freeing an address that is not held does nothing."
        case .memoReset: "Freeing a range below 4 GiB lets requests of every size search there again."
        case .reserved: "A reservation that overlaps nothing becomes a range of its own."
        case .grew: "A reservation that begins below a held range grows that range down."
        case .covered: "What a held range already covers is not reserved again."
        case .reservationRefused: "A reservation of pages that no 64-bit address reaches is refused."
        case .groupNotViable:
            "A group is not viable, and refused, while a driver that is not VFIO's has one of its devices."
        case .apertureConflict:
            "A domain whose aperture does not contain what is already mapped is refused with EINVAL."
        case .regionOverlap:
            "A group with a region that overlaps a mapping and must not be mapped is refused with EINVAL."
        case .rangesEmpty: "When no IOVA remains after the exclusions, attaching fails with EINVAL."
        case .unsafeInterrupts:
            "Without isolated MSIs a group needs allow_unsafe_interrupts, or is refused with EPERM."
        case .domainShared: "A group that an existing domain accepts joins it; the cookie stays where it is."
        case .hardwareMSIWins: "A hardware MSI region in the group means that no MSI cookie is made."
        case .x86MSIs:
            "On x86 the interrupt hardware takes MSIs before the IOMMU translates, and there is no window."
        case .noCookie:
            "Without a window there is no cookie: since 6.15 setting up interrupts fails; before, they were not translated."
        case .cookieBase: "The MSI cookie starts at the highest window of the group."
        case .doorbellMapped: "Each new doorbell page takes the next CPU page of the cookie."
        case .pageReused: "Doorbells in one physical page share its mapping."
        case .baseZero: "Address 0 counts as a failure, though the cookie has moved past it."
        case .pastWindowEnd: "Doorbell pages do not stop at the window's end."
        case .beyondAperture: "A page beyond the aperture cannot be mapped: setting up interrupts fails."
        case .pageUnmappable:
            "A page that the IOMMU cannot map on its own is refused: setting up interrupts fails."
        case .iommufdAbsent: "Linux has iommufd since release 6.2."
        case .iommufdNotCoherent:
            "Binding needs an IOMMU that enforces cache coherency, or fails with EINVAL."
        case .iommufdUnsafeInterrupts:
            "Without isolated MSIs binding needs allow_unsafe_interrupts, or fails with EPERM."
        case .iommufdRegionInUse:
            "A device with a region that overlaps a mapping or an allowed range is refused with EADDRINUSE."
        case .iommufdHardwareAndSoftware:
            "A device with hardware and software MSI regions, or two windows, is refused with EINVAL."
        case .iommufdGranule: "An IOMMU whose smallest page is larger than the CPU's is refused with EINVAL."
        case .iommufdApertureInUse:
            "A domain that cannot hold what is already mapped or allowed is refused with EADDRINUSE."
        case .iommufdPhysical: "Without a software window doorbells keep their physical addresses, silently."
        case .softwarePageMapped: "Each new doorbell page takes the next number of its window in the context."
        case .softwarePageReused: "A doorbell page keeps its number in every address space of the context."
        case .softwarePagesExhausted:
            "A context maps \(DoorbellContext.pagesMax) doorbell pages over all windows; the next fails with EOVERFLOW."
        case .optionBusy: "The options of an attached device cannot be changed: EBUSY."
        case .optionMisaligned: "Start and size must be multiples of 1 MiB: EINVAL."
        case .optionOverflows: "A window that extends past 2^64 is refused with EOVERFLOW."
        case .optionOverlaps:
            "A window that overlaps a region that the device may not use is refused with EADDRINUSE."
        case .optionBeyondAperture: "As intended, a window beyond the aperture is refused."
        case .optionStored:
            "A window that passes the checks replaces the driver's when the device is attached."
        case .mapAllowed: "A mapping that is aligned, free and within one usable range is accepted."
        case .mapRefused:
            "A mapping that is empty, misaligned, already taken, or not within one usable range is refused."
        case .reachable: "A window outside everything withheld can be reached by the device."
        case .unreachable:
            "The device does not reach a window in a withheld range, though Linux accepts the window."
        }
    }

    /// The source that the rule mirrors: a function of the kernel, a posted series, or this model itself.
    public var citation: String {
        switch self {
        case .noGroup, .identityDomain, .noCookie:
            "drivers/iommu/iommu.c: iommu_dma_prepare_msi, Linux 7.2"
        case .noKernelDMA:
            "drivers/iommu/iommu.c: iommu_device_use_default_domain, iommu_dma_prepare_msi, Linux 7.2"
        case .groupDirectRegion:
            "drivers/iommu/iommu.c: __iommu_device_set_domain, Linux 7.2"
        case .directRegionIgnored:
            "drivers/iommu/iommu.c: iommu_group_claim_dma_owner, Linux 6.1"
        case .windowFixed:
            "drivers/iommu/arm/arm-smmu-v3/arm-smmu-v3.c: arm_smmu_get_resv_regions, Linux 7.2"
        case .windowGiven, .sourceNone:
            "drivers/iommu/iommu.c: iommu_get_resv_regions, Linux 7.2"
        case .windowReplacedByHardware:
            "drivers/iommu/virtio-iommu.c: viommu_get_resv_regions, Linux 7.2"
        case .candidateTaken, .candidateBlocked, .noneLeft:
            "arm-smmu: select suitable MSI IOVA, v4 (posted 2025-09-09, not merged)"
        case .mustAllocate, .refusedWithoutWindow:
            "discussion of \(Self.candidateTaken.citation)"
        case .dynamicTaken:
            "iovad's own: no search was ever specified"
        case .softwareWindowSkipped, .regionReserved, .reachable, .unreachable:
            "drivers/iommu/dma-iommu.c: iova_reserve_iommu_regions, Linux 7.2"
        case .firstDeviceOnly:
            "drivers/iommu/dma-iommu.c: iommu_dma_init_domain, Linux 7.2"
        case .invertedNode, .reserved, .reservationRefused:
            "drivers/iommu/iova.c: reserve_iova, Linux 7.2"
        case .domainSetUpFails:
            "drivers/iommu/dma-iommu.c: iommu_setup_dma_ops, Linux 7.2"
        case .earlierMapping, .triedBelow4G, .gaveUpBelow4G, .exhausted:
            "drivers/iommu/dma-iommu.c: iommu_dma_alloc_iova, Linux 7.2"
        case .hardwareIdentity:
            "drivers/iommu/dma-iommu.c: cookie_init_hw_msi_region, Linux 7.2"
        case .domainPageReused, .domainPageMapped, .doorbellMapped, .pageReused, .baseZero, .pastWindowEnd:
            "drivers/iommu/dma-iommu.c: iommu_dma_get_msi_page, Linux 7.2"
        case .sizeRounded, .cacheZero, .flushed:
            "drivers/iommu/iova.c: alloc_iova_fast, Linux 7.2"
        case .cacheHit, .cacheMissed:
            "drivers/iommu/iova.c: iova_rcache_get, Linux 7.2"
        case .cacheNoneLowEnough:
            "drivers/iommu/iova.c: iova_magazine_pop, Linux 7.2"
        case .failedFast32, .searched, .noSecondPass, .limitWraps, .took, .memoSet:
            "drivers/iommu/iova.c: __alloc_and_insert_iova_range, Linux 7.2"
        case .startedAtCached32, .startedAtCached64:
            "drivers/iommu/iova.c: __get_cached_rbnode, Linux 7.2"
        case .stateChanged:
            "drivers/iommu/iova.c: __cached_rbnode_insert_update, Linux 7.2"
        case .magazineFreed:
            "drivers/iommu/iova.c: iova_magazine_free_pfns, Linux 7.2"
        case .parked:
            "drivers/iommu/iova.c: __iova_rcache_insert, Linux 7.2"
        case .freed:
            "drivers/iommu/iova.c: remove_iova, Linux 7.2"
        case .notHeld:
            "drivers/iommu/iova.c: free_iova, Linux 7.2"
        case .memoReset:
            "drivers/iommu/iova.c: __cached_rbnode_delete_update, Linux 7.2"
        case .grew, .covered:
            "drivers/iommu/iova.c: __adjust_overlap_range, Linux 7.2"
        case .groupNotViable: "drivers/vfio/group.c: vfio_group_ioctl_set_container, Linux 7.2"
        case .apertureConflict:
            "drivers/vfio/vfio_iommu_type1.c: vfio_iommu_aper_conflict, Linux 7.2"
        case .regionOverlap:
            "drivers/vfio/vfio_iommu_type1.c: vfio_iommu_resv_conflict, Linux 7.2"
        case .rangesEmpty:
            "drivers/vfio/vfio_iommu_type1.c: vfio_iommu_resv_exclude, Linux 7.2"
        case .unsafeInterrupts, .domainShared, .cookieBase:
            "drivers/vfio/vfio_iommu_type1.c: vfio_iommu_type1_attach_group, Linux 7.2"
        case .hardwareMSIWins:
            "drivers/vfio/vfio_iommu_type1.c: vfio_iommu_has_sw_msi, Linux 7.2"
        case .x86MSIs:
            "drivers/iommu/intel/iommu.c: intel_iommu_get_resv_regions; drivers/iommu/amd/iommu.c: amd_iommu_get_resv_regions, "
                + "Linux 7.2"
        case .beyondAperture:
            "drivers/iommu/io-pgtable-arm.c: arm_lpae_map_pages, Linux 7.2"
        case .pageUnmappable:
            "drivers/iommu/iommu.c: iommu_map, Linux 7.2"
        case .iommufdAbsent:
            "drivers/iommu/iommufd/main.c: iommufd_init, Linux 6.2"
        case .iommufdNotCoherent, .iommufdUnsafeInterrupts:
            "drivers/iommu/iommufd/device.c: iommufd_device_bind, Linux 7.2"
        case .iommufdRegionInUse, .iommufdHardwareAndSoftware:
            "drivers/iommu/iommufd/io_pagetable.c: iopt_table_enforce_dev_resv_regions, Linux 7.2"
        case .iommufdGranule, .iommufdApertureInUse:
            "drivers/iommu/iommufd/io_pagetable.c: iopt_table_add_domain, Linux 7.2"
        case .iommufdPhysical:
            "drivers/iommu/iommufd/driver.c: iommufd_sw_msi, Linux 7.2"
        case .softwarePageMapped, .softwarePageReused, .softwarePagesExhausted:
            "drivers/iommu/iommufd/driver.c: iommufd_sw_msi_get_map, Linux 7.2"
        case .optionBusy, .optionMisaligned, .optionOverflows, .optionOverlaps, .optionStored:
            "iommufd: options for the SW_MSI window, v2 (posted 2025-10-14, not merged)"
        case .optionBeyondAperture:
            "review of \(Self.optionStored.citation)"
        case .mapAllowed, .mapRefused:
            "drivers/vfio/vfio_iommu_type1.c: vfio_dma_do_map, Linux 7.2"
        }
    }
}
