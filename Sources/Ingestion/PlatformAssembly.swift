// Parts on their way to one platform: sorted by kind as they come, read when all are there.

import AddressSpaces
import JSON
import Machines

struct PlatformAssembly {
    let options: PlatformReader.Options
    private var findings = FindingList()
    /// The part that describes a machine by itself, and its name.
    private var described: (name: String, platform: Platform)?
    /// Lists of groups; beside a description only where a virtio-iommu decides about its devices.
    private var listed: (name: String, platform: Platform)?
    private var tables = ACPITableSet()
    private var tableFindings = FindingList()
    private var firstTable: String?
    private var iomem: (name: String, content: IOMemText.Content)?
    private var bootLog: (name: String, content: BootLog)?
    private var listing: (name: String, content: PCIListing)?
    /// The running kernel's own, from a collection or a part.
    private(set) var commandLine: (name: String, words: [HostOption])?
    /// A host's groups, merged into the platform at the end.
    private(set) var collected: (name: String, host: CollectedHost)?
    /// A collection without a description, which another part may give; and its /proc/iomem.
    private var bare: (name: String, iomem: InputPart?)?
    private var supplement: (name: String, facts: PlatformFacts)?

    /// Of a part whose kind is unknown.
    private static let shownBytes = 8

    init(_ options: PlatformReader.Options) { self.options = options }

    mutating func add(_ part: InputPart, _ problems: ProblemList) throws(PlatformError) {
        let sniffed = InputKind.sniff(part.bytes)
        // A line end at least, even of a kernel without words: no bytes are a file that was not read.
        guard !part.bytes.isEmpty || Self.only(part.labelled) != nil else { throw .empty(part: part.name) }
        guard let kind = sniffed ?? Self.named(part) ?? Self.only(part.labelled) else {
            throw .unknown(part: part.name, start: Array(part.bytes.prefix(Self.shownBytes)))
        }
        if let sniffed, let labelled = part.labelled, !labelled.contains(sniffed) {
            findings.note(InputKind.mismatch(labelled, sniffed, at: part.name))
        }
        try read(part, as: kind, problems)
    }

    /// Reads a part of a known kind: the one place that knows who reads what.
    mutating func read(
        _ part: InputPart, as kind: InputKind, _ problems: ProblemList
    ) throws(PlatformError) {
        switch kind {
        case .deviceTree: try addDeviceTree(part)
        case .acpiTables, .acpiDump: try addTables(part)
        case .json: try addJSON(part, problems)
        case .sysfs: try addSysfs(part)
        case .iomem: try addIOMem(part)
        case .bootLog: try addBootLog(part, as: kind)
        case .pciListing: try addListing(part)
        case .commandLine:
            let text = CleanText(part.bytes, stamps: .removed)
            text.tell(&findings)
            try take(commandLine: HostOptions.commandLine(text.bytes, place: part.name), of: part.name)
        // Faults stand in a whole log too.
        case .faultLog: try addBootLog(part, as: kind)
        case .trace, .mapFailures: throw .misplaced(part: part.name, kind)
        }
    }

    mutating func note(_ severity: Finding.Severity, _ code: String, _ part: String, _ detail: String) {
        findings.note(severity, code, part, detail)
    }

    /// The kind that a name tells: the field's, or the file's.
    private static func named(_ part: InputPart) -> InputKind? {
        InputKind.named(part.name) ?? part.fileName.flatMap { InputKind.named($0) }
    }

    /// The kind of a label that leaves no choice; of the ACPI kinds, binary tables.
    private static func only(_ labelled: Set<InputKind>?) -> InputKind? {
        guard let labelled else { return nil }
        if labelled.contains(.acpiTables) { return .acpiTables }
        return labelled.count == 1 ? labelled.first : nil
    }

    mutating func describe(_ name: String, _ platform: Platform) throws(PlatformError) {
        if let described { throw .conflict(described.name, name) }
        described = (name, platform)
    }

    private mutating func addDeviceTree(_ part: InputPart) throws(PlatformError) {
        let platform: Platform
        do {
            platform = try DeviceTreeReader.read(part.bytes)
        } catch {
            throw .deviceTree(error)
        }
        try describe(part.name, platform)
    }

    private mutating func addTables(_ part: InputPart) throws(PlatformError) {
        firstTable = firstTable ?? part.name
        let source = part.isWhole ? nil : part.name
        do {
            try tables.add(part.bytes, source: source, &tableFindings)
        } catch {
            throw .acpi(part: source, error)
        }
    }

    private mutating func addSysfs(_ part: InputPart) throws(PlatformError) {
        let platform: Platform
        var own = FindingList()
        do {
            platform = try SysfsReader.read(part.bytes, options.assumption, &own)
        } catch {
            throw .text(part: part.name, error)
        }
        if let listed { throw .conflict(listed.name, part.name) }
        listed = (part.name, platform)
    }

    private mutating func addIOMem(_ part: InputPart) throws(PlatformError) {
        if let iomem { throw .conflict(iomem.name, part.name) }
        do {
            iomem = (part.name, try IOMemText.read(part.bytes, &findings))
        } catch {
            throw .text(part: part.name, error)
        }
    }

    private mutating func addBootLog(_ part: InputPart, as kind: InputKind) throws(PlatformError) {
        let content: BootLog
        do {
            let text = CleanText(part.bytes, stamps: .kept)
            text.tell(&findings)
            content = try BootLogText.read(text.bytes)
        } catch {
            throw .text(part: part.name, error)
        }
        guard !content.saysNothing else {
            guard kind == .bootLog else { throw .misplaced(part: part.name, kind) }
            return note(
                .info, "log-says-nothing", part.name, "The boot log says nothing of SMMUs, PCI or MSIs.")
        }
        if let bootLog { throw .conflict(bootLog.name, part.name) }
        bootLog = (part.name, content)
    }

    private mutating func addListing(_ part: InputPart) throws(PlatformError) {
        if let listing { throw .conflict(listing.name, part.name) }
        do {
            let text = CleanText(part.bytes, stamps: .removed)
            text.tell(&findings)
            listing = (part.name, try PCIListing.read(text.bytes))
        } catch {
            throw .text(part: part.name, error)
        }
    }

    mutating func take(commandLine words: [HostOption], of name: String) throws(PlatformError) {
        if let commandLine { throw .conflict(commandLine.name, name) }
        commandLine = (name, words)
    }

    private mutating func addJSON(_ part: InputPart, _ problems: ProblemList) throws(PlatformError) {
        let document: JSONDocument
        do {
            document = try JSONDocument(parsing: part.bytes, limits: options.json)
        } catch {
            throw .json(error)
        }
        if CollectedHost.isCollection(document.root) {
            let host = CollectedHost(document.root, bytesMax: options.json.bytesMax, problems)
            guard problems.isEmpty else { return try describe(part.name, Platform(source: .json)) }
            try add(host, from: part, problems)
        } else if PlatformFacts.isFacts(document.root) {
            if let supplement { throw .conflict(supplement.name, part.name) }
            supplement = (part.name, PlatformFacts(document.root, problems))
        } else {
            try describe(part.name, NativePlatform.read(document.root, problems))
        }
    }

    /// Keeps a host's groups for the end.
    ///
    /// - Parameter iomem: of a host that describes nothing.
    mutating func take(
        _ host: CollectedHost, of name: String, describesNothing: Bool, iomem: InputPart?
    ) throws(PlatformError) {
        if let collected { throw .conflict(collected.name, name) }
        collected = (name, host)
        if describesNothing { bare = (name, iomem) }
    }

    /// What a collection lacks and another part may have.
    private mutating func complete() throws(PlatformError) {
        guard let bare else { return }
        guard described == nil, firstTable == nil else {
            if firstTable != nil, iomem == nil, let part = bare.iomem, !part.bytes.isEmpty {
                try addIOMem(part)
            }
            return
        }
        try describe(bare.name, Platform(source: .sysfs))
        note(
            .warning, "nothing-described", bare.name,
            "No device tree, IORT or VIOT was collected, so no IOMMU is known.")
    }

    /// The one platform, with its findings after those about the parts.
    mutating func platform() throws(PlatformError) -> Platform {
        try complete()
        let log = bootLog?.content
        let memory = iomem?.content.memory ?? []
        if described == nil, firstTable == nil { (described, listed) = (listed, nil) }
        if firstTable != nil {
            let facts = acpiFacts(memory.isEmpty ? log?.memory ?? [] : memory)
            let platform: Platform
            do {
                platform = try ACPIReader.read(tables, facts, tableFindings)
            } catch {
                throw .acpi(part: error.table.flatMap(tables.source), error)
            }
            try describe(firstTable ?? "body", platform)
        } else if let bootLog, described == nil {
            let windows = windows()
            let described = BootLogJoining.described(
                bootLog.content, windows: windows, memory: memory.isEmpty ? bootLog.content.memory : memory)
            guard !described.devices.isEmpty else { throw .nothingDescribed }
            try describe(bootLog.name, described)
        } else if iomem != nil || supplement != nil || options.preservesPCIConfiguration != nil {
            noteUnused()
        }
        guard var platform = described?.platform else { throw .nothingDescribed }
        // A tree's words count least: they are what a boot loader was to pass on.
        if commandLine != nil || log?.commandLine != nil { platform.host = nil }
        if let collected { platform = try merged(platform, collected.host) }
        if let listed {
            if platform.firstUndecided != nil {
                platform = try Self.merged(platform, listed.platform)
            } else if collected == nil, platform.isOfFirmware, listed.platform.namesMembers {
                platform = try Self.joined(platform, listed.platform)
            } else {
                throw .conflict(collected?.name ?? described?.name ?? listed.name, listed.name)
            }
        }
        settle(&platform)
        if log != nil || listing != nil {
            let facts = listing?.content.joined(to: log, &findings) ?? log ?? BootLog()
            platform = try joined(platform, facts)
        }
        listing?.content.check(platform, &findings)
        guard platform.completeGroups(regionsMax: PlatformLimits.regionsMax) else {
            throw .acpi(part: nil, .tooManyRegions(limit: PlatformLimits.regionsMax))
        }
        if let commandLine {
            platform.host = platform.host ?? RunningHost()
            platform.host?.options += commandLine.words
        }
        tellProcessor(of: &platform, log)
        platform.host?.check(platform.devices, &findings)
        platform.findings = findings.findings + platform.findings
        return platform
    }

    /// What the other parts say that a DSDT would say too.
    private mutating func acpiFacts(_ memory: [PhysicalRange]) -> ACPIReader.Facts {
        var facts = ACPIReader.Facts()
        facts.preservesPCIConfiguration =
            options.preservesPCIConfiguration ?? supplement?.facts.preservesPCIConfiguration
        facts.inboundWindows = supplement?.facts.inboundWindows ?? [:]
        facts.pciWindows = windows()
        facts.areWindowsStated = supplement?.facts.pciWindows != nil
        facts.windowsName = facts.areWindowsStated ? Self.statedName : kernelName
        facts.memory = memory
        return facts
    }

    private static let statedName = "the JSON"

    /// Where a kernel printed windows.
    private var kernelName: String {
        let isLogged = bootLog?.content.windows.isEmpty == false
        guard iomem?.content.pciWindows.isEmpty == false else { return "the log" }
        return isLogged ? "the log with /proc/iomem" : "/proc/iomem"
    }

    /// The windows that a part states, or those of log and /proc/iomem.
    private mutating func windows() -> [UInt32: [PCIWindow]] {
        let printed = BootLogJoining.windows(bootLog?.content, iomem?.content, &findings)
        guard let supplement, let stated = supplement.facts.pciWindows else { return printed }
        WindowSource(name: Self.statedName, place: supplement.name, windows: stated)
            .overrule(WindowSource(name: kernelName, place: "iomem", windows: printed), &findings)
        return stated
    }

    private mutating func noteUnused() {
        guard described != nil else { return }
        findings.note(
            .warning, "supplement-unused", iomem?.name ?? supplement?.name ?? "preserve_config",
            "PCI windows, memory and preserve_config supplement ACPI tables; this description does not use them."
        )
    }
}
