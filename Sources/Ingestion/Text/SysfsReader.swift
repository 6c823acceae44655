// From reserved_regions texts to a platform: a device for each group. Which "msi" regions are the driver's
// own software window and which are hardware's is not in the file; the caller says so, or position and
// size do, with a warning.

import AddressSpaces
import Machines

/// What "msi" stands for in a reserved_regions text.
public enum MSIAssumption: String, CaseIterable, Sendable {
    /// The driver's software-managed window.
    case software
    /// Doorbells that the hardware reaches untranslated.
    case hardware
}

enum SysfsReader {
    static func read(
        _ text: [UInt8], _ assumption: MSIAssumption?, _ findings: inout FindingList
    ) throws(TextError) -> Platform {
        var groups = try SysfsText.read(text, &findings)
        giveNames(&groups, &findings)
        var platform = Platform(source: .sysfs)
        platform.devices = try devices(groups, assumption, &findings)
        findings.note(
            .info, "sysfs-knows-little", "reserved_regions",
            "The file contains no PCI windows, dma-ranges or limits; a window that looks free may be unreachable."
        )
        platform.findings = findings.findings
        return platform
    }

    /// A device needs an id, which a group without a number lends it: "group:0" for a text of one file.
    private static func giveNames(_ groups: inout [SysfsText.Group], _ findings: inout FindingList) {
        var isZeroFree = !groups.contains { $0.name == .number(0) }
        for (place, group) in groups.enumerated() {
            guard case .unnamed(let count) = group.name else { continue }
            let name: SysfsText.Name = isZeroFree ? .number(0) : .unnamed(count)
            isZeroFree = false
            groups[place].name = name
            findings.note(
                .info, "group-number-unknown", name.id,
                "The text does not say the number of this group; it is called \(name.id) here. `tail -n +1 "
                    + "/sys/kernel/iommu_groups/*/reserved_regions` prints the numbers too.")
        }
    }

    /// A device for each group that has a number, and one for each member, with the group's regions.
    private static func devices(
        _ groups: [SysfsText.Group], _ assumption: MSIAssumption?, _ findings: inout FindingList
    ) throws(TextError) -> [Device] {
        var devices: [Device] = []
        var told: Set<SysfsText.Region> = []
        /// Of each device its group, and of each group itself.
        var known: [String: String] = [:]
        for group in groups {
            var whole = device(group, assumption, &told, &findings)
            if !group.isReported {
                whole.reportedRegions = nil
                whole.hasUnknownRegions = true
                findings.note(
                    .warning, "reserved-regions-unknown", whole.id,
                    group.devices.isEmpty
                        ? "The text names the group and has no line of its reserved_regions."
                        : "The text lists the devices of the group and not its reserved_regions.")
            }
            if !group.isOfDevice, known.updateValue(whole.id, forKey: whole.id) == nil {
                devices.append(whole)
            }
            let named: [String] = if case .device(let name) = group.name { [name] } else { [] }
            for name in named + group.devices {
                if let first = known[name] {
                    findings.noteSecondGroup(of: name, whole.id, first: first)
                    continue
                }
                known[name] = whole.id
                var member = whole
                member.id = name
                devices.append(member)
            }
            for name in group.repeated { findings.noteSecondGroup(of: name, whole.id, first: whole.id) }
            guard devices.count <= PlatformLimits.devicesMax else {
                throw TextError(
                    nil, "more than \(PlatformLimits.devicesMax) devices, each group counted as one as well")
            }
        }
        return devices
    }

    /// One group from the text of its file alone, which may be empty.
    /// - Parameter told: lines of other groups of the machine whose doubt has been reported.
    static func device(
        _ number: UInt64, _ text: [UInt8], _ assumption: MSIAssumption?,
        _ told: inout Set<SysfsText.Region>, _ findings: inout FindingList
    ) throws(TextError) -> Device {
        var group = SysfsText.Group(name: .number(number))
        if text.contains(where: { !TextLines.isBlank($0) && $0 != 0x0a && $0 != 0x0d }) {
            let groups = try SysfsText.read(text, &findings)
            guard groups.count == 1, let only = groups.first else {
                throw TextError(nil, "the text of one group contains several groups")
            }
            group.regions = only.regions
        }
        return device(group, assumption, &told, &findings)
    }

    private static func device(
        _ group: SysfsText.Group, _ assumption: MSIAssumption?, _ told: inout Set<SysfsText.Region>,
        _ findings: inout FindingList
    ) -> Device {
        var device = Device(id: group.name.id, kind: .group)
        if case .number(let number) = group.name { device.groupNumber = number }
        let lines = group.regions.map { line in
            ReservedRegion(
                kind: kind(of: line.word, assumption), start: line.start,
                length: line.last &- line.start &+ 1,
                provenance: .caller("reserved_regions of \(group.name.text)"))
        }
        let reported = assumption == nil ? lines.tellingMSIsApart() : lines
        device.reportedRegions = reported
        device.firmwareRegions = reported.filter { $0.kind != .softwareMSI }
        noteOddities(group, &findings)
        guard assumption == nil else { return device }
        for (line, region) in zip(group.regions, reported)
        where line.word == .msi && told.insert(line).inserted {
            let isSoftware = region.kind == .softwareMSI
            findings.note(
                .warning, "msi-ambiguous", group.name.id,
                "\"msi\" at \(HexLiteral.text(line.start)) is taken for "
                    + (isSoftware ? "the driver's software window" : "a hardware MSI region")
                    + " by its place and size; send assume=software or assume=hardware to decide.")
        }
        return device
    }

    /// What no kernel prints of one group, or only by mistake of firmware.
    private static func noteOddities(_ group: SysfsText.Group, _ findings: inout FindingList) {
        let place = group.name.id
        func text(_ region: SysfsText.Region) -> String {
            "\(HexLiteral.text(region.start)) \(HexLiteral.text(region.last)) \(region.word.rawValue)"
        }
        for region in group.regions where region.last < region.start || region.last &- region.start == .max {
            // Lengths count modulo 2^64, so that none and all look alike.
            let isEmpty = region.last &+ 1 == region.start
            findings.note(
                .warning, isEmpty ? "sysfs-region-empty" : "sysfs-region-wraps", place,
                isEmpty
                    ? "\"\(text(region))\" is a region of length 0, as the kernel prints it."
                    : "\"\(text(region))\" ends before it starts: it passes 2^64, or the line is damaged.")
        }
        var lastOf: [SysfsText.Word: UInt64] = [:]
        for (place, region) in group.regions.enumerated() {
            let before = place > 0 ? group.regions[place - 1] : nil
            let isBehind =
                before.map { ($0.start, order(of: $0.word)) <= (region.start, order(of: region.word)) }
                ?? true
            // Regions of one type are merged where they touch; the two kinds that print "msi" are not.
            let isApart = region.word == .msi || lastOf[region.word].map { $0 < region.start } ?? true
            guard isBehind, isApart, before != region else {
                findings.note(
                    .warning, "sysfs-order", group.name.id,
                    "The kernel sorts and merges the regions of a group, and \"\(text(region))\" does not fit after the "
                        + "line before it: were the files of several groups joined? `grep -r . /sys/kernel/iommu_groups` keeps "
                        + "them apart.")
                return
            }
            if region.last &+ 1 == region.start { continue }
            let (next, wraps) = region.last.addingReportingOverflow(1)
            lastOf[region.word] = max(lastOf[region.word] ?? 0, wraps ? .max : next)
        }
    }

    /// Which word comes first at equal starts.
    private static func order(of word: SysfsText.Word) -> Int {
        SysfsText.Word.allCases.firstIndex(of: word) ?? 0
    }

    private static func kind(of word: SysfsText.Word, _ assumption: MSIAssumption?) -> ReservedRegion.Kind {
        switch (word, assumption) {
        case (.direct, _): .direct
        case (.directRelaxable, _): .directRelaxable
        case (.reserved, _): .reserved
        case (.msi, .software): .softwareMSI
        case (.msi, .hardware), (.msi, nil): .msi
        }
    }
}

extension SysfsText.Name {
    /// The device that stands for the group.
    fileprivate var id: String {
        switch self {
        case .number(let number): Device.groupID(number)
        case .device(let name): name
        case .unnamed(let count): "group:unnamed-\(count)"
        }
    }

    fileprivate var text: String {
        switch self {
        case .number(let number): "group \(number)"
        case .device(let name): "the group of \(name)"
        case .unnamed: "a group without a number"
        }
    }
}

extension SysfsText.Group {
    fileprivate var isOfDevice: Bool {
        switch name {
        case .number, .unnamed: false
        case .device: true
        }
    }
}
