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

    /// Devices with equal places for a window.
    struct Class: Sendable {
        var places: Candidates
        var devices = 0
        /// Platforms of the class, each once.
        var platforms: [String] = []
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
    public private(set) var tallies: [PolicyTally]
    public private(set) var conflicts: [Conflict] = []
    /// Conflicts beyond the first `conflictsMax`.
    public private(set) var conflictsDropped = 0
    public private(set) var hazards: [SoftHazard]
    /// What to know of hosts whose reported ranges are not used; of the first hosts only.
    public private(set) var warnings: [Placement.Warning] = []
    private(set) var classes: [Class] = []
    private var classIndex: [[IOVARange]: Int] = [:]

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
        tallies = policies.map { PolicyTally(policy: $0) }
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
        let conditions = self.conditions(aperture, own)
        for device in platform.devices where device.active || !isActiveOnly {
            found += 1
            let prepared = prepare?(device, conditions) ?? platform.prepared(device, under: conditions)
            crash = crash ?? prepared.crashRemark
            add(name, prepared, row)
        }
        guard found > 0 else { return }
        platformsWithDevices += 1
        let unknown = platform.devices.lazy.filter(\.active).compactMap(\.unknownWindowsRemark).first
        if let unknown, warnings.count < Placement.hostRemarksMax {
            warnings.append(.init(code: .pciWindowsUnknown, severity: .warning, detail: unknown, host: name))
        }
        if let crash, warnings.count < Placement.hostRemarksMax {
            warnings.append(.init(code: .kernelCrashes, severity: .fatal, detail: crash, host: name))
        }
        if let undecided = platform.firstUndecided, warnings.count < Placement.hostRemarksMax {
            warnings.append(
                .init(
                    code: .iommuDecidesWindow, severity: .warning, detail: undecided.undecidedRemark,
                    range: WindowSource.mainlineWindow, host: name))
        }
        for index in hazards.indices { hazards[index].look(at: platform, named: name, size: demand.size) }
    }

    /// Adds a host by one device that stands for what it reports.
    public mutating func add(
        host name: String, _ device: Device, usable: UsableRanges?, aperture: IOVARange? = nil,
        row: (SurveyRow) -> Void = { _ in }
    ) {
        platformCount += 1
        platformsWithDevices += 1
        var conditions = conditions(aperture)
        if let driver = device.reportedDriver { conditions.driver = driver }
        if let remark = usable?.remark, warnings.count < Placement.hostRemarksMax {
            warnings.append(.init(code: .rangesBeforeAttach, severity: .warning, detail: remark, host: name))
        }
        add(name, PreparedDevice(device, usable: usable, under: conditions), row)
    }

    private func conditions(_ aperture: IOVARange?, _ own: Conditions? = nil) -> Conditions {
        var conditions = own ?? conditions
        if let aperture { conditions.aperture = aperture }
        return conditions
    }

    private mutating func add(_ name: String, _ device: PreparedDevice, _ report: (SurveyRow) -> Void) {
        let row = SurveyRow(platform: name, device, policies: policies, demand: demand)
        deviceCount += 1
        for (index, cell) in row.cells.enumerated() { count(cell, of: row, policy: index) }
        let place = classIndex[row.places.ranges] ?? classes.count
        if place == classes.count {
            classIndex[row.places.ranges] = place
            classes.append(Class(places: row.places))
        }
        classes[place].devices += 1
        if classes[place].platforms.last != name { classes[place].platforms.append(name) }
        report(row)
    }

    private mutating func count(_ cell: SurveyRow.Cell, of row: SurveyRow, policy index: Int) {
        let needsNone = cell.base == nil && cell.fits
        if cell.base != WindowSource.mainlineBase, !needsNone { tallies[index].moved += 1 }
        guard !cell.fits else {
            tallies[index].fits += 1
            return
        }
        tallies[index].conflicts += 1
        if cell.reachability == .conditional { tallies[index].conditional += 1 }
        if tallies[index].platforms.last != row.platform { tallies[index].platforms.append(row.platform) }
        guard conflicts.count < Self.conflictsMax else {
            conflictsDropped += 1
            return
        }
        conflicts.append(
            Conflict(
                platform: row.platform, device: row.device, policy: policies[index].name, base: cell.base,
                reachability: cell.reachability, reasons: cell.reasons))
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
