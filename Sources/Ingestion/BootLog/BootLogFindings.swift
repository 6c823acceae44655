// What a boot log says that has no place in a platform, or that another source denies: as findings.

import AddressSpaces
import Machines

extension BootLogJoining {
    /// The windows of log and /proc/iomem by segment, and what only one of them has.
    static func windows(
        _ log: BootLog?, _ iomem: IOMemText.Content?, _ findings: inout FindingList
    ) -> [UInt32: [PCIWindow]] {
        guard let log, !log.windows.isEmpty else { return iomem?.pciWindows ?? [:] }
        guard let iomem, !iomem.pciWindows.isEmpty else { return log.windows }
        for (segment, windows) in log.windows.sorted(by: { $0.key < $1.key })
        where iomem.pciWindows[segment] != nil {
            for window in windows where window.busStart != window.cpuStart {
                findings.note(
                    .info, "log-bus-address", place,
                    "The window at \(HexLiteral.text(window.cpuStart)) of segment \(segment) is at "
                        + "\(HexLiteral.text(window.busStart)) on the bus, which /proc/iomem does not say.")
            }
        }
        return WindowSource(name: "the log", place: place, windows: log.windows)
            .joined(
                with: WindowSource(name: "/proc/iomem", place: "iomem", windows: iomem.pciWindows), &findings)
    }

    /// The log's windows against those of a description that has its own.
    mutating func compareWindows() {
        guard !log.windows.isEmpty, platform.source == .deviceTree || platform.source == .json else { return }
        let bridges = platform.devices.filter { $0.isPCI && !$0.pciWindows.isEmpty }
        guard !bridges.isEmpty else { return }
        let described = WindowSource.addresses(bridges.flatMap(\.pciWindows))
        let told = WindowSource.addresses(log.bridges.flatMap(\.windows))
        for (set, words) in [
            (told.subtracting(described), "The log has a window that the description does not"),
            (described.subtracting(told), "The description has a window that the log does not"),
        ] {
            guard let range = set.ranges.first else { continue }
            findings.note(
                .warning, "windows-contradict", Self.place,
                "\(words): \(range.text). The description counts.")
        }
    }

    /// Bridges that an IORT does not have.
    private mutating func noteStrangeSegments() {
        guard platform.source == .acpi else { return }
        let known = Set(platform.devices.map(\.id))
        for segment in log.segments where !known.contains(Device.rootComplexID(segment)) {
            findings.note(
                .warning, "log-bridge-unknown", Self.place,
                "The log has a host bridge on segment \(segment), and no root complex of the IORT with this "
                    + "segment is behind an SMMU.")
        }
    }

    /// - Parameters:
    ///   - collected: the release that the running kernel said; it counts more than the log's.
    ///   - commandLine: the words of its own command line, which count more too; nil where it is not known.
    mutating func noteKernel(collected: String?, commandLine: [HostOption]?) {
        if log.boots > 1 {
            findings.note(
                .info, "log-boots", Self.place,
                "The log holds \(log.boots) boots; its facts are those of the last.")
        }
        if let release = log.release {
            if let collected, collected != release {
                findings.note(
                    .warning, "log-kernel-differs", Self.place,
                    "The log is of Linux \(release), and the rest was collected under \(collected), which counts."
                )
            } else {
                findings.note(
                    .info, "log-kernel", Self.place,
                    "Linux \(release) was running: it answers questions that state no kernel.")
            }
        }
        if let domain = log.defaultDomain, domain.hasPrefix("Passthrough") {
            findings.note(
                .warning, "log-default-domain", Self.place,
                "Default domains were identity domains: so are questions about kernel drivers answered that state no "
                    + "default_domain.")
        }
        if let commandLine { noteOtherWords(commandLine) }
        for option in commandLine == nil ? log.commandLine ?? [] : [] {
            guard let member = Self.member(option.name) else { continue }
            findings.note(
                .info, "log-command-line", Self.place,
                "\"\(option.word)\" is on the kernel's command line; a question says otherwise with \(member)."
            )
        }
    }

    /// Which member of a question states what an option chooses; nil for options that decide nothing.
    private static func member(_ name: String) -> String? {
        switch name {
        case "iommu.passthrough": "default_domain"
        case "iommu.forcedac": "forcedac"
        case "vfio_iommu_type1.allow_unsafe_interrupts", "iommufd.allow_unsafe_interrupts":
            "allow_unsafe_interrupts"
        case "pcie_acs_override": "group_mates: groups are smaller than the hardware's"
        default: nil
        }
    }

    /// Words that only one of both command lines has.
    private mutating func noteOtherWords(_ commandLine: [HostOption]) {
        guard let logged = log.commandLine else { return }
        let (words, others) = (commandLine.map(\.word), logged.map(\.word))
        let place = commandLine.first?.place ?? "the kernel's own"
        let sides = [
            ("The log's command line", place, others.filter { !words.contains($0) }),
            (place, "the log's command line", words.filter { !others.contains($0) }),
        ]
        for (side, other, words) in sides {
            for word in words {
                findings.note(
                    .warning, "host-options-contradict", Self.place,
                    "\(side) has \(word), and \(other) has not: one of them is cut, or they are of two boots. The log's "
                        + "does not count.")
            }
        }
    }

    /// Takes over how the host was booted and which kernel it was, where nothing that counts more says it.
    ///
    /// - Parameter hasCommandLine: whether the running kernel's own is known.
    mutating func takeKernel(hasCommandLine: Bool) {
        let domain = [log.defaultDomain].compactMap { $0 }.map {
            HostOption(.bootLog, place: Self.place, word: "\(RunningHost.loggedDomainName)=\($0)")
        }
        let options = (hasCommandLine ? [] : log.commandLine ?? []) + domain
        var host = platform.host ?? RunningHost()
        host.options = options + host.options
        if host.kernelRelease == nil, let release = log.release {
            host.kernelRelease = release
            host.kernelReleasePlace = Self.place
        }
        if host != RunningHost() { platform.host = host }
    }

    mutating func noteRest() {
        noteStrangeSegments()
        for name in log.directDevices {
            let device = platform.devices.first { $0.id == name } ?? platform.pciFunction(name)
            let hasDirect = device?.firmwareRegions.contains { $0.kind == .direct } == true
            findings.note(
                hasDirect ? .info : .warning, hasDirect ? "direct-region" : "direct-region-unknown",
                Self.place,
                hasDirect
                    ? "The kernel refused \(name) to user space for its direct region, which is known here."
                    : "The kernel refused \(name) to user space for a direct region (EINVAL), and this "
                        + "description has none: a decision here does not know of it.")
        }
        for remark in log.remarks {
            findings.note(
                .warning, "log-iort", "\(Self.place) line \(remark.line)",
                "The kernel says of the IORT: \(remark.text)")
        }
        for line in log.incomplete {
            findings.note(
                .warning, "log-line-incomplete", "\(Self.place) line \(line.line)",
                "\"\(line.text)\" is cut or damaged; nothing was taken from it.")
        }
        if log.faultLines > 0 {
            findings.note(
                .info, "log-has-faults", Self.place,
                "\(log.faultLines) lines are faults of an SMMU: POST the same text to /v1/fault-explanations."
            )
        }
    }
}
