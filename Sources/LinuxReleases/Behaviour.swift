// What kernels do differently in this field, one name for each difference. A behaviour has two or three
// values; which release has which is in KernelHistory.

/// One difference between kernels.
public enum Behaviour: String, CaseIterable, Sendable {
    case iortRMR = "iort_rmr"
    case dtIOMMUAddresses = "dt_iommu_addresses"
    case untranslatableIOMMUAddresses = "untranslatable_iommu_addresses"
    case secondSearchPass = "second_search_pass"
    case startsAtInboundWindow = "starts_at_inbound_window"
    case magazineSize = "magazine_size"
    case depot
    case forcedac
    case remembersFailureBelow4G = "remembers_failure_below_4g"
    case groupOrder = "group_order"
    case notViableGroup = "not_viable_group"
    case refusesBlockingDirect = "refuses_blocking_direct"
    case isolationPerGroup = "isolation_per_group"
    case noCookieRefused = "no_cookie_refused"
    case iommufd
    case iommufdOwnMSIMap = "iommufd_own_msi_map"
    case iommufdNoIOMMU = "iommufd_noiommu"
    case mapOverflowErrno = "map_overflow_errno"

    /// A value as a request states it and an answer tells it.
    public enum Value: Hashable, Sendable {
        case flag(Bool)
        case word(String)
        case number(Int)
    }

    /// All values, from the oldest kernels' on.
    public var values: [Value] {
        switch self {
        case .iortRMR, .dtIOMMUAddresses, .secondSearchPass, .forcedac, .remembersFailureBelow4G,
            .refusesBlockingDirect, .isolationPerGroup, .noCookieRefused, .iommufd, .iommufdOwnMSIMap,
            .iommufdNoIOMMU:
            [.flag(false), .flag(true)]
        case .startsAtInboundWindow: [.flag(true), .flag(false)]
        case .untranslatableIOMMUAddresses: [.word("ignored"), .word("oops"), .word("panic")]
        case .magazineSize: [.number(128), .number(127)]
        case .depot: [.word("bounded"), .word("unbounded")]
        case .groupOrder: [.word("bind"), .word("bus")]
        case .notViableGroup: [.word("EINVAL"), .word("EPERM")]
        case .mapOverflowErrno: [.word("EINVAL"), .word("EOVERFLOW")]
        }
    }

    /// What it is about, for people.
    public var sentence: String {
        switch self {
        case .iortRMR: "Whether RMR nodes of the IORT become reserved regions."
        case .dtIOMMUAddresses:
            "Whether iommu-addresses of a device tree become reserved regions, of PCI functions and of platform devices."
        case .untranslatableIOMMUAddresses:
            "What an iommu-addresses entry that no bus translates does: nothing, an oops when the driver binds, a panic at boot."
        case .secondSearchPass:
            "Whether the allocator searches above its hint when nothing fits below."
        case .startsAtInboundWindow:
            "Whether the allocator starts at the lowest inbound address; otherwise at the first page."
        case .magazineSize: "How many freed ranges one magazine of the allocator's cache holds."
        case .depot: "Whether a depot holds at most 32 full magazines, or grows and is trimmed by a timer."
        case .forcedac:
            "Whether iommu.forcedac exists; without it PCI devices are always tried below 4 GiB first."
        case .remembersFailureBelow4G:
            "Whether a PCI device that found no place below 4 GiB once is not tried there again."
        case .groupOrder:
            "With a device tree, whose reservations a group's domain has: the device's that binds first, or the first's on the bus."
        case .notViableGroup:
            "How VFIO refuses a group with a device of another driver: EINVAL at GET_DEVICE_FD, or EPERM at SET_CONTAINER."
        case .refusesBlockingDirect: "Whether a direct region keeps VFIO and iommufd out of the group."
        case .isolationPerGroup:
            "Whether the isolation of MSIs is asked of the group's devices; otherwise of the whole machine."
        case .noCookieRefused:
            "Whether a domain without an MSI cookie refuses MSIs; otherwise they go to the physical doorbell."
        case .iommufd: "Whether iommufd exists."
        case .iommufdOwnMSIMap:
            "Whether iommufd keeps its own map of doorbell pages; otherwise it uses VFIO's linear cookie."
        case .iommufdNoIOMMU: "Whether iommufd serves a device without an IOMMU."
        case .mapOverflowErrno: "What VFIO answers to a map whose end wraps."
        }
    }
}

extension Behaviour {
    /// A question whose answer differs with it, for people.
    public var question: String {
        switch self {
        case .iortRMR: "The sysfs view of a device that an RMR node of the IORT names."
        case .dtIOMMUAddresses: "The sysfs view of a device whose memory-region has iommu-addresses."
        case .untranslatableIOMMUAddresses:
            "A decision for a device whose iommu-addresses lie outside the dma-ranges above it: the warning kernel_crashes."
        case .secondSearchPass:
            "A replay: reserve pages 1 to 0xfff00, allocate 1, 64, 64, 64, 32 and 32 aligned pages below 0x100000: where the last goes."
        case .startsAtInboundWindow:
            "The state of a session's dma_api domain, of a device with an inbound window at 0x80000000: its start."
        case .magazineSize:
            "A replay: allocate 129 pages one by one, park 128 of them, the highest last; allocate one page below it."
        case .depot:
            "A replay: allocate and free 4,500 pages one by one; those that a bounded depot has no place for are free again."
        case .forcedac: "A dma_api decision for a PCI device with forcedac: true."
        case .remembersFailureBelow4G:
            "A dma_api decision after an earlier mapping of 4 GiB, for a PCI device: the page lies above 4 GiB, or below."
        case .groupOrder:
            "A dma_api decision for a device with a group mate that has a region near 4 GiB: the warning group_order."
        case .notViableGroup: "A vfio_type1 decision with foreign_driver: true."
        case .refusesBlockingDirect: "A vfio_type1 decision for a device with a direct region."
        case .isolationPerGroup:
            "A vfio_type1 decision without allow_unsafe_interrupts, for a device behind an ITS on a machine that has a GICv2m too."
        case .noCookieRefused: "A vfio_type1 decision with window_source: none."
        case .iommufd: "An iommufd decision."
        case .iommufdOwnMSIMap:
            "An iommufd decision with 257 doorbell pages, one more than the window holds."
        case .iommufdNoIOMMU: "An iommufd decision with default_domain: no_group."
        case .mapOverflowErrno: "A vfio_type1 decision with a map check of two pages at 0xfffffffffffff000."
        }
    }
}

/// A value for every behaviour: an index into its values, two bits each. Trivial to copy and to compare.
struct Behaviours: Hashable, Sendable {
    private var bits: UInt64 = 0

    subscript(behaviour: Behaviour) -> Int {
        get { Int(bits >> Self.shift(behaviour) & 3) }
        set {
            precondition(behaviour.values.indices.contains(newValue), "\(behaviour) has no value \(newValue)")
            bits = bits & ~(3 << Self.shift(behaviour)) | UInt64(newValue) << Self.shift(behaviour)
        }
    }

    /// A switch, not a search in `allCases`: hot paths ask.
    private static func shift(_ behaviour: Behaviour) -> UInt64 {
        switch behaviour {
        case .iortRMR: 0
        case .dtIOMMUAddresses: 2
        case .untranslatableIOMMUAddresses: 4
        case .secondSearchPass: 8
        case .startsAtInboundWindow: 10
        case .magazineSize: 12
        case .depot: 14
        case .forcedac: 16
        case .remembersFailureBelow4G: 18
        case .groupOrder: 20
        case .notViableGroup: 22
        case .refusesBlockingDirect: 24
        case .isolationPerGroup: 26
        case .noCookieRefused: 28
        case .iommufd: 30
        case .iommufdOwnMSIMap: 32
        case .iommufdNoIOMMU: 34
        case .mapOverflowErrno: 36
        }
    }
}
