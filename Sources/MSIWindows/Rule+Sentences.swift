// What each rule says, in one sentence.

extension Rule {
    /// The rule in one sentence, for people.
    public var sentence: String { Self.sentences[self]! }

    private static let sentences: [Rule: String] = [
        .noGroup:
            "A device without an IOMMU group is not translated, and cannot be handed to user space.",
        .groupDirectRegion:
            "A direct region makes the group unassignable: claiming it fails with EINVAL.",
        .directRegionIgnored:
            "Up to Linux 6.5 a direct region does not stop a group from being handed over.",
        .identityDomain:
            "In an identity domain nothing is translated, so MSIs go to physical addresses.",
        .windowFixed: "The IOMMU driver offers its constant window without looking at anything.",
        .windowGiven:
            "A list of regions that holds a software window already is taken as the driver's own.",
        .windowReplacedByHardware:
            "A virtio-iommu that tells of an MSI region makes its driver offer no window.",
        .candidateTaken: "The first candidate that touches nothing it must avoid becomes the window.",
        .candidateBlocked: "A candidate that touches something it must avoid is passed over.",
        .noneLeft: "When every candidate is blocked the driver offers no window, without a message.",
        .mustAllocate: "When every candidate is blocked the caller must allocate a window.",
        .refusedWithoutWindow: "A caller that must allocate a window and cannot is refused.",
        .dynamicTaken: "A search takes the preferred window among those that touch nothing withheld.",
        .sourceNone: "A driver that offers no software window reports firmware's regions only.",
        .softwareWindowSkipped:
            "A DMA domain skips the software window: its allocator serves doorbells like buffers.",
        .firstDeviceOnly: "Only the first device of a group has its reservations made in the domain.",
        .regionReserved: "What the device must not use is reserved in the allocator, in whole pages.",
        .invertedNode:
            "A region whose last page lies below its first becomes an inverted node, a wall of no width.",
        .domainSetUpFails:
            "When the set-up fails the device keeps its platform operations and the domain stays attached.",
        .earlierMapping: "What was mapped before decides where the allocator looks first.",
        .hardwareIdentity: "A doorbell in a hardware MSI region is reached at its own address.",
        .domainPageReused:
            "Doorbells in one physical page share its mapping, whichever device comes first.",
        .domainPageMapped: "A new doorbell page is mapped at a page from the domain's allocator.",
        .triedBelow4G: "A PCI device whose limit is above 4 GiB is tried below it first.",
        .gaveUpBelow4G:
            "When nothing fits below 4 GiB the device goes on with all of its bits; since 6.4, for good.",
        .exhausted: "When nothing is free below the limit, allocating the interrupt vectors fails.",
        .cacheHit: "A freed range of the same size class and low enough is taken from the cache.",
        .cacheMissed: "Without a fitting range in the cache the tree is searched.",
        .failedFast32:
            "A request below 4 GiB as large as one that failed before is refused without a search.",
        .startedAtCached32: "A search below 4 GiB starts at the node that the last one left behind.",
        .startedAtCached64: "A search above 4 GiB starts at the node that the last one left behind.",
        .searched:
            "A pass looks from the top of its window down; a second covers what the first skipped.",
        .took: "The highest place that fits is taken.",
        .stateChanged: "What an allocation or a failure leaves behind steers the next ones.",
        .flushed: "Before the last try the caches are emptied into the tree.",
        .apertureConflict:
            "A domain whose aperture leaves out what is mapped already is refused with EINVAL.",
        .regionOverlap:
            "A region that must not be mapped and meets a mapping refuses the group with EINVAL.",
        .rangesEmpty: "When no IOVA remains after the exclusions, attaching fails with EINVAL.",
        .unsafeInterrupts:
            "Without isolated MSIs a group needs allow_unsafe_interrupts, or is refused with EPERM.",
        .domainShared:
            "A group that an existing domain accepts joins it; the cookie stays where it is.",
        .hardwareMSIWins: "A hardware MSI region in the group means that no MSI cookie is made.",
        .noCookie:
            "Without a window there is no cookie: since 6.15 interrupts fail, before they went out untranslated.",
        .cookieBase: "The MSI cookie starts at the highest window of the group.",
        .doorbellMapped: "Each new doorbell page takes the next CPU page of the cookie.",
        .pageReused: "Doorbells in one physical page share its mapping.",
        .baseZero: "Address 0 counts as failure, though the cookie has moved past it.",
        .pastWindowEnd: "Doorbell pages do not stop at the window's end.",
        .beyondAperture: "A page beyond the aperture cannot be mapped: setting up interrupts fails.",
        .pageUnmappable:
            "A page that the IOMMU cannot map by itself fails: setting up interrupts fails.",
        .iommufdAbsent: "iommufd is there since Linux 6.2.",
        .iommufdNotCoherent:
            "Binding needs an IOMMU that enforces cache coherency, or fails with EINVAL.",
        .iommufdUnsafeInterrupts:
            "Without isolated MSIs binding needs allow_unsafe_interrupts, or fails with EPERM.",
        .iommufdRegionInUse:
            "A region that meets a mapping or an allowed range refuses the device with EADDRINUSE.",
        .iommufdHardwareAndSoftware:
            "A device with hardware and software MSI regions, or two windows, is refused with EINVAL.",
        .iommufdGranule:
            "An IOMMU whose smallest page is larger than the CPU's is refused with EINVAL.",
        .iommufdApertureInUse:
            "A domain that cannot hold what is mapped or allowed already is refused with EADDRINUSE.",
        .iommufdPhysical:
            "Without a software window doorbells keep their physical addresses, silently.",
        .softwarePageMapped:
            "Each new doorbell page takes the next number of its window in the context.",
        .softwarePageReused: "A doorbell page keeps its number in every address space of the context.",
        .softwarePagesExhausted:
            "A context maps 64 doorbell pages over all windows; the next fails with EOVERFLOW.",
        .optionBusy: "The options of an attached device cannot be touched: EBUSY.",
        .optionMisaligned: "Start and size must be multiples of 1 MiB: EINVAL.",
        .optionOverflows: "A window that passes 2^64 is refused with EOVERFLOW.",
        .optionOverlaps: "A window on a region that the device may not use is refused with EADDRINUSE.",
        .optionBeyondAperture: "As intended, a window beyond the aperture is refused.",
        .optionStored:
            "A window that passes the checks replaces the driver's when the device is attached.",
        .mapAllowed: "A mapping within one usable range, aligned and free, can be made.",
        .mapRefused:
            "A mapping that is empty, crooked, taken, or not within one usable range is refused.",
        .reachable: "A window outside everything withheld can be reached by the device.",
        .unreachable: "A window inside something withheld is not reached, though Linux accepts it.",
    ]
}
