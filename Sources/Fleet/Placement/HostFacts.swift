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
    /// All that is known. Everything else here follows from it, so that facts with equal content are alike in
    /// every answer.
    let content: Content
    /// Ranges that VFIO and iommufd let user space map, the default window included.
    public let mappable: IOVASet
    /// Where a window would also be reached by the devices.
    public let windowable: IOVASet
    /// What is not mappable, and what is not windowable.
    let unmappable, unwindowable: IOVASet
    /// Where PCI windows alone are in the way of devices' writes.
    public let conditional: IOVASet
    /// A direct region for which Linux refuses the device outright.
    public let refusal: HostObstacle?
    /// Both kinds of MSI region: iommufd refuses the device, and type1 cannot move the window.
    public let isType1Only: Bool
    /// Only hardware MSI: doorbells keep their addresses, and no window is used.
    public let hasHardwareMSIOnly: Bool

    /// What facts are made of.
    struct Content: Hashable {
        /// By start.
        let obstacles: [HostObstacle]
        let relaxable: [HostObstacle]
        let unenforced: [UnenforcedRegion]
        let hasSoftwareMSI: Bool
        let devicesWithoutOption: [String]
        let rangesRemark: String?
        let unknownFacts: [UnknownFactRemark]
        let undecidedRemark: String?
        let unusedRegionsRemark: String?
        let x86Remark: String?
        let crashRemark: String?
        let noGroup: NoGroup?
        let ifReported: [IfReported]
        let undescribed: [UndescribedRange]
        let otherIOMMU: SMMU.Version?
        let reaching: [Reaching]
    }

    /// By start.
    public var obstacles: [HostObstacle] { content.obstacles }
    /// Direct regions that the kernel does not enforce: they are obstacles like others.
    var unenforced: [UnenforcedRegion] { content.unenforced }
    /// That a device has no IOMMU, or may have none.
    public var noGroupRemark: String? { content.noGroup?.remark }
    /// Whether one has none for certain: Linux refuses it outright as well.
    var lacksIOMMU: Bool { content.noGroup?.isCertain ?? false }
    /// Direct-relaxable regions, which only kvmtool minds: of each group the first line, in which it stops
    /// reading.
    public var relaxable: [HostObstacle] { content.relaxable }
    /// The ranges are those of a container before anything was attached: they say nothing.
    public var rangesRemark: String? { content.rangesRemark }
    /// Windows of host bridges that are not known, so that they are no obstacles.
    public var unknownFacts: [UnknownFactRemark] { content.unknownFacts }
    /// The kernel crashes on what firmware says of a device.
    public var crashRemark: String? { content.crashRemark }
    /// A virtio-iommu decides whether there is a window, and nobody has said what it reports.
    public var undecidedRemark: String? { content.undecidedRemark }
    /// The host is no Arm SMMU host.
    public var x86Remark: String? { content.x86Remark }
    /// Regions of a virtio-iommu were stated of a device that is behind none.
    public var unusedRegionsRemark: String? { content.unusedRegionsRemark }
    /// What the host is if its virtio-iommus report MSI regions; at most one, and there where
    /// `undecidedRemark` is.
    public var ifReported: [IfReported] { content.ifReported }
    /// Devices whose software window lies at the default although the option was set for others.
    public var devicesWithoutOption: [String] { content.devicesWithoutOption }
    /// The IOMMU of a device that is behind another than an SMMUv3; nil where none is known to be.
    var otherIOMMU: SMMU.Version? { content.otherIOMMU }
    /// What of Linux's own window firmware withholds from devices and VFIO is not told, of the first devices.
    public var undescribed: [UndescribedRange] { content.undescribed }

    /// What the host is without the devices that keep it from Linux's own window; at most one.
    var reaching: Reaching? { content.reaching.first }

    /// A host with fewer devices.
    struct Reaching: Hashable {
        /// Which it does not have: 1...`Remedy.namesMax`.
        let without: [String]
        let facts: HostFacts
    }

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
    public struct IfReported: Hashable, Sendable {
        /// Over the doorbells that are known, each once; empty where none is.
        public var regions: [ReservedRegion]
        public var facts: HostFacts
    }

    /// A device that has no IOMMU, or may have none, under the kernel of the host.
    struct NoGroup: Hashable {
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
    convenience init(
        obstacles: [HostObstacle], unenforced: [UnenforcedRegion], hasSoftwareMSI: Bool,
        options: [DeviceOption] = [],
        rangesRemark: String? = nil, unknownFacts: [UnknownFactRemark] = [],
        undecidedRemark: String? = nil,
        unusedRegionsRemark: String? = nil, x86Remark: String? = nil, crashRemark: String? = nil,
        noGroup: NoGroup? = nil, ifReported: [IfReported] = [], undescribed: [UndescribedRange] = [],
        otherIOMMU: SMMU.Version? = nil, reaching: Reaching? = nil
    ) {
        var obstacles = obstacles
        let isMixed = options.contains { $0.window != nil } && options.contains { $0.window == nil }
        if isMixed {
            obstacles += options.map { option in
                HostObstacle(
                    range: option.window ?? WindowSource.mainlineWindow, kind: .deviceWindow,
                    provenance: "software MSI window of \(option.device)")
            }
        }
        self.init(
            Content(
                obstacles: obstacles.filter { $0.kind != .directRelaxable }
                    .sorted { ($0.range.start, $0.range.last) < ($1.range.start, $1.range.last) },
                relaxable: obstacles.filter { $0.kind == .directRelaxable }, unenforced: unenforced,
                hasSoftwareMSI: hasSoftwareMSI,
                devicesWithoutOption: isMixed ? options.filter { $0.window == nil }.map(\.device) : [],
                rangesRemark: rangesRemark, unknownFacts: unknownFacts, undecidedRemark: undecidedRemark,
                unusedRegionsRemark: unusedRegionsRemark, x86Remark: x86Remark, crashRemark: crashRemark,
                noGroup: noGroup, ifReported: ifReported, undescribed: undescribed,
                otherIOMMU: otherIOMMU, reaching: reaching.map { [$0] } ?? []))
    }

    private init(_ content: Content) {
        self.content = content
        let hard = content.obstacles
        unmappable = IOVASet(hard.filter(\.refusesMappings).map(\.range))
        unwindowable = IOVASet(hard.map(\.range))
        mappable = unmappable.complement()
        windowable = unwindowable.complement()
        conditional = IOVASet(hard.filter { $0.kind.reachability == .conditional }.map(\.range))
            .subtracting(IOVASet(hard.filter { $0.kind.reachability == .no }.map(\.range)))
        refusal = content.unenforced.isEmpty ? hard.first { $0.kind == .direct } : nil
        let hasHardware = hard.contains { $0.kind == .hardwareMSI }
        isType1Only = hasHardware && content.hasSoftwareMSI
        hasHardwareMSIOnly = hasHardware && !content.hasSoftwareMSI
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

extension HostFacts: Hashable {
    public func hash(into hasher: inout Hasher) { hasher.combine(content) }

    public static func == (left: HostFacts, right: HostFacts) -> Bool {
        left === right || left.content == right.content
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
