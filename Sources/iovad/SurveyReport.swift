// What a survey says to a person: how the policies fare, who is in conflict and why, which constants would
// have served, and a picture of the space below 4 GiB.

import AddressSpaces
import API
import Fleet
import MSIWindows

enum SurveyReport {
    private static let conflictsShown = 64
    private static let namesShown = 6
    private static let rangesShown = 3

    static func make(_ survey: Survey, _ constants: SurveyConstants, unreadable: [String]) -> Report {
        var report = Report(title: "Where could the MSI window have been?")
        report.paragraph(
            "\(survey.platformCount) machines, \(survey.platformsWithDevices) of them with devices behind an SMMU; "
                + "\(survey.deviceCount) devices\(survey.isActiveOnly ? " that are active" : "").")
        if !unreadable.isEmpty {
            report.table(["not read"], unreadable.map { [$0] })
        }
        guard survey.deviceCount > 0 else { return report }
        report.heading("Policies")
        report.table(
            ["policy", "fits", "conflicts", "not at \(mainline)", "machines in conflict"],
            survey.tallies.map { tally in
                [
                    tally.policy.name, "\(tally.fits)", "\(tally.conflicts)", "\(tally.moved)",
                    names(tally.platforms),
                ]
            })
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
        let more = survey.conflicts.count + survey.conflictsDropped - conflictsShown
        if more > 0 { report.paragraph("And \(more) more.") }
        addConstants(survey, constants, &report)
        return report
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
            ["best pairs: first", "second", "devices that fail both"],
            constants.pairs.prefix(4).map {
                [texts($0.first.ranges), texts($0.second.ranges), "\($0.unfit)"]
            }
        )
        if let pair = constants.partnerOfDefault {
            report.paragraph(
                "Beside \(mainline) the best second constant lies in \(texts(pair.second.ranges)): "
                    + "\(pair.unfit) devices fail both.")
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
