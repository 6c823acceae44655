// `iovad survey`: reads machines from files, folders and lines, and reports how policies and constants fare
// on them: the survey of POST /v1/surveys, offline. A part of a fleet is surveyed to a part, and parts are
// merged to what one survey of all hosts is. Which files are read is MachineFiles' concern.

import API
import AddressSpaces
import ArgumentParser
import Fleet
import Ingestion
import JSON
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

            A fleet that is too large for one process is surveyed in parts, anywhere and in any order. merge \
            adds parts, all at once or some first: the result is byte for byte that of one survey of all \
            hosts. It takes --partial, --format and --source; a folder that is called merge is ./merge.

              iovad survey --partial --hosts-from hosts-1.ndjson > 1.part
              iovad survey --partial --hosts-from hosts-2.ndjson > 2.part
              iovad survey merge 1.part 2.part
            """)

    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text, json, ndjson, markdown, html
    }

    @Argument(
        help: ArgumentHelp(
            "Files and folders; \"-\" is standard input. After merge: parts.", valueName: "path"),
        completion: .file())
    var paths: [String] = []
    @OptionGroup var machine: MachineOption
    @Option(
        help: ArgumentHelp(
            """
            A file with a host a line: the path of a machine, the native model or a collection as JSON, or \
            {"name": ..., "platform": ...} with one of them. "-" is standard input.
            """, valueName: "file"), completion: .file())
    var hostsFrom: String?
    @OptionGroup var reading: ReadingOptions
    @Flag(help: "Write a part, which iovad survey merge adds to others.")
    var partial = false
    @Option(help: "text, json, ndjson (a line per device), markdown or html. Default: text.")
    var format: Format?
    @Option(help: "Another constant to check against every device, like 0xe000000; repeat for several.")
    var constant: [String] = []
    @Flag(help: "Also count devices behind disabled SMMUs.")
    var all = false
    @OptionGroup var aperture: ApertureOption
    @OptionGroup var report: ReportOption
    @Option(help: "Name and version of what is surveyed, for the JSON.")
    var source: String?

    /// The word before parts.
    private static let merge = "merge"
    private var isMerge: Bool { paths.first == Self.merge }

    func checkArguments() throws {
        try reading.check()
        try aperture.check()
        try report.check()
        if partial, let format {
            throw ValidationError(
                "--partial writes a part, which has a form of its own: leave out --format \(format.rawValue)")
        }
        if partial, source != nil {
            throw ValidationError("a part has no source: give --source to the last iovad survey merge")
        }
        if isMerge { return try checkMerge() }
        if paths.isEmpty, machine.machine.isEmpty, hostsFrom == nil {
            throw ValidationError(
                "give files or folders, the files of one machine with --machine, or a file of hosts with --hosts-from"
            )
        }
        try StandardInput.check(paths + machine.machine + (hostsFrom.map { [$0] } ?? []))
        _ = try question
    }

    private func checkMerge() throws {
        let given = [
            ("--machine", !machine.machine.isEmpty), ("--hosts-from", hostsFrom != nil),
            ("--assume", reading.assume != nil), ("--preserve-config", reading.preserveConfig != nil),
            ("--constant", !constant.isEmpty), ("--all", all),
            ("--aperture-bits", aperture.apertureBits != nil),
            ("--iommu-regions", report.iommuRegions != nil),
        ].filter(\.1).map(\.0)
        guard given.isEmpty else {
            throw ValidationError(
                "parts have their question in them: give \(given.joined(separator: ", ")) to iovad survey --partial"
            )
        }
        guard format != .ndjson else {
            throw ValidationError("parts have no lines of devices: give --format ndjson to iovad survey")
        }
        guard paths.count > 1 else { throw ValidationError("merge: name the parts") }
        try StandardInput.check(paths)
    }

    private var question: SurveyQuestion {
        get throws {
            var question = SurveyQuestion(
                constants: try constant.map { text in
                    let base = HexLiteral.text(try FlagValue.size("--constant", text))
                    return try FlagValue.read("--constant", base, SurveyRequest.constant)
                })
            question.apertureBits = aperture.apertureBits ?? Conditions.apertureBitsDefault
            question.isActiveOnly = !all
            question.iommuRegions = try report.regions
            question.assumption = try reading.reader.assumption
            question.preservesPCIConfiguration = reading.preserveConfig
            return question
        }
    }

    func answer() throws {
        let part = isMerge ? try merged(paths.dropFirst()) : try surveyed()
        try write(part)
    }

    private func surveyed() throws -> SurveyPart {
        var files = MachineFiles.list(paths)
        if files.isEmpty, !paths.isEmpty { throw CommandFailure(MachineFiles.nothing(in: paths)) }
        if !machine.machine.isEmpty {
            files.append(try MachineFiles.one(machine.machine, named: "--machine"))
        }
        let lines = try hostsFrom.map { try LineReader($0, named: "--hosts-from") }
        var survey = HostSurvey(try question, try reading.reader)
        let policies = survey.survey.policies
        func row(_ row: SurveyRow) {
            if format == .ndjson { printLine { $0.surveyRow(row, policies) } }
        }
        var bar = ProgressBar(total: files.count)
        for (index, file) in files.enumerated() {
            bar.step(index, file.name)
            survey.add(file, row: row)
        }
        bar.finish()
        while let lines, let line = try lines.next() {
            guard !line.allSatisfy({ $0 == 0x20 || $0 == 0x0d }) else { continue }
            survey.add(line: line, at: "\(lines.place), line \(lines.number)", row: row)
        }
        return survey.part
    }

    private func merged(_ paths: ArraySlice<String>) throws -> SurveyPart {
        var sum: SurveyPart?
        for path in paths {
            let bytes = try Files.contents(path, takesInput: true)
            let name = path == "-" ? Files.standardInput : Report.printable(path)
            do throws(SurveyPartFault) {
                let part = try SurveyPart(reading: bytes, engine: Iovad.version)
                if sum == nil { sum = part } else { try sum?.merge(part) }
            } catch {
                throw CommandFailure("\(name): \(error.sentence)")
            }
        }
        guard let sum else { throw CommandFailure("merge: there is no part") }
        return sum
    }

    private func write(_ part: SurveyPart) throws {
        let unread = part.survey.facts.unread
        // Without a single machine every constant would seem to fit.
        let hasReport = part.survey.platformCount > 0 || unread.count == 0
        let isListed = !partial && hasReport && (format == .markdown || format == .html)
        if !isListed {
            for line in unread.lines { Console.say(Report.printable(line)) }
        }
        if partial {
            print(String(decoding: part.bytes(engine: Iovad.version), as: UTF8.self), terminator: "")
        } else if hasReport {
            answer(part.survey, listsUnread: isListed)
        }
        guard unread.count == 0 else {
            throw CommandFailure("\(unread.count) \(unread.count == 1 ? "input" : "inputs") cannot be read")
        }
    }

    private func answer(_ survey: Survey, listsUnread: Bool) {
        let constants = survey.constants()
        switch format ?? .text {
        case .json, .ndjson:
            printLine { $0.summary(of: survey, constants, source: source, engine: Iovad.version) }
        case .text: printReport(.text)
        case .markdown: printReport(.markdown)
        case .html: printReport(.html)
        }
        func printReport(_ format: Report.Format) {
            let report = SurveyReport.make(survey, constants, listsUnread: listsUnread)
            print(report.written(as: format), terminator: "")
        }
    }

    private func printLine(_ body: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        body(&writer)
        print(String(decoding: writer.bytes, as: UTF8.self))
    }
}
