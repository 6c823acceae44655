// A collected host as one platform: what firmware describes, and for each IOMMU group what the kernel
// reports. A function of a group takes windows and limits from the bridge above it, regions from the kernel;
// whose of a group's regions are is GroupJoining's.

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
        let iomem = host.iomem.map { inner("iomem", $0) }
        try take(
            host, of: part.name, describesNothing: host.deviceTree == nil && host.tables.isEmpty,
            iomem: iomem)
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
            if let iomem, !iomem.bytes.isEmpty { try read(iomem, as: .iomem, problems) }
        }
        if let log = host.bootLog, !log.isEmpty {
            try read(inner("dmesg", log), as: .bootLog, problems)
        }
        if let words = host.commandLine { try take(commandLine: words, of: "\(part.name):cmdline") }
        for text in host.notes { note(.info, "collector-note", part.name, text) }
        if let release = host.kernelRelease {
            let pages = Self.pageBytes(of: host).map { " with pages of \(HexLiteral.text($0)) bytes" } ?? ""
            note(.info, "collected-from", part.name, "Linux \(release)\(pages) was running.")
        }
        if host.groups.isEmpty {
            note(
                .warning, "no-iommu-groups", part.name,
                "The kernel has no IOMMU group: no device is behind an IOMMU that it drives.")
        }
    }

    /// The platform with the groups of a text that names their members.
    static func joined(_ platform: Platform, _ listed: Platform) throws(PlatformError) -> Platform {
        let numbered = Dictionary(grouping: listed.devices.filter { !$0.standsForGroup }, by: \.groupNumber)
        var rest = listed
        rest.devices = numbered[nil] ?? []
        var platform = try merged(platform, rest)
        var findings = FindingList()
        var joining = GroupJoining(platform, pageBytes: nil)
        for group in listed.devices where group.standsForGroup {
            let members = numbered[group.groupNumber] ?? []
            try joining.add(group, members.map { ($0.id, nil) }, to: &platform, &findings)
        }
        joining.tell(&findings)
        platform.findings += findings.findings
        return platform
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

    /// The CPU's page; nil for a size that no kernel of arm64 has.
    private static func pageBytes(of host: CollectedHost) -> UInt64? {
        host.pageSize.flatMap { bytes in PageSizes.ofCPUs.contains { $0.bytes == bytes } ? bytes : nil }
    }

    private static func notePages(of host: CollectedHost, _ findings: inout FindingList) {
        guard let bytes = host.pageSize, pageBytes(of: host) == nil else { return }
        findings.note(
            .warning, "page-size-unknown", "page_size",
            "No kernel of arm64 has pages of \(HexLiteral.text(bytes)) bytes, but of "
                + "\(PageSizes.ofCPUs.map { HexLiteral.text($0.bytes) }.joined(separator: ", ")). The size is left out."
        )
    }

    /// The platform with a device for each group and for each member.
    func merged(_ platform: Platform, _ host: CollectedHost) throws(PlatformError) -> Platform {
        var platform = platform
        let ofTree = platform.host?.options ?? []
        var findings = FindingList()
        let pageBytes = Self.pageBytes(of: host)
        Self.notePages(of: host, &findings)
        platform.host = RunningHost(kernelRelease: host.kernelRelease, pageBytes: pageBytes)
        platform.host?.options = ofTree + host.options
        var joining = GroupJoining(platform, pageBytes: pageBytes)
        var told = Self.undoubted(platform)
        for group in host.groups {
            var reported: Device
            do {
                reported = try SysfsReader.device(
                    group.number, group.reservedRegions ?? [], options.assumption, &told, &findings)
            } catch {
                throw .text(part: "groups/\(group.number)", error)
            }
            reported.groupType = Self.type(of: group, &findings)
            if group.reservedRegions == nil {
                reported.reportedRegions = nil
                reported.hasUnknownRegions = true
                findings.note(
                    .warning, "reserved-regions-unknown", "groups/\(group.number)",
                    "The group's reserved_regions was not collected: its devices get the regions that firmware describes."
                )
            }
            try joining.add(reported, Array(zip(group.devices, group.paths)), to: &platform, &findings)
        }
        joining.tell(&findings)
        platform.findings += findings.findings
        return platform
    }

    /// The drivers of Arm's SMMUs always have their window, so that its line is no riddle.
    private static func undoubted(_ platform: Platform) -> Set<SysfsText.Region> {
        let isOfSMMUs = !platform.smmus.isEmpty && platform.smmus.allSatisfy { $0.version != .virtio }
        let window = DriverWindow.mainline
        return isOfSMMUs ? [.init(start: window.start.value, last: window.last.value, word: .msi)] : []
    }

    /// What a driver makes on a bus, under an ID of the bus that is not known.
    static func device(on bus: Device) -> Device {
        var device = bus
        device.kind = .platform
        device.compatible = []
        device.nodeName = nil
        device.firmwareRegions = []
        device.unappliedRegions = []
        return device
    }

    /// A PCI function of a tree, behind the host bridge that it is known to be behind.
    static func function(_ name: String, below bridge: Device?) -> Device? {
        guard let bridge, let requester = Platform.requester(name) else { return nil }
        var function = bridge
        function.id = name
        function.kind = .pciFunction
        function.hostBridge = bridge.id
        function.nodeName = nil
        // A member of a group has an IOMMU, whatever a map says that does not contain it.
        let streams = bridge.streams(ofRequester: requester)
        function.streams = streams.isEmpty ? bridge.firstStreams : streams
        return function
    }
}

extension Platform {
    /// Whether firmware describes it, and so may say whose a group's regions are.
    var isOfFirmware: Bool {
        switch source {
        case .deviceTree, .acpi: true
        case .sysfs, .bootLog, .json, .builtIn: false
        }
    }

    /// Whether a text of groups says who is in one.
    var namesMembers: Bool { devices.contains { $0.groupNumber != nil && !$0.standsForGroup } }
}
