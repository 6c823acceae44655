// One machine of a survey, looked at by itself: its rows, and what else is to know of it. Nothing here knows
// another machine, or what this one is called.

import AddressSpaces
import LinuxReleases
import MSIWindows
import Machines

/// What a survey finds on one machine, whatever it is called.
public struct HostFindings: Sendable {
    let rows: [FoundRow]
    let remarks: HostRemarks

    /// How much of a survey it is.
    public var rowCount: Int { rows.count }
}

/// A row, and the same if virtio-iommus report MSI regions, where that is another.
struct FoundRow: Sendable {
    var row: SurveyRow
    var ifReported: (row: SurveyRow, regions: [ReservedRegion])?
    /// Whether the row depends on what a virtio-iommu reports.
    var isUndecided = false
}

/// What is to know of a machine besides its rows.
struct HostRemarks: Sendable {
    /// A warning that names the machine, or one that machines share.
    struct Remark: Sendable {
        var warning: Placement.Warning
        var namesHost = true

        func of(_ host: String) -> Placement.Warning {
            var warning = warning
            if namesHost { warning.host = host }
            return warning
        }
    }

    /// What lies at the number of one constant.
    struct Hazard: Sendable {
        var hasRAM: Bool
        var hasMMIO: Bool
    }

    var hasDevices = true
    var warnings: [Remark] = []
    /// In the order of the survey's; none where there is no device.
    var hazards: [Hazard] = []

    mutating func warn(
        _ code: Placement.Warning.Code, _ detail: String?, _ severity: Placement.Warning.Severity = .warning,
        range: IOVARange? = nil, namesHost: Bool = true
    ) {
        guard let detail else { return }
        warnings.append(
            Remark(
                warning: .init(code: code, severity: severity, detail: detail, range: range),
                namesHost: namesHost))
    }

    /// Warns of a device that has no IOMMU, or may have none, and says what follows.
    mutating func warn(_ device: Device?, under conditions: Conditions, _ effect: String) {
        let remark = device?.missingIOMMURemark(under: conditions, for: nil)
        warn(.noGroup, remark.map { "\($0) \(effect)" })
    }

    /// Hosts of one kernel share the warning.
    mutating func warn(aboutKernelOf conditions: Conditions, onX86: Bool) {
        warn(.kernelNotModelledExactly, conditions.kernelRemark(onX86: onX86), namesHost: false)
    }
}

/// What the rows of one machine add up to, both ways.
struct HostCounter {
    private let policies: [SurveyPolicy]
    private(set) var tally: HostTally
    private(set) var ifReported: HostTally?
    private(set) var regions: [ReservedRegion] = []
    private(set) var digest = RowsDigest()

    init(_ name: String, _ policies: [SurveyPolicy]) {
        self.policies = policies
        tally = HostTally(HostName(name), policies: policies.count)
    }

    mutating func add(_ found: FoundRow) {
        if let (row, more) = found.ifReported {
            // Until now both were one.
            if ifReported == nil { ifReported = tally }
            ifReported?.add(row, policies)
            regions += more
        } else {
            ifReported?.add(found.row, policies)
        }
        tally.add(found.row, policies)
        digest.feed(found.row)
    }
}

extension Survey {
    /// Looks at every device of a machine.
    func look(
        at platform: Platform, under own: Conditions?, aperture: IOVARange?,
        prepare: ((Device, Conditions) -> PreparedDevice)?, row: (FoundRow) -> Void
    ) -> HostRemarks {
        var remarks = HostRemarks()
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
            let foundRow = self.row(
                ids.askedID(of: device), prepared, doorbells.doorbells(of: prepared.device))
            if foundRow.isUndecided, undecided == nil { undecided = prepared.undecidedRemark }
            row(foundRow)
        }
        guard found > 0 else {
            remarks.hasDevices = false
            remarks.warn(
                platform.devices.withoutIOMMU, under: conditions,
                "The survey has no row of this machine: no device is active.")
            return remarks
        }
        for unknown in UnknownFactRemark.first(of: platform.devices.lazy.filter(\.active)) {
            remarks.warn(unknown.code, unknown.detail)
        }
        let isActiveOnly = isActiveOnly
        let surveyed = platform.devices.lazy.filter { $0.active || !isActiveOnly }
        remarks.warn(
            surveyed.withoutIOMMU, under: conditions, "Rows are those of devices behind their IOMMUs.")
        remarks.warn(.kernelCrashes, crash, .fatal)
        remarks.warn(.iommuDecidesWindow, undecided, range: WindowSource.mainlineWindow)
        let x86Remark = platform.devices.lazy.compactMap(\.x86Remark).first
        remarks.warn(.x86Host, x86Remark, range: DriverWindow.x86)
        remarks.warn(aboutKernelOf: conditions, onX86: x86Remark != nil)
        if isUnused { remarks.warn(.iommuRegionsUnused, Conditions.unusedIOMMURegions) }
        remarks.hazards = hazards.map { HostRemarks.Hazard(at: $0.base, on: platform, size: demand.size) }
        return remarks
    }

    /// Looks at one device that stands for what a host reports.
    func look(
        at device: Device, usable: UsableRanges?, under own: Conditions?, aperture: IOVARange?,
        row: (FoundRow) -> Void
    ) -> HostRemarks {
        var remarks = HostRemarks()
        var conditions = conditions(aperture, own)
        if let driver = device.reportedDriver { conditions.driver = driver }
        remarks.warn(.rangesBeforeAttach, usable?.remark)
        remarks.warn(.x86Host, device.x86Remark, range: DriverWindow.x86)
        remarks.warn(aboutKernelOf: conditions, onX86: device.isOfX86)
        row(self.row(device.id, PreparedDevice(device, usable: usable, under: conditions), []))
        return remarks
    }

    private func conditions(_ aperture: IOVARange?, _ own: Conditions? = nil) -> Conditions {
        var conditions = own ?? conditions
        if let aperture { conditions.aperture = aperture }
        return conditions
    }

    private func row(_ id: String, _ device: PreparedDevice, _ doorbells: [PhysicalAddress]) -> FoundRow {
        var row = SurveyRow(id, device, policies: policies, demand: demand)
        guard let other = device.ifReported(over: doorbells) else { return FoundRow(row: row) }
        let otherRow = SurveyRow(id, other.device, policies: policies, demand: demand)
        guard !otherRow.isSameAnswer(as: row) else { return FoundRow(row: row) }
        guard !other.regions.isEmpty else { return FoundRow(row: row, isUndecided: true) }
        row.ifReported = [.init(regions: other.regions, cells: otherRow.cells)]
        return FoundRow(row: row, ifReported: (otherRow, other.regions), isUndecided: true)
    }
}

extension HostRemarks.Hazard {
    init(at base: UInt64, on platform: Platform, size: UInt64) {
        guard let window = PhysicalRange(start: PhysicalAddress(base), size: size) else {
            self.init(hasRAM: false, hasMMIO: false)
            return
        }
        let hasMMIO =
            platform.smmus.contains { $0.registers.contains { $0.overlaps(window) } }
            || platform.msiControllers.contains { $0.doorbell.map { window.contains($0) } == true }
            || platform.devices.contains { device in
                device.pciWindows.contains { pci in
                    PhysicalRange(start: PhysicalAddress(pci.cpuStart), size: pci.size)?.overlaps(window)
                        == true
                }
            }
        self.init(hasRAM: platform.memory.contains { $0.overlaps(window) }, hasMMIO: hasMMIO)
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
