// The question "where can the window go for this guest on these hosts" and its answer: a verdict that tells
// the causes apart, what blocks the default, all places, three picks, every host by itself, and warnings of a
// closed list. Values only: PlacementDecision.swift decides.

public import AddressSpaces
public import MSIWindows
public import Machines

/// One question. The order of hosts decides only the order of the per-host answers.
public struct PlacementQuestion: Sendable {
    /// A host under its name. Hosts that share facts share the work.
    public struct Host: Sendable {
        public var name: String
        /// Index into `facts`.
        public var facts: Int
        /// What it states beyond what its kernel release has.
        public var capabilities: Set<HostCapability>
        public var iommufd: IOMMUFDSupport
        /// Of its kernel; nil for that of the window.
        public var pageSize: Granule?

        public init(
            name: String, facts: Int, capabilities: Set<HostCapability> = [],
            iommufd: IOMMUFDSupport = .byContext, pageSize: Granule? = nil
        ) {
            self.name = name
            self.facts = facts
            self.capabilities = capabilities
            self.iommufd = iommufd
            self.pageSize = pageSize
        }
    }

    public var hosts: [Host]
    public var facts: [HostFacts]
    public var guest: GuestDemand
    /// One window for all hosts: with room for the largest pages.
    public var window: WindowDemand

    /// - Precondition: at least one host, each with an index of `facts`.
    public init(hosts: [Host], facts: [HostFacts], guest: GuestDemand, window: WindowDemand) {
        precondition(!hosts.isEmpty && hosts.allSatisfy { facts.indices.contains($0.facts) }, "hosts")
        self.hosts = hosts
        self.facts = facts
        self.guest = guest
        self.window = window
        joinKinds()
        fitWindow()
    }

    /// Has the window be as large as the hosts need it that there are.
    mutating func fitWindow() {
        guard hosts.contains(where: { $0.pageSize != nil }) else { return }
        let pages = hosts.map { $0.pageSize ?? window.pageSize }
        window = window.on(pagesOf: pages.max { $0.shift < $1.shift } ?? window.pageSize)
    }

    /// Hosts of one kind may come with facts of their own that are one object: their work is shared, too.
    private mutating func joinKinds() {
        var kinds: [ObjectIdentifier: Int] = [:]
        kinds.reserveCapacity(facts.count)
        var distinct: [HostFacts] = []
        distinct.reserveCapacity(facts.count)
        let places = facts.map { facts in
            let kind = ObjectIdentifier(facts)
            if let place = kinds[kind] { return place }
            kinds[kind] = distinct.count
            distinct.append(facts)
            return distinct.count - 1
        }
        guard distinct.count < facts.count else { return }
        facts = distinct
        for host in hosts.indices { hosts[host].facts = places[hosts[host].facts] }
    }
}

/// Where the window can go for one VM on a set of hosts.
public struct Placement: Hashable, Sendable {
    public enum Verdict: String, CaseIterable, Sendable {
        /// Linux's constant is free everywhere; `needsOption` says whether its size is enough.
        case defaultWorks = "default_works"
        /// Another place works, with the proposed options.
        case movable
        case none
        /// Guest memory lies where the host maps nothing: no window helps.
        case ramUnmappable = "ram_unmappable"
        /// The VMM adds memory for KVM's steal time where the host maps nothing: without it, a window works.
        case worksWithStealTimeOff = "works_with_steal_time_off"
        /// BARs are placed where the host maps nothing, and this VMM fails then.
        case barUnmappable = "bar_unmappable"
        /// The guest was promised a window that a host does not have.
        case guestContractViolation = "guest_contract_violation"
    }

    /// One reason against a window.
    public struct Blocker: Hashable, Sendable {
        public enum Owner: Hashable, Sendable {
            case host(String)
            case vm(String)
        }
        public var owner: Owner
        public var kind: String
        public var range: IOVARange?
        public var provenance: String
    }

    public struct Warning: Hashable, Sendable {
        public enum Severity: String, CaseIterable, Sendable {
            case info, warning, fatal
        }
        public var code: Code
        public var severity: Severity
        public var detail: String
        public var range: IOVARange?
        public var host: String?
        /// Of what a device writes to `range`; nil where the warning is about something else.
        public var reachability: Reachability?

        package init(
            code: Code, severity: Severity, detail: String, range: IOVARange? = nil, host: String? = nil,
            reachability: Reachability? = nil
        ) {
            (self.code, self.severity, self.detail) = (code, severity, detail)
            (self.range, self.host, self.reachability) = (range, host, reachability)
        }
    }

    public struct Picks: Hashable, Sendable {
        public var nearestDefault: UInt64?
        public var lowest: UInt64?
        public var highestBelow4G: UInt64?
    }

    /// One host without regard to the others.
    public struct HostAnswer: Hashable, Sendable {
        public var host: String
        /// Hosts with one number are of one kind: their answers differ in what is said of the host by name,
        /// and in what its virtio-iommus are assumed to report.
        public var kind: Int
        /// What its virtio-iommus are assumed to report; nil where nothing is assumed.
        public var iommuRegions: [ReservedRegion]?
        public var verdict: Verdict
        /// With `worksWithStealTimeOff`: what it is then.
        public var verdictWithStealTimeOff: Verdict?
        public var defaultWorks: Bool
        /// Whether its devices reach the default, whatever the guest has there.
        public var defaultReachability: Reachability
        public var blockers: [Blocker]
        public var picks: Picks
        /// The base to use on this host.
        public var chosen: UInt64?
        /// What Linux takes there; nil where this host has no window, or uses none.
        public var window: IOVARange?
        /// Pages of the doorbells in it, in the order in which doorbells are used first; the first few where
        /// there are many hosts.
        public var doorbells: [IOVA]
        /// Ascending, the first few when a pool of thousands has many.
        public var unmappable: [IOVARange]
        /// Ranges that are not listed.
        public var unmappableDropped: Int
    }

    public var verdict: Verdict
    /// With `worksWithStealTimeOff`: what it is then.
    public var verdictWithStealTimeOff: Verdict?
    public var defaultWorks: Bool
    /// Whether the devices of every host reach the default, whatever the guest has there.
    public var defaultReachability: Reachability
    public var defaultBlockers: [Blocker]
    /// Whether the base that was asked for is free; nil when none was.
    public var requestedWorks: Bool?
    /// Of the base that was asked for.
    public var requestedReachability: Reachability
    public var requestedBlockers: [Blocker]
    public var candidates: Candidates
    public var picks: Picks
    /// The common base to use: the one that was asked for, the default, or the nearest to it.
    public var chosen: UInt64?
    public var window: WindowDemand
    /// Guest memory that some host does not map.
    public var unmappable: [IOVARange]
    /// The largest RAM that every host maps.
    public var maxRAM: UInt64?
    /// Whether all hosts must use one window, because the guest sees it.
    public var needsCommonWindow: Bool
    public var hosts: [HostAnswer]
    public var warnings: [Warning]
    /// One sentence for a person.
    public var because: String
    /// How the VM gets the window, on kernels and VMMs as they are.
    public var mechanism = Mechanism(kind: .none, because: "", notAvailable: [])
    /// Changes of which each makes Linux's own window work, the smallest first.
    public var remedies: [Remedy] = []
    /// What `Rendering.text` has of it.
    public var renderings: [Rendering.Format] = []
    /// Whether Linux's own window works on these hosts as it is, whatever base and however little was asked
    /// for.
    var worksToday = false
    /// What would show that Linux's own window is not reached, where no list says so.
    public var missingDescriptions: [MissingDescription] = []
    /// Where virtio-iommus of the hosts decide what they report: the answer if they report MSI regions. At
    /// most one.
    public var ifReported: [IfReported] = []
}

extension Placement.Warning {
    public enum Code: String, CaseIterable, Sendable {
        case barOutsideMappable = "bar_outside_mappable"
        case pinnedBAROutsideMappable = "pinned_bar_outside_mappable"
        case barsMappedAnyway = "bars_mapped_anyway"
        case hotplugUnmappable = "hotplug_unmappable"
        case vmMemoryUnmappable = "vm_memory_unmappable"
        case ramUnreachable = "ram_unreachable"
        case directRegion = "direct_region"
        /// The kernel hands a device over in spite of a direct region.
        case directRegionUnenforced = "direct_region_unenforced"
        /// A device has no IOMMU group, or may have none.
        case noGroup = "no_group"
        case type1Only = "type1_only"
        case hardwareMSIOnly = "hardware_msi_only"
        case rangesBeforeAttach = "ranges_before_attach"
        /// No source states the PCI windows of a host.
        case pciWindowsUnknown = "pci_windows_unknown"
        /// `_DMA` of a host's bridge is not known.
        case inboundWindowsUnknown = "inbound_windows_unknown"
        /// Whether a host's bridge keeps the boot configuration is not known, and so whether its RMRs apply.
        case preserveConfigUnknown = "preserve_config_unknown"
        /// Which of firmware's devices a member of a group is, is not known.
        case firmwareUnknown = "firmware_unknown"
        /// Whose the entries of a group's list are is not known.
        case groupNotJoined = "group_not_joined"
        /// The kernel's list of a group was not read.
        case reservedRegionsUnknown = "reserved_regions_unknown"
        /// Nobody has said what the host's virtio-iommu reports.
        case iommuDecidesWindow = "iommu_decides_window"
        /// What a virtio-iommu reports was stated of a host without one.
        case iommuRegionsUnused = "iommu_regions_unused"
        /// The list of regions is of an x86 host.
        case x86Host = "x86_host"
        case kernelCrashes = "kernel_crashes"
        /// A kernel of the hosts is not modelled, or not known; the nearest one answers for it.
        case kernelNotModelledExactly = "kernel_not_modelled_exactly"
        case relaxableStopsKvmtool = "relaxable_stops_kvmtool"
        case optionMissingOnDevice = "option_missing_on_device"
        /// The window needs what a host does not state that it has.
        case mechanismNotAvailable = "mechanism_not_available"
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

extension Placement {
    /// Whether the chosen window is another than the kernel's own constant, in place or size, so that an
    /// option must set it.
    public var needsOption: Bool {
        chosen.map { $0 != WindowSource.mainlineBase || window.size > WindowSource.mainlineSize } ?? false
    }
}
