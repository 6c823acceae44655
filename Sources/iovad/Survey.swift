// `iovad survey`: reads machines from files and folders and says how policies and constants fare on them.
// The same survey as POST /v1/surveys, offline.

import API
import ArgumentParser
import Fleet
import Glibc
import IOVAAllocation
import JSON
import LinuxReleases
import MSIWindows

struct SurveyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "survey",
        abstract: "Hold window policies against many machines; find the constants that fit.",
        discussion: """
            Reads device trees, IORTs, reserved_regions text, and JSON: the native model or what
            `iovad collect` wrote. Folders are searched for *.dtb, *.json, *.aml, *.txt and IORT; files that
            are named may be called anything. With a file called IORT its neighbours APIC and iomem are read.

              iovad survey /usr/lib/modules/*/dtb
              iovad survey collected-hosts/ --constant 0xe000000
              iovad survey --format html board.dtb > board.html
            """)

    enum Format: String, CaseIterable, ExpressibleByArgument {
        case text, json, ndjson, markdown, html
    }

    @Argument(help: "Files and folders.")
    var paths: [String]
    @Option(help: "text, json, ndjson (a line a device), markdown or html.")
    var format = Format.text
    @Option(help: "A further constant to hold against every device, like 0xe000000; repeat for several.")
    var constant: [String] = []
    @Flag(help: "Count devices behind disabled SMMUs too.")
    var all = false
    @Option(help: "Bits that the SMMUs translate.")
    var apertureBits = 48
    @Option(help: "Name and version of what is surveyed, for the JSON.")
    var source: String?

    func validate() throws {
        _ = try FlagValue.read("--aperture-bits", String(apertureBits), Condition.apertureBits)
        _ = try constants()
    }

    private func constants() throws -> [SurveyPolicy] {
        try constant.map { try FlagValue.read("--constant", $0, SurveyRequest.constant) }
    }

    func run() throws {
        let files = SurveyFiles.list(paths)
        guard !files.isEmpty else {
            throw ValidationError(
                "below \(paths.joined(separator: ", ")) nothing is called like a machine: "
                    + SurveyFiles.suffixes.map { "*\($0)" }.joined(separator: ", ") + ", IORT")
        }
        let extra = try constants().filter { !SurveyPolicy.standard.contains($0) }
        var survey = Survey(
            policies: SurveyPolicy.standard + extra, conditions: Conditions(apertureBits: apertureBits),
            isActiveOnly: !all)
        let policies = survey.policies
        var unreadable: [String] = []
        var bar = ProgressBar(total: files.count)
        for (index, file) in files.enumerated() {
            bar.step(index, file.name)
            switch SurveyFiles.read(file) {
            case .success(let platform):
                survey.add(file.name, platform, prepare: nil) { row in
                    if format == .ndjson { printLine { $0.surveyRow(row, policies) } }
                }
            case .failure(let error): unreadable.append("\(file.path): \(error.reason)")
            }
        }
        bar.finish()
        for line in unreadable { Console.say(Report.printable(line)) }
        // Of no machine at all there is nothing to report, and every constant would seem to fit.
        guard unreadable.count < files.count else { throw ExitCode(2) }
        answer(survey, unreadable)
    }

    private func answer(_ survey: Survey, _ unreadable: [String]) {
        let constants = survey.constants()
        switch format {
        case .json, .ndjson:
            printLine { writer in
                writer.object { writer in
                    writer.surveyMembers(survey, constants)
                    if let source { writer.member("source", source) }
                    writer.model(survey.conditions.kernel, engine: Iovad.version)
                }
            }
        case .text, .markdown, .html:
            let report = SurveyReport.make(survey, constants, unreadable: unreadable)
            print(report.written(as: Report.Format(rawValue: format.rawValue) ?? .text), terminator: "")
        }
    }

    private func printLine(_ body: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        body(&writer)
        print(String(decoding: writer.bytes, as: UTF8.self))
    }
}
