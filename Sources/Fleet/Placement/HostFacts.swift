// One host as a placement sees it: what may be mapped, where a window may lie, and why not elsewhere.
// Linux's own default window is no obstacle here: it gives way when the window moves. Mirrors the reading
// of reserved regions in drivers/iommu/iommufd/io_pagetable.c: iopt_table_enforce_dev_resv_regions and
// drivers/vfio/vfio_iommu_type1.c: vfio_iommu_resv_exclude, Linux 7.2.

public import AddressSpaces
public import MSIWindows
public import Machines

/// What is known about one host. A class: a question refers to the facts of thousands of hosts, and every
/// walk over them would copy two dozen members each.
public final class HostFacts: Sendable {
    /// Ranges that VFIO and iommufd let user space map, the default window included.
    public let mappable: IOVASet
    /// Where a window would also be reached by the devices.
    public let windowable: IOVASet
    /// What is not mappable, and what is not windowable.
    let unmappable, unwindowable: IOVASet
    /// Where PCI windows alone are in the way of devices' writes.
    public let conditional: IOVASet
    /// By start.
    public let obstacles: [HostObstacle]
    /// A direct region for which Linux refuses the device outright.
    public let refusal: HostObstacle?
    /// Direct regions that the kernel does not enforce: they are obstacles like others.
    let unenforced: [UnenforcedRegion]
    /// That a device has no IOMMU, or may have none.
    public let noGroupRemark: String?
    /// Whether one has none for certain: Linux refuses it outright as well.
    let lacksIOMMU: Bool
    /// Both kinds of MSI region: iommufd refuses the device, and type1 cannot move the window.
    public let isType1Only: Bool
    /// Only hardware MSI: doorbells keep their addresses, and no window is used.
    public let hasHardwareMSIOnly: Bool
    /// Direct-relaxable regions, which only kvmtool minds: of each group the first line, in which it stops
    /// reading.
    public let relaxable: [HostObstacle]
    /// The ranges are those of a container before anything was attached: they say nothing.
    public let rangesRemark: String?
    /// Windows of host bridges that are not known, so that they are no obstacles.
    public let unknownFacts: [UnknownFactRemark]
    /// The kernel crashes on what firmware says of a device.
    public let crashRemark: String?
    /// A virtio-iommu decides whether there is a window, and nobody has said what it reports.
    public let undecidedRemark: String?
    /// The host is no Arm SMMU host.
    public let x86Remark: String?
    /// Regions of a virtio-iommu were stated of a device that is behind none.
    public let unusedRegionsRemark: String?
    /// What the host is if its virtio-iommus report MSI regions; at most one, and there where
    /// `undecidedRemark` is.
    public let ifReported: [IfReported]
    /// Devices whose software window lies at the default although the option was set for others.
    public let devicesWithoutOption: [String]
    /// What of Linux's own window firmware withholds from devices and VFIO is not told, of the first devices.
    public let undescribed: [UndescribedRange]

    /// The window that the proposed iommufd options gave one device; nil where they were not set.
    public struct DeviceOption: Hashable, Sendable {
        public var device: String
        public var window: IOVARange?

        public init(device: String, window: IOVARange?) {
            self.device = device
            self.window = window
        }
    }

    /// A host under regions that its virtio-iommus may report.
    public struct IfReported: Sendable {
        /// Over the doorbells that are known, each once; empty where none is.
        public var regions: [ReservedRegion]
        public var facts: HostFacts
    }

    /// A device that has no IOMMU, or may have none, under the kernel of the host.
    struct NoGroup {
        let remark: String
        let isCertain: Bool

        /// nil where it has one.
        init?(_ device: Device, under conditions: Conditions) {
            guard let remark = device.missingIOMMURemark(under: conditions, for: nil) else { return nil }
            self.remark = remark
            isCertain = device.lacksIOMMU
        }
    }

    /// A direct region that does not keep user space out of the group, and what becomes of it.
    struct UnenforcedRegion: Hashable {
        let range: IOVARange?
        let detail: String

        /// Of regions that the kernel applies, those that it does not enforce.
        static func among(
            _ regions: some Sequence<ReservedRegion>, under conditions: Conditions
        ) -> [UnenforcedRegion] {
            regions.compactMap { region in
                region.unenforcedRemark(under: conditions).map { .init(range: region.range, detail: $0) }
            }
        }
    }

    /// Sorts out obstacles from all sources.
    init(
        obstacles: [HostObstacle], unenforced: [UnenforcedRegion], hasSoftwareMSI: Bool,
        options: [DeviceOption] = [],
        rangesRemark: String? = nil, unknownFacts: [UnknownFactRemark] = [],
        undecidedRemark: String? = nil,
        unusedRegionsRemark: String? = nil, x86Remark: String? = nil, crashRemark: String? = nil,
        noGroup: NoGroup? = nil, ifReported: [IfReported] = [], undescribed: [UndescribedRange] = []
    ) {
        self.ifReported = ifReported
        self.undescribed = undescribed
        var obstacles = obstacles
        let isMixed = options.contains { $0.window != nil } && options.contains { $0.window == nil }
        devicesWithoutOption = isMixed ? options.filter { $0.window == nil }.map(\.device) : []
        if isMixed {
            obstacles += options.map { option in
                HostObstacle(
                    range: option.window ?? WindowSource.mainlineWindow, kind: .deviceWindow,
                    provenance: "software MSI window of \(option.device)")
            }
        }
        let hard = obstacles.filter { $0.kind != .directRelaxable }
            .sorted { ($0.range.start, $0.range.last) < ($1.range.start, $1.range.last) }
        self.obstacles = hard
        relaxable = obstacles.filter { $0.kind == .directRelaxable }
        unmappable = IOVASet(hard.filter(\.refusesMappings).map(\.range))
        unwindowable = IOVASet(hard.map(\.range))
        mappable = unmappable.complement()
        windowable = unwindowable.complement()
        conditional = IOVASet(hard.filter { $0.kind.reachability == .conditional }.map(\.range))
            .subtracting(IOVASet(hard.filter { $0.kind.reachability == .no }.map(\.range)))
        self.unenforced = unenforced
        refusal = unenforced.isEmpty ? hard.first { $0.kind == .direct } : nil
        let hasHardware = hard.contains { $0.kind == .hardwareMSI }
        isType1Only = hasHardware && hasSoftwareMSI
        hasHardwareMSIOnly = hasHardware && !hasSoftwareMSI
        self.rangesRemark = rangesRemark
        self.unknownFacts = unknownFacts
        self.undecidedRemark = undecidedRemark
        self.unusedRegionsRemark = unusedRegionsRemark
        self.x86Remark = x86Remark
        self.crashRemark = crashRemark
        noGroupRemark = noGroup?.remark
        lacksIOMMU = noGroup?.isCertain ?? false
    }

    /// Whether Linux refuses a device to user space, whatever the window.
    var isRefused: Bool { refusal != nil || lacksIOMMU }

    /// Of one group's obstacles, without the relaxable ones that kvmtool does not get to see. Lines are in
    /// ascending order, and regions of one type that touch are one line.
    static func asKvmtoolReads(_ obstacles: [HostObstacle]) -> [HostObstacle] {
        let lines = IOVASet(obstacles.filter { $0.kind == .directRelaxable }.map(\.range))
        guard let line = lines.ranges.first else { return obstacles }
        return obstacles.filter { $0.kind != .directRelaxable || line.contains($0.range) }
    }

    /// Whether the host's devices reach a window, if Linux lets user space have them at all.
    public func reachability(of window: IOVARange) -> Reachability {
        guard !isRefused else { return .no }
        return obstacles(overlapping: window).map(\.kind.reachability).min() ?? .yes
    }

    /// Obstacles that share an address with `range`.
    public func obstacles(overlapping range: IOVARange) -> [HostObstacle] {
        obstacles.filter { $0.range.overlaps(range) }
    }
}

/// A range that a host withholds.
public struct HostObstacle: Hashable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        // What the IOMMU layer refuses to map.
        case reserved
        case direct
        case directRelaxable = "direct_relaxable"
        case hardwareMSI = "hw_msi"
        case iommuAddresses = "iommu_addresses"
        case rmr
        case outsideIOVARanges = "outside_iova_ranges"
        case outsideAperture = "outside_aperture"
        /// The window of a device whose option was not set, or set elsewhere.
        case deviceWindow = "device_window"
        // What only the platform withholds: mapping succeeds, and the device does not get there.
        case pageZero = "page_zero"
        case pciWindow = "pci_window"
        case dmaRangesGap = "dma_ranges_gap"
        case aboveDMALimit = "above_dma_limit"

        /// What of a window there can be said; PCI windows are as sure as they are for one device.
        public var reachability: Reachability {
            switch self {
            case .pciWindow: WithheldItem.Kind.pciWindow.reachability
            case .reserved, .direct, .directRelaxable, .hardwareMSI, .iommuAddresses, .rmr,
                .outsideIOVARanges, .outsideAperture, .deviceWindow, .pageZero, .dmaRangesGap, .aboveDMALimit:
                .no
            }
        }
    }

    public var range: IOVARange
    public var kind: Kind
    /// Where it comes from, for people.
    public var provenance: String
    /// Whether a mapping there is refused. False: the kernel maps, and the write is lost.
    public var refusesMappings: Bool

    public init(range: IOVARange, kind: Kind, provenance: String, refusesMappings: Bool = true) {
        self.range = range
        self.kind = kind
        self.provenance = provenance
        self.refusesMappings = refusesMappings
    }
}
