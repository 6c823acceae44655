// A boot log beside what else is known: by itself it describes host bridges and their windows, beside tables
// it supplies what they lack, and where two sources contradict each other a finding says so. Firmware's own
// description stands; of windows both sources' are kept, so that none is missed.

import AddressSpaces
import Machines

extension PlatformAssembly {
    /// The platform with the log's facts.
    func joined(_ platform: Platform, _ log: BootLog) throws(PlatformError) -> Platform {
        var joining = BootLogJoining(platform, log)
        joining.collectedGroups = collected.map { (_, host) in
            Dictionary(
                host.groups.flatMap { group in group.devices.map { ($0, group.number) } },
                uniquingKeysWith: { first, _ in first })
        }
        joining.takeSMMUs()
        joining.takeControllers()
        try joining.takeMembers()
        joining.compareWindows()
        joining.noteKernel(collected: collected?.host.kernelRelease, commandLine: commandLine?.words)
        joining.takeKernel(hasCommandLine: commandLine != nil)
        joining.noteRest()
        var platform = joining.platform
        platform.findings += joining.findings.findings
        return platform
    }
}

/// One log on its way into one platform.
struct BootLogJoining {
    var platform: Platform
    let log: BootLog
    var findings = FindingList()
    static let place = "dmesg"

    init(_ platform: Platform, _ log: BootLog) {
        self.platform = platform
        self.log = log
    }

    /// What a log says by itself: a root complex for each segment, with the windows of its host bridges.
    static func described(_ log: BootLog, windows: [UInt32: [PCIWindow]], memory: [PhysicalRange]) -> Platform
    {
        var platform = Platform(source: .bootLog, memory: memory)
        platform.smmus = log.smmus.map { report in
            SMMU(
                id: report.name, version: report.isV3 ? .v3 : .v2,
                compatible: [], registers: [], enabled: true, iommuCells: 1, coherentWalk: false)
        }
        platform.msiControllers = log.controllers
        let only = log.controllers.count == 1 ? [log.controllers[0].id] : []
        let others = windows.keys.filter { !log.segments.contains($0) }.sorted()
        platform.devices = (log.segments + others).map { segment in
            Device(
                id: Device.rootComplexID(segment), kind: .rootComplex, msiControllers: only,
                pciWindows: windows[segment] ?? [])
        }
        platform.findings = [
            Finding(
                severity: .info, code: "log-knows-little", location: place,
                detail:
                    "A log names no stream IDs, dma-ranges, limits or reserved regions, and not which SMMU a bridge is "
                    + "behind: a window that looks free may be unreachable. Send the tables (IORT, APIC) too."
            )
        ]
        return platform
    }

    // MARK: SMMUs and doorbells

    mutating func takeSMMUs() {
        for report in log.smmus {
            guard let smmu = platform.smmu(named: report.name, isV3: report.isV3),
                let index = platform.smmus.firstIndex(where: { $0.id == smmu.id })
            else {
                findings.note(
                    .warning, "log-smmu-unknown", Self.place,
                    "The log has an SMMU \(report.name) that the description does not: are both of one machine?"
                )
                continue
            }
            platform.smmus[index].reported = report.values
            noteStage2(report)
        }
    }

    /// Drivers take stage 1 where there is one.
    private mutating func noteStage2(_ report: BootLog.SMMUReport) {
        let values = report.values
        if report.isV3, let features = values.features, features & SMMU.Report.stage1Feature == 0,
            let bits = values.outputBits
        {
            findings.note(
                .warning, "log-aperture", Self.place,
                "\(report.name) has no stage 1, so it translates \(bits) bits: ask with aperture_bits=\(bits)."
            )
        } else if let bits = values.stage1Bits ?? (report.isV3 ? nil : values.inputBits), bits != 48 {
            findings.note(
                .warning, "log-aperture", Self.place,
                "\(report.name) translates \(bits) bits: ask with aperture_bits=\(bits).")
        }
    }

    mutating func takeControllers() {
        let told = log.controllers
        guard !told.isEmpty, platform.source != .bootLog else { return }
        let known = Set(platform.msiControllers.compactMap(\.doorbell))
        let unknown = platform.msiControllers.indices.filter {
            platform.msiControllers[$0].doorbell == nil && platform.msiControllers[$0].kind == .its
        }
        let new = told.filter { controller in controller.doorbell.map { !known.contains($0) } ?? false }
        let newITSs = new.filter { $0.kind == .its }
        if unknown.count == 1, newITSs.count == 1, let doorbell = newITSs[0].doorbell {
            platform.msiControllers[unknown[0]].doorbell = doorbell
            findings.note(
                .info, "log-doorbell", Self.place,
                "The address of \(platform.msiControllers[unknown[0]].id) is from the log: the doorbell is at "
                    + "\(HexLiteral.text(doorbell.value)).")
            return
        }
        if !unknown.isEmpty, !newITSs.isEmpty {
            findings.note(
                .info, "log-doorbells-unassigned", Self.place,
                "The log has ITSs at \(newITSs.map { String($0.id.dropFirst("its@".count)) }.joined(separator: ", ")), and "
                    + "does not say which is whose: send the MADT (APIC).")
            return
        }
        for controller in new {
            findings.note(
                .warning, "log-doorbell-differs", Self.place,
                "The log has \(controller.id), and the description has no doorbell there: are both of one machine?"
            )
        }
    }

    // MARK: Devices

    /// Devices in groups: those that the description knows, or that are behind its bridges.
    mutating func takeMembers() throws(PlatformError) {
        giveWindowsToFunctions()
        let places = Dictionary(
            platform.devices.enumerated().map { ($1.id, $0) }, uniquingKeysWith: { first, _ in first })
        var known = Set(places.keys)
        let names = SysfsNames(platform.devices)
        let groups = Dictionary(
            platform.devices.filter { $0.kind == .group }.map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first })
        // A group's list, made once for all of its members.
        let lists = groups.mapValues {
            ListedRegions($0.firmwareRegions, pageBytes: platform.host?.pageBytes)
        }
        var strangers = 0
        var regionsOfFirmware = 0
        for member in log.members where !known.contains(member.device) {
            let id = Device.groupID(member.group)
            guard let device = device(member.device, of: groups[id], lists[id], names) else {
                strangers += 1
                continue
            }
            regionsOfFirmware +=
                device.unappliedRegions.count
                + (device.reportedRegions == nil ? device.firmwareRegions.count : 0)
            guard regionsOfFirmware <= PlatformLimits.regionsMax else {
                throw .acpi(part: nil, .tooManyRegions(limit: PlatformLimits.regionsMax))
            }
            known.insert(member.device)
            if let place = device.hostBridge.flatMap({ places[$0] }) {
                platform.devices[place].takeAsAboveGrouped()
            }
            platform.devices.append(device)
            guard platform.devices.count <= PlatformLimits.devicesMax else {
                throw .tooManyDevices(limit: PlatformLimits.devicesMax)
            }
        }
        if strangers > 0 {
            findings.note(
                .info, "log-devices-unknown", Self.place,
                "\(strangers) devices of the log's groups are behind nothing that the description has.")
        }
        noteSharedGroups()
    }

    /// Functions that sysfs names, where nothing describes their bridge.
    private mutating func giveWindowsToFunctions() {
        guard platform.source == .sysfs else { return }
        for index in platform.devices.indices where platform.devices[index].pciWindows.isEmpty {
            guard let windows = Platform.segment(platform.devices[index].id).flatMap({ log.windows[$0] })
            else { continue }
            platform.devices[index].kind = .pciFunction
            platform.devices[index].pciWindows = windows
        }
    }

    private func device(
        _ name: String, of group: Device?, _ list: ListedRegions?, _ names: SysfsNames
    ) -> Device? {
        let found =
            platform.pciFunction(name) ?? names.device(name)
            ?? PlatformAssembly.function(name, below: bridge(of: name, names))
            ?? platform.pciFunction(name, isGrouped: true) ?? group.flatMap { _ in function(name) }
        guard var device = found ?? group else { return nil }
        device.id = name
        device.takeAsGrouped()
        guard let group else { return device }
        device.groupNumber = group.groupNumber
        guard let reported = group.reportedRegions else { return device }
        device.reportedRegions = reported
        list?.give(to: &device)
        return device
    }

    /// The only bridge of a tree, or the log's own of that segment.
    private func bridge(of name: String, _ names: SysfsNames) -> Device? {
        if platform.source == .deviceTree { return names.bridge(of: nil) }
        guard platform.source == .bootLog, let segment = Platform.segment(name) else { return nil }
        return names.device(Device.rootComplexID(segment))
    }

    /// A function of which only its group and its host bridge's windows are known.
    private func function(_ name: String) -> Device? {
        Platform.segment(name).map { segment in
            Device(id: name, kind: .pciFunction, pciWindows: log.windows[segment] ?? [])
        }
    }

    private mutating func noteSharedGroups() {
        var devices: [UInt64: [String]] = [:]
        // Where sysfs has the groups, decisions know the others.
        let joined = Set(platform.devices.lazy.filter { $0.groupNumber != nil }.map(\.id))
        for member in log.members where !joined.contains(member.device) {
            devices[member.group, default: []].append(member.device)
        }
        for (group, names) in devices.sorted(by: { $0.key < $1.key }) where names.count > 1 {
            let shown = names.prefix(8).joined(separator: ", ") + (names.count > 8 ? " and others" : "")
            findings.note(
                .info, "log-group", Self.place,
                "Group \(group) has \(names.count) devices (\(shown)): name the others as group_mates when one is asked "
                    + "about.")
        }
        guard let collected = collectedGroups else { return }
        for member in log.members {
            guard let group = collected[member.device], group != member.group else { continue }
            findings.note(
                .warning, "log-groups-differ", Self.place,
                "The log puts \(member.device) into group \(member.group), and sysfs has it in \(group): the log is of "
                    + "another boot; sysfs counts.")
        }
    }

    /// By device; nil where no sysfs was collected.
    var collectedGroups: [String: UInt64]?
}
