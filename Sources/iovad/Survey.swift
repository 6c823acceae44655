// `iovad survey`: reads machines from files and folders and reports how policies and constants fare on
// them: the survey of POST /v1/surveys, offline. The report for people shows who is in conflict and why,
// which constants would have served, and a picture of the space below 4 GiB. Which files are read is
// MachineFiles' concern.

import API
import AddressSpaces
import ArgumentParser
import Fleet
import Glibc
import IOVAAllocation
import JSON
import LinuxReleases
import MSIWindows
import Machines

struct SurveyCommand: CheckedCommand {
    static let configuration = CommandConfiguration(
        commandName: "survey",
        abstract: "Check window policies against many machines, and find the constants that fit.",
        usage: "iovad survey [<options>] [<path> ...]",
        discussion: """
            Each path is a machine: a device tree, ACPI tables, reserved_regions text, or JSON: the native \
            model or what `iovad collect` wrote. Folders are searched for *.dtb, *.json, *.aml, *.txt, IORT, \
            and hosts' trees with sys/ and proc/; a file that is given itself may have any name. APIC, DSDT, \
            SSDTs, iomem, dmesg and lspci beside an IORT are read with it. Folders more than \
            \(Limits.surveyFolderDepthMax) below the one that is named are not searched, which is said. \
            --machine is one more machine, of several files.

              iovad survey /usr/lib/modules/*/dtb
              iovad survey collected-hosts/ --constant 0xe000000
              iovad survey --format html board.dtb > board.html
            """)

    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text, json, ndjson, markdown, html
    }

    @Argument(
        help: ArgumentHelp("Files and folders; \"-\" is standard input.", valueName: "path"),
        completion: .file())
    var paths: [String] = []
    @OptionGroup var machine: MachineOption
    @OptionGroup var reading: ReadingOptions
    @Option(help: "text, json, ndjson (a line per device), markdown or html.")
    var format = Format.text
    @Option(help: "Another constant to check against every device, like 0xe000000; repeat for several.")
    var constant: [String] = []
    @Flag(help: "Also count devices behind disabled SMMUs.")
    var all = false
    @OptionGroup var aperture: ApertureOption
    @OptionGroup var report: ReportOption
    @Option(help: "Name and version of what is surveyed, for the JSON.")
    var source: String?

    func checkArguments() throws {
        try reading.check()
        try aperture.check()
        try report.check()
        if paths.isEmpty, machine.machine.isEmpty {
            throw ValidationError("give files or folders, or the files of one machine with --machine")
        }
        try StandardInput.check(paths + machine.machine)
        _ = try constants()
    }

    private func constants() throws -> [SurveyPolicy] {
        try constant.map { text in
            let base = HexLiteral.text(try FlagValue.size("--constant", text))
            return try FlagValue.read("--constant", base, SurveyRequest.constant)
        }
    }

    func answer() throws {
        let options = try reading.reader
        var files = MachineFiles.list(paths)
        if files.isEmpty, !paths.isEmpty { throw CommandFailure(MachineFiles.nothing(in: paths)) }
        if !machine.machine.isEmpty {
            files.append(try MachineFiles.one(machine.machine, named: "--machine"))
        }
        var survey = Survey(
            policies: SurveyPolicy.standard(and: try constants()),
            conditions: Conditions(
                apertureBits: aperture.apertureBits ?? Conditions.apertureBitsDefault),
            isActiveOnly: !all)
        let policies = survey.policies
        let regions = try report.regions
        var hosts = SurveyedHosts()
        var unreadable: [String] = []
        var bar = ProgressBar(total: files.count)
        for (index, file) in files.enumerated() {
            bar.step(index, file.name)
            switch MachineFiles.read(file, options) {
            case .success(let machine):
                var conditions = hosts.conditions(
                    of: file.name, machine.platform.host, beside: survey.conditions)
                conditions.iommuRegions = regions
                survey.add(file.name, machine.platform, under: conditions, prepare: nil) { row in
                    if format == .ndjson { printLine { $0.surveyRow(row, policies) } }
                }
            case .failure(let error): unreadable.append(error.line)
            }
        }
        bar.finish()
        // Without a single machine every constant would seem to fit.
        let hasReport = unreadable.count < files.count
        unreadable = unreadable.enumerated().filter { !unreadable[..<$0].contains($1) }.map(\.element)
        // A report lists them itself.
        let isListed = hasReport && (format == .markdown || format == .html)
        for line in isListed ? [] : unreadable { Console.say(Report.printable(line)) }
        if hasReport { answer(survey, hosts, isListed ? unreadable : []) }
        guard unreadable.isEmpty else {
            throw CommandFailure(
                "\(unreadable.count) \(unreadable.count == 1 ? "input" : "inputs") cannot be read")
        }
    }

    private func answer(_ survey: Survey, _ hosts: SurveyedHosts, _ unreadable: [String]) {
        let constants = survey.constants()
        switch format {
        case .json, .ndjson:
            printLine { writer in
                writer.object { writer in
                    writer.surveyMembers(survey, constants)
                    if let source { writer.member("source", source) }
                    writer.surveyedHosts(hosts, survey, engine: Iovad.version)
                }
            }
        case .text: printReport(.text)
        case .markdown: printReport(.markdown)
        case .html: printReport(.html)
        }
        func printReport(_ format: Report.Format) {
            let report = SurveyReport.make(survey, constants, hosts, unreadable: unreadable)
            print(report.written(as: format), terminator: "")
        }
    }

    private func printLine(_ body: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        body(&writer)
        print(String(decoding: writer.bytes, as: UTF8.self))
    }
}

enum SurveyReport {
    private static let conflictsShown = 64
    private static let namesShown = 6
    private static let rangesShown = 3

    static func make(
        _ survey: Survey, _ constants: SurveyConstants, _ hosts: SurveyedHosts, unreadable: [String]
    ) -> Report {
        var report = Report(title: "Where does the MSI window fit?")
        report.paragraph(
            "\(survey.platformCount) machines, \(survey.platformsWithDevices) of them with devices behind an SMMU; "
                + "\(survey.deviceCount) devices\(survey.isActiveOnly ? " that are active" : "").")
        if !unreadable.isEmpty {
            report.table(["not read"], unreadable.map { [$0] })
        }
        if !hosts.words.isEmpty { report.table(["machine", "what its host says"], hosts.words) }
        report.table(
            ["machine", "warning", "detail"],
            survey.warnings.map { [$0.host ?? "all", $0.code.rawValue, $0.detail] })
        guard survey.deviceCount > 0 else { return report }
        report.heading("Policies")
        addTallies(survey, &report)
        if let other = survey.ifReported {
            report.heading("Policies if virtio-iommus report a hardware MSI region")
            report.paragraph(
                "No source says what the virtio-iommus report. With MSI regions at "
                    + other.regions.compactMap(\.range?.text).joined(separator: ", ") + ":")
            addTallies(other.survey, &report)
        }
        report.heading("Conflicts")
        report.table(
            ["machine", "device", "policy", "base", "reasons"],
            survey.conflicts.prefix(conflictsShown).map { conflict in
                [
                    conflict.platform, conflict.device, conflict.policy,
                    conflict.base.map(HexLiteral.text) ?? "none", conflict.reasons.joined(separator: ", "),
                ]
            })
        if survey.conflicts.isEmpty { report.paragraph("None.") }
        if survey.conflicts.contains(where: { $0.reachability == .conditional }) {
            report.paragraph("Where pci_window is the only reason, \(Reachability.condition).")
        }
        let more = survey.conflicts.count + survey.conflictsDropped - conflictsShown
        if more > 0 { report.paragraph("And \(more) more.") }
        addConstants(survey, constants, &report)
        return report
    }

    private static func addTallies(_ survey: Survey, _ report: inout Report) {
        report.table(
            ["policy", "fits", "conflicts", "not at \(mainline)", "machines in conflict"],
            survey.tallies.map { tally in
                [
                    tally.policy.name, "\(tally.fits)",
                    "\(tally.conflicts)"
                        + (tally.conditional > 0 ? " (\(tally.conditional) conditional)" : ""),
                    "\(tally.moved)",
                    names(tally.platforms),
                ]
            })
    }

    private static let mainline = HexLiteral.text(WindowSource.mainlineBase)

    private static func addConstants(
        _ survey: Survey, _ constants: SurveyConstants, _ report: inout Report
    ) {
        report.heading("Constants of 1 MiB below 4 GiB")
        report.blocks.append(
            .picture(
                unfit: constants.fewestUnfit, devices: survey.deviceCount,
                marks: [WindowSource.mainlineBase, WindowSource.postedSecondBase].map {
                    ($0, HexLiteral.text($0))
                }))
        report.paragraph(
            constants.universal.isEmpty
                ? "No constant fits every device."
                : "These fit every device: \(texts(constants.universal)).")
        report.table(
            ["best constants", "bases", "devices that fail", "machines that fail"],
            constants.groups.prefix(6).enumerated().map { index, group in
                [
                    texts(group.ranges), "\(group.count)", "\(group.unfit)",
                    names(constants.failingPlatforms[index]),
                ]
            })
        report.table(
            ["best pairs: first", "second", "devices that fail with both"],
            constants.pairs.prefix(4).map {
                [texts($0.first.ranges), texts($0.second.ranges), "\($0.unfit)"]
            }
        )
        if let pair = constants.partnerOfDefault {
            report.paragraph(
                "The best second constant beside \(mainline) is in \(texts(pair.second.ranges)): "
                    + "\(pair.unfit) devices fail with both.")
        }
        report.table(
            ["physical addresses at", "machines with RAM there", "machines with devices there"],
            survey.hazards.map { [HexLiteral.text($0.base), "\($0.ram.count)", "\($0.mmio.count)"] })
    }

    private static func names(_ all: [String]) -> String {
        let shown = all.prefix(namesShown).joined(separator: ", ")
        return all.count > namesShown ? "\(shown) and \(all.count - namesShown) more" : shown
    }

    private static func texts(_ ranges: [IOVARange]) -> String {
        let shown = ranges.prefix(rangesShown).map(\.text).joined(separator: ", ")
        return ranges.count > rangesShown ? "\(shown) and \(ranges.count - rangesShown) more" : shown
    }
}
