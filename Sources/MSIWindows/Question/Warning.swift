// What is silent or late in Linux: each hazard has its own code, so that a script can look for it.

public import AddressSpaces

/// Something that the caller should know, though Linux may not report it.
public struct Warning: Hashable, Sendable {
    public var code: Code
    public var detail: String
    public var range: IOVARange?

    public enum Code: String, CaseIterable, Sendable {
        case windowInReservedRegion = "window_in_reserved_region"
        /// Only the device's own driver would keep that region.
        case windowInRelaxableRegion = "window_in_relaxable_region"
        case windowInPCIWindow = "window_in_pci_window"
        /// No source states the host bridge's windows, so that what looks free may lie in one.
        case pciWindowsUnknown = "pci_windows_unknown"
        /// `_DMA` of the host bridge is not known, and so not how far DMA reaches.
        case inboundWindowsUnknown = "inbound_windows_unknown"
        /// Whether the host bridge keeps the boot configuration is not known, and so whether its RMRs apply.
        case preserveConfigUnknown = "preserve_config_unknown"
        /// Which of firmware's devices a member of a group is, is not known.
        case firmwareUnknown = "firmware_unknown"
        /// Whose the entries of a group's list are is not known.
        case groupNotJoined = "group_not_joined"
        /// The kernel's list of a group was not read.
        case reservedRegionsUnknown = "reserved_regions_unknown"
        /// Nobody has said what the virtio-iommu reports, and so whether there is a window.
        case iommuDecidesWindow = "iommu_decides_window"
        /// What a virtio-iommu reports was given for the driver of an SMMU.
        case iommuRegionsUnused = "iommu_regions_unused"
        /// A hardware MSI region is known, and no doorbell in it.
        case doorbellUnknown = "doorbell_unknown"
        /// The list of regions is of an x86 host.
        case x86Host = "x86_host"
        case windowInDMARangesGap = "window_in_dma_ranges_gap"
        case windowInPageZero = "window_in_page_zero"
        case windowOutsideIOVARanges = "window_outside_iova_ranges"
        /// The ranges that the caller gave are those of an address space without a device.
        case rangesBeforeAttach = "iova_ranges_before_attach"
        case windowAboveDMALimit = "window_above_dma_limit"
        case windowBeyondAperture = "window_beyond_aperture"
        /// A mapping of user space fails because it meets the window.
        case mappingOnWindow = "mapping_on_window"
        case doorbellsPastWindow = "doorbells_past_window"
        case doorbellPagesExhausted = "doorbell_pages_exhausted"
        /// A group-mate's reservations are not known to the allocator.
        case groupMateReservations = "group_mate_reservations"
        case dmaDomainSetupFails = "dma_domain_setup_fails"
        case inboundWindowLosesGranule = "inbound_window_loses_granule"
        case inboundWindowToTheTop = "inbound_window_to_the_top"
        case hardwareMSIOnly = "hardware_msi_only"
        case hardwareAndSoftwareMSI = "hardware_and_software_msi"
        /// A collected host says otherwise than a session's domain was made.
        case hostFactsUnused = "host_facts_unused"
        /// The kernel that was named is answered as another one.
        case kernelNotModelledExactly = "kernel_not_modelled_exactly"
        /// Which driver binds first decides.
        case groupOrder = "group_order"
        case kernelCrashes = "kernel_crashes"
        case zeroLengthRegion = "zero_length_region"
        case wrappingRegion = "wrapping_region"
        case untrackedPage = "untracked_page"
        case baseZero = "base_zero"
        case cookieOfFirstGroup = "cookie_of_first_group"
        case rmrSkipped = "rmr_skipped"
        case directRegion = "direct_region"
        case directRegionUnenforced = "direct_region_unenforced"
        case unsafeInterrupts = "unsafe_interrupts"
        case physicalDoorbell = "physical_doorbell"
        case noGroup = "no_group"
        /// The group's domain is a blocking one, or VFIO's or iommufd's.
        case noKernelDMA = "no_kernel_dma"
        case severalWindows = "several_windows"
        case callerMustAllocate = "caller_must_allocate"
        /// The option is iommufd's, and the question names another consumer.
        case optionNotForConsumer = "option_not_for_consumer"
        case optionNotSet = "option_not_set"
        case optionSizeIgnored = "option_size_ignored"
        case optionUnchecked = "option_unchecked"
        case optionUnreserved = "option_unreserved"
    }
}

extension [Warning] {
    /// Adds a warning unless one of its code and range is there already, or a decision has no room for more.
    mutating func add(_ code: Warning.Code, _ detail: String, range: IOVARange? = nil) {
        guard count < Decision.warningsMax, !contains(where: { $0.code == code && $0.range == range })
        else { return }
        append(Warning(code: code, detail: detail, range: range))
    }
}
