// The survey: every device of a set of machines under every policy, and which constants would have served
// them all. Rows are added one by one, so that a caller can stream them; what is kept of a row is its class,
// for most devices of the world are alike.

public import AddressSpaces
public import MSIWindows
public import Machines

/// A survey that is being taken.
public struct Survey: Sendable {
    /// How one policy fares.
    public struct PolicyTally: Sendable {
        public var policy: SurveyPolicy
        public var fits = 0
        /// Devices whose window is withheld, or that get none.
        public var conflicts = 0
        /// Those of the conflicts that only PCI windows make.
        public var conditional = 0
        /// Devices whose base is not mainline's.
        public var moved = 0
        /// Platforms with at least one conflict, in order of appearance.
        public var platforms: [String] = []
    }

    /// A device that some policy fails.
    public struct Conflict: Sendable {
        public var platform: String
        public var device: String
        public var policy: String
        public var base: UInt64?
        public var reachability: Reachability
        public var reasons: [String]
    }

    public let policies: [SurveyPolicy]
    public let demand: WindowDemand
    public let conditions: Conditions
    /// Whether masters behind disabled SMMUs are left out.
    public let isActiveOnly: Bool

    public private(set) var platformCount = 0
    /// Platforms with at least one surveyed device.
    public private(set) var platformsWithDevices = 0
    public private(set) var deviceCount = 0
    public private(set) var hazards: [SoftHazard]
    /// What to know of hosts whose reported ranges are not used; of the first hosts only.
    public private(set) var warnings: [Placement.Warning] = []
    private var count: SurveyCount
    /// The same with what virtio-iommus may report; nil where nothing depends on that.
    private var reported: Reported?

    public var tallies: [PolicyTally] { count.tallies }
    public var conflicts: [Conflict] { count.conflicts }
    /// Conflicts beyond the first `conflictsMax`.
    public var conflictsDropped: Int { count.conflictsDropped }
    var classes: [SurveyCount.Class] { count.classes }

    /// Conflicts of constants and of the posted series that one survey lists.
    public static let conflictsMax = 10_000

    /// Windows of 1 MiB at multiples of it, below 4 GiB, are what constants are.
    public init(
        policies: [SurveyPolicy] = SurveyPolicy.standard, conditions: Conditions = Conditions(),
        isActiveOnly: Bool = true
    ) {
        self.policies = policies
        self.conditions = conditions
        self.isActiveOnly = isActiveOnly
        demand = WindowDemand(is32BitOnly: true)
        count = SurveyCount(policies)
        hazards = policies.compactMap { policy in
            if case .constant(let base) = policy { SoftHazard(base: base) } else { nil }
        }
    }

    /// Adds a machine; `row` receives every row in order.
    ///
    /// - Parameters:
    ///   - own: of this machine, where they are others than the survey's.
    ///   - aperture: what this machine's SMMUs translate; nil for the survey's own.
    ///   - prepare: prepares a device of the machine, or finds it where somebody keeps it.
    public mutating func add(
        _ name: String, _ platform: Platform, under own: Conditions? = nil, aperture: IOVARange? = nil,
        prepare: ((Device, Conditions) -> PreparedDevice)? = nil, row: (SurveyRow) -> Void = { _ in }
    ) {
        platformCount += 1
        var found = 0
        var crash: String?
        var undecided: String?
        var isUnused = false
        let conditions = self.conditions(aperture, own)
        let doorbells = DoorbellIndex(platform)
        let ids = DeviceIndex(platform)
        var kept: [DeviceClass: PreparedDevice] = [:]
        for device in platform.devicesOnce where device.active || !isActiveOnly {
            found += 1
            let prepared =
                prepare?(device, conditions) ?? kept.prepared(device, of: platform, under: conditions)
            crash = crash ?? prepared.crashRemark
            isUnused = prepared.conditions.hasUnusedIOMMURegions && (isUnused || found == 1)
            let depends = add(
                name, ids.askedID(of: device), prepared, doorbells.doorbells(of: prepared.device), row)
            if depends, undecided == nil { undecided = prepared.undecidedRemark }
        }
        guard found > 0 else {
            return warn(
                platform.devices.withoutIOMMU, under: conditions, of: name,
                "The survey has no row of this machine: no device is active.")
        }
        platformsWithDevices += 1
        for unknown in UnknownFactRemark.first(of: platform.devices.lazy.filter(\.active))
        where warnings.count < Placement.hostRemarksMax {
            warnings.append(
                .init(code: unknown.code, severity: .warning, detail: unknown.detail, host: name))
        }
        let isActiveOnly = isActiveOnly
        let surveyed = platform.devices.lazy.filter { $0.active || !isActiveOnly }
        warn(
            surveyed.withoutIOMMU, under: conditions, of: name,
            "Rows are those of devices behind their IOMMUs.")
        if let crash, warnings.count < Placement.hostRemarksMax {
            warnings.append(.init(code: .kernelCrashes, severity: .fatal, detail: crash, host: name))
        }
        if let undecided, warnings.count < Placement.hostRemarksMax {
            warnings.append(
                .init(
                    code: .iommuDecidesWindow, severity: .warning, detail: undecided,
                    range: WindowSource.mainlineWindow, host: name))
        }
        let x86Remark = platform.devices.lazy.compactMap(\.x86Remark).first
        warn(x86Remark, of: name)
        warn(aboutKernelOf: conditions, onX86: x86Remark != nil)
        if isUnused, warnings.count < Placement.hostRemarksMax {
            warnings.append(
                .init(
                    code: .iommuRegionsUnused, severity: .warning, detail: Conditions.unusedIOMMURegions,
                    host: name))
        }
        for index in hazards.indices { hazards[index].look(at: platform, named: name, size: demand.size) }
    }

    /// Warns of a device that has no IOMMU, or may have none, and says what follows.
    private mutating func warn(
        _ device: Device?, under conditions: Conditions, of name: String, _ effect: String
    ) {
        guard let remark = device?.missingIOMMURemark(under: conditions, for: nil),
            warnings.count < Placement.hostRemarksMax
        else { return }
        warnings.append(
            .init(code: .noGroup, severity: .warning, detail: "\(remark) \(effect)", host: name))
    }

    /// Adds a host by one device that stands for what it reports.
    public mutating func add(
        host name: String, _ device: Device, usable: UsableRanges?, under own: Conditions? = nil,
        aperture: IOVARange? = nil, row: (SurveyRow) -> Void = { _ in }
    ) {
        platformCount += 1
        platformsWithDevices += 1
        var conditions = conditions(aperture, own)
        if let driver = device.reportedDriver { conditions.driver = driver }
        if let remark = usable?.remark, warnings.count < Placement.hostRemarksMax {
            warnings.append(.init(code: .rangesBeforeAttach, severity: .warning, detail: remark, host: name))
        }
        warn(device.x86Remark, of: name)
        warn(aboutKernelOf: conditions, onX86: device.isOfX86)
        _ = add(name, device.id, PreparedDevice(device, usable: usable, under: conditions), [], row)
    }

    /// Hosts of one kernel share the warning.
    private mutating func warn(aboutKernelOf conditions: Conditions, onX86: Bool) {
        guard let remark = conditions.kernelRemark(onX86: onX86), warnings.count < Placement.hostRemarksMax,
            !warnings.contains(where: { $0.detail == remark })
        else { return }
        warnings.append(.init(code: .kernelNotModelledExactly, severity: .warning, detail: remark))
    }

    private mutating func warn(_ x86Remark: String?, of host: String) {
        guard let x86Remark, warnings.count < Placement.hostRemarksMax else { return }
        warnings.append(
            .init(
                code: .x86Host, severity: .warning, detail: x86Remark, range: DriverWindow.x86, host: host))
    }

    private func conditions(_ aperture: IOVARange?, _ own: Conditions? = nil) -> Conditions {
        var conditions = own ?? conditions
        if let aperture { conditions.aperture = aperture }
        return conditions
    }

    /// Whether the row depends on what a virtio-iommu reports.
    private mutating func add(
        _ name: String, _ id: String, _ device: PreparedDevice, _ doorbells: [PhysicalAddress],
        _ report: (SurveyRow) -> Void
    ) -> Bool {
        var row = SurveyRow(platform: name, id, device, policies: policies, demand: demand)
        let other = device.ifReported(over: doorbells)
        let otherRow = other.map {
            SurveyRow(platform: name, id, $0.device, policies: policies, demand: demand)
        }
        let depends = otherRow.map { !$0.isSameAnswer(as: row) } ?? false
        if depends, let other, !other.regions.isEmpty, let otherRow {
            row.ifReported = [.init(regions: other.regions, cells: otherRow.cells)]
            // Until now both were one.
            if reported == nil { reported = Reported(count: count) }
            reported?.count.add(otherRow)
            reported?.note(other.regions)
        } else {
            reported?.count.add(row)
        }
        deviceCount += 1
        count.add(row)
        report(row)
        return depends
    }

    /// The count of the rows if virtio-iommus report MSI regions.
    private struct Reported {
        var regions: [ReservedRegion] = []
        var count: SurveyCount

        /// Each once, the first of many.
        mutating func note(_ more: [ReservedRegion]) {
            for region in more where regions.count < Survey.regionsMax && !regions.contains(region) {
                regions.append(region)
            }
        }
    }

    /// Regions that virtio-iommus may report that one survey lists.
    package static let regionsMax = 64

    /// The survey if virtio-iommus report MSI regions, and these; nil where nothing depends on it.
    public var ifReported: (regions: [ReservedRegion], survey: Survey)? {
        guard let reported else { return nil }
        var other = self
        other.count = reported.count
        other.reported = nil
        return (reported.regions, other)
    }
}

/// What lies at one constant's number on the machines of a survey.
public struct SoftHazard: Sendable {
    public let base: UInt64
    /// Platforms with RAM there.
    public private(set) var ram: [String] = []
    /// Platforms with a device there: PCI windows, SMMUs, doorbells.
    public private(set) var mmio: [String] = []

    init(base: UInt64) { self.base = base }

    mutating func look(at platform: Platform, named name: String, size: UInt64) {
        guard let window = PhysicalRange(start: PhysicalAddress(base), size: size) else { return }
        if platform.memory.contains(where: { $0.overlaps(window) }) { ram.append(name) }
        let isMMIO =
            platform.smmus.contains { $0.registers.contains { $0.overlaps(window) } }
            || platform.msiControllers.contains { $0.doorbell.map { window.contains($0) } == true }
            || platform.devices.contains { device in
                device.pciWindows.contains { pci in
                    PhysicalRange(start: PhysicalAddress(pci.cpuStart), size: pci.size)?.overlaps(window)
                        == true
                }
            }
        if isMMIO { mmio.append(name) }
    }
}

extension [DeviceClass: PreparedDevice] {
    /// Prepares a device as user space gets it, or shares the set of one like it.
    fileprivate mutating func prepared(
        _ device: Device, of platform: Platform, under conditions: Conditions
    ) -> PreparedDevice {
        let alike = DeviceClass(device, .whole)
        if let alike, let kept = self[alike] { return kept.serving(device) }
        let made = platform.prepared(device.with(.whole), under: conditions)
        if let alike { self[alike] = made }
        return made
    }
}
