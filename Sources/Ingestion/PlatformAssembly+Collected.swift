// A collected host as one platform: what firmware describes, and for each IOMMU group what the kernel
// reports. A function of a group takes windows and limits from the bridge above it, regions from the kernel.
// Names in sysfs mirror drivers/of/platform.c: of_device_make_bus_id, Linux 7.2, as far as a node's own name
// tells: the kernel takes the translated address, which is the unit's wherever buses translate one to one.

import AddressSpaces
import JSON
import Machines

extension PlatformAssembly {
    /// Adds the parts of a collection, and keeps its groups for the end.
    mutating func add(
        _ host: CollectedHost, from part: InputPart, _ problems: ProblemList
    ) throws(PlatformError) {
        func inner(_ member: String, _ bytes: [UInt8]) -> InputPart {
            InputPart(name: "\(part.name):\(member)", bytes: bytes, labelled: nil)
        }
        // A kernel that booted with ACPI shows the tree that EFI made for it all the same.
        let isOfEFI = !host.tables.isEmpty && host.deviceTree.map(DeviceTreeReader.isOfEFI) == true
        if isOfEFI {
            note(
                .info, "device-tree-of-efi", part.name,
                "The device tree describes no hardware, so that Linux boots with ACPI: the tables are read.")
        }
        if let tree = host.deviceTree, !isOfEFI {
            try read(inner("device_tree", tree), as: .deviceTree, problems)
        } else if !host.tables.isEmpty {
            for table in host.tables { try read(inner("acpi", table), as: .acpiTables, problems) }
            if let iomem = host.iomem, !iomem.isEmpty {
                try read(inner("iomem", iomem), as: .iomem, problems)
            }
        } else {
            try describe(part.name, Platform(source: .sysfs))
            note(
                .warning, "nothing-described", part.name,
                "No device tree, IORT or VIOT was collected, so no IOMMU is known.")
        }
        if let log = host.bootLog, !log.isEmpty {
            try read(inner("dmesg", log), as: .bootLog, problems)
        }
        if let words = host.commandLine { try take(commandLine: words, of: "\(part.name):cmdline") }
        for text in host.notes { note(.info, "collector-note", part.name, text) }
        if let release = host.kernelRelease {
            let pages = host.pageSize.map { " with pages of \(HexLiteral.text($0)) bytes" } ?? ""
            note(.info, "collected-from", part.name, "Linux \(release)\(pages) was running.")
        }
        if host.groups.isEmpty {
            note(
                .warning, "no-iommu-groups", part.name,
                "The kernel has no IOMMU group: no device is behind an IOMMU that it drives.")
        }
        collected = host
    }

    /// The group's type as sysfs prints it; one that keeps kernel drivers out is told.
    private static func type(of group: CollectedHost.Group, _ findings: inout FindingList) -> GroupType? {
        guard let text = group.type else { return nil }
        var word = text.drop(while: \.isWhitespace)
        while word.last?.isWhitespace == true { word.removeLast() }
        guard !word.isEmpty else { return nil }
        let type = GroupType(rawValue: String(word))
        switch type {
        case .dma, .dmaWithFlushQueue, .identity: break
        case .blocked, .unmanaged:
            findings.note(
                .warning, "group-type-not-of-kernel-drivers", "groups/\(group.number)",
                "The group's type is \(String(word)): kernel drivers map nothing there, and answers for dma_api say so."
            )
        case nil:
            findings.note(
                .warning, "group-type-unknown", "groups/\(group.number)",
                "\"\(String(word.prefix(32)))\" is no type of a group; Linux prints "
                    + "\(GroupType.allCases.map(\.rawValue).joined(separator: ", ")). It is left out.")
        }
        return type
    }

    /// The platform with a device for each group and for each member.
    func merged(_ platform: Platform, _ host: CollectedHost) throws(PlatformError) -> Platform {
        var platform = platform
        let ofTree = platform.host?.options ?? []
        platform.host = RunningHost(kernelRelease: host.kernelRelease, pageBytes: host.pageSize)
        platform.host?.options = ofTree + host.options
        var findings = FindingList()
        var known = Set(platform.devices.map(\.id))
        let described = SysfsNames(platform.devices)
        var members: Set<String> = []
        var regionsOfFirmware = 0
        var told = Self.undoubted(platform)
        for group in host.groups {
            var reported: Device
            do {
                reported = try SysfsReader.device(
                    group.number, group.reservedRegions ?? [], options.assumption, &told, &findings)
            } catch {
                throw .text(part: "groups/\(group.number)", error)
            }
            let type = Self.type(of: group, &findings)
            reported.groupType = type
            let isKnown = group.reservedRegions != nil
            if !isKnown {
                reported.reportedRegions = nil
                findings.note(
                    .warning, "reserved-regions-unknown", "groups/\(group.number)",
                    "The group's reserved_regions was not collected: its devices get the regions that firmware describes."
                )
            }
            var added: [Device] = []
            if known.insert(reported.id).inserted { added.append(reported) }
            for (name, path) in zip(group.devices, group.paths) where !name.isEmpty {
                guard members.insert(name).inserted else {
                    findings.noteSecondGroup(of: name, "groups/\(group.number)")
                    continue
                }
                var device = Self.member(name, path, of: isKnown ? reported : nil, platform, described)
                device.groupType = type
                if !isKnown {
                    regionsOfFirmware += device.firmwareRegions.count + device.unappliedRegions.count
                    guard regionsOfFirmware <= PlatformLimits.regionsMax else {
                        throw .acpi(part: nil, .tooManyRegions(limit: PlatformLimits.regionsMax))
                    }
                }
                if known.insert(name).inserted {
                    added.append(device)
                } else if let place = platform.devices.firstIndex(where: { $0.id == name }) {
                    platform.devices[place] = device
                }
            }
            platform.devices += added
            guard platform.devices.count <= PlatformLimits.devicesMax else {
                throw .tooManyDevices(limit: PlatformLimits.devicesMax)
            }
        }
        platform.findings += findings.findings
        return platform
    }

    /// The drivers of Arm's SMMUs always have their window, so that its line is no riddle.
    private static func undoubted(_ platform: Platform) -> Set<SysfsText.Region> {
        let isOfSMMUs = !platform.smmus.isEmpty && platform.smmus.allSatisfy { $0.version != .virtio }
        let window = DriverWindow.mainline
        return isOfSMMUs ? [.init(start: window.start.value, last: window.last.value, word: .msi)] : []
    }

    /// A group's member as firmware describes it, with the group's regions; with firmware's own where nil.
    private static func member(
        _ name: String, _ path: String?, of group: Device?, _ platform: Platform, _ described: SysfsNames
    ) -> Device {
        var device =
            platform.pciFunction(name)
            ?? function(name, below: described.bridge(of: path))
            ?? described.device(name)
            ?? Device(id: name, kind: isFunction(name, path) ? .pciFunction : .group)
        device.id = name
        guard let group else { return device }
        device.reportedRegions = group.reportedRegions
        device.firmwareRegions = group.firmwareRegions
        device.unappliedRegions = []
        return device
    }

    /// Whether the kernel has the device on a PCI bus: by its place in sysfs, or else by its name.
    private static func isFunction(_ name: String, _ path: String?) -> Bool {
        guard let path else { return Platform.requester(name) != nil }
        return path.split(separator: "/").contains { $0.hasPrefix("pci") && $0.contains(":") }
    }

    /// A PCI function of a tree, behind the host bridge that it is known to be behind.
    static func function(_ name: String, below bridge: Device?) -> Device? {
        guard let bridge, let requester = Platform.requester(name) else { return nil }
        var function = bridge
        function.id = name
        function.kind = .pciFunction
        function.hostBridge = bridge.id
        // A member of a group has an IOMMU, whatever a map says that does not contain it.
        let streams = bridge.streams(ofRequester: requester)
        if !streams.isEmpty { function.streams = streams }
        return function
    }
}

/// The devices of a platform by the names that the kernel gives them.
struct SysfsNames {
    /// nil for names that several have.
    private var byName: [String: Device?] = [:]
    private let onlyBridge: Device?

    init(_ devices: [Device]) {
        let bridges = devices.filter { $0.kind == .pciHost && $0.active }
        onlyBridge = bridges.count == 1 ? bridges[0] : nil
        for device in devices {
            for name in [device.id, Self.name(ofNode: device.id)].compactMap({ $0 }) {
                byName[name] = byName[name] == nil ? .some(device) : .some(nil)
            }
        }
    }

    func device(_ name: String) -> Device? { byName[name] ?? nil }

    /// The host bridge that a function's place in sysfs goes through, `.../40000000.pcie/pci0000:00/...`; the
    /// only one there is when the place is not known.
    func bridge(of path: String?) -> Device? {
        guard let path else { return onlyBridge }
        let steps = path.split(separator: "/")
        guard let root = steps.firstIndex(where: { $0.hasPrefix("pci") && $0.contains(":") }), root > 0,
            let bridge = device(String(steps[root - 1])), bridge.kind == .pciHost
        else { return onlyBridge }
        return bridge
    }

    /// `/soc/pcie@40000000` is `40000000.pcie`; nil for nodes without a unit address.
    private static func name(ofNode path: String) -> String? {
        guard path.hasPrefix("/"), let node = path.split(separator: "/").last,
            let at = node.firstIndex(of: "@"), at > node.startIndex
        else { return nil }
        let unit = node[node.index(after: at)...]
        guard !unit.isEmpty else { return nil }
        return "\(unit).\(node[..<at])"
    }
}
