// What a placement warns about, as a closed list.

extension Placement.Warning {
    public enum Code: String, CaseIterable, Sendable {
        case barOutsideMappable = "bar_outside_mappable"
        case pinnedBAROutsideMappable = "pinned_bar_outside_mappable"
        case barsMappedAnyway = "bars_mapped_anyway"
        case hotplugUnmappable = "hotplug_unmappable"
        case vmMemoryUnmappable = "vm_memory_unmappable"
        case ramUnreachable = "ram_unreachable"
        case directRegion = "direct_region"
        case type1Only = "type1_only"
        case hardwareMSIOnly = "hardware_msi_only"
        case rangesBeforeAttach = "ranges_before_attach"
        case relaxableStopsKvmtool = "relaxable_stops_kvmtool"
        case optionMissingOnDevice = "option_missing_on_device"
        case windowEnlarged = "window_enlarged"
        case defaultWindowTooSmall = "default_window_too_small"
        case iommufdPageLimit = "iommufd_page_limit"
        case notExpressible = "not_expressible"
        case requestedBlocked = "requested_blocked"
        case noCommonWindow = "no_common_window"
        case contractFixed = "contract_fixed"
        case contractUnsupported = "contract_unsupported"
        case guestViewStale = "guest_view_stale"
        case viommuReportsForeignWindow = "viommu_reports_foreign_window"
        case viommuHidesReservations = "viommu_hides_reservations"
        case vmm
    }
}
