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

    /// Groups, with the devices that the description knows or that are behind its bridges: where sysfs was
    /// not read, the log says who is in one.
    mutating func takeMembers() throws(PlatformError) {
        giveWindowsToFunctions()
        let known = Set(platform.devices.lazy.filter { $0.groupNumber != nil }.map(\.id))
        // Of these groups sysfs says who is in them, and so that others are not.
        let complete = Set(platform.devices.lazy.filter { !$0.standsForGroup }.compactMap(\.groupNumber))
        var groups: [UInt64: Device] = [:]
        for place in platform.devices.indices where platform.devices[place].standsForGroup {
            groups[platform.devices[place].groupNumber ?? 0] = platform.devices[place]
        }
        var numbers: [UInt64] = []
        var members: [UInt64: [String]] = [:]
        for member in log.members where !known.contains(member.device) {
            guard !complete.contains(member.group) else {
                noteOtherBoot(member, "does not have it there")
                continue
            }
            if members[member.group] == nil { numbers.append(member.group) }
            members[member.group, default: []].append(member.device)
        }
        var joining = GroupJoining(
            platform, pageBytes: platform.host?.pageBytes, loggedWindows: log.windows)
        var strangers = 0
        for number in numbers {
            let named = members[number] ?? []
            let isListed = groups[number] != nil
            let described = isListed ? named : named.filter { joining.describes($0) }
            // Mates of one that firmware describes may have regions of firmware's; others tell nothing.
            let joined = platform.isOfFirmware && !described.isEmpty ? named : described
            strangers += named.count - joined.count
            guard !joined.isEmpty else { continue }
            var group = Device(id: Device.groupID(number), kind: .group)
            group.groupNumber = number
            try joining.add(
                groups[number] ?? group, joined.map { ($0, nil) }, isListed: isListed, to: &platform,
                &findings)
        }
        joining.tell(&findings)
        if strangers > 0 {
            findings.note(
                .info, "log-devices-unknown", Self.place,
                "\(strangers) devices of the log's groups are behind nothing that the description has.")
        }
        noteOtherBoots()
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

    private mutating func noteOtherBoots() {
        guard let collected = collectedGroups else { return }
        for member in log.members {
            guard let group = collected[member.device], group != member.group else { continue }
            noteOtherBoot(member, "has it in \(group)")
        }
    }

    private mutating func noteOtherBoot(_ member: BootLog.Member, _ sysfs: String) {
        findings.note(
            .warning, "log-groups-differ", Self.place,
            "The log puts \(member.device) into group \(member.group), and sysfs \(sysfs): the log is of "
                + "another boot; sysfs counts.")
    }

    /// By device; nil where no sysfs was collected.
    var collectedGroups: [String: UInt64]?
}
