// The report of a survey for people: who is in conflict and why, which constants would have served, and a
// picture of the space below 4 GiB.

import API
import AddressSpaces
import Fleet
import MSIWindows
import Machines

enum SurveyReport {
    private static let conflictsShown = 64
    private static let worstShown = 8
    private static let namesShown = 6
    private static let rangesShown = 3

    static func make(_ survey: Survey, _ constants: SurveyConstants, listsUnread: Bool) -> Report {
        var report = Report(title: "Where does the MSI window fit?")
        report.paragraph(
            "\(survey.platformCount) machines, \(survey.platformsWithDevices) of them with devices behind an SMMU; "
                + "\(survey.deviceCount) devices\(survey.isActiveOnly ? " that are active" : "").")
        if listsUnread { report.table(["not read"], survey.facts.unread.lines.map { [$0] }) }
        report.table(["machine", "what its host says"], survey.words)
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
        // Where every host is a kind of its own, they are in the list above.
        if survey.worstHosts.contains(where: { $0.hosts > 1 }) {
            report.table(
                ["hosts of one kind", "the first of them", "devices", "conflicts of each"],
                survey.worstHosts.prefix(worstShown).map {
                    ["\($0.hosts)", $0.host, "\($0.devices)", "\($0.conflicts)"]
                })
        }
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
                    names(tally.hosts),
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
            constants.groups.prefix(6).map { group in
                [
                    texts(group.ranges), "\(group.count)", "\(group.unfit)",
                    names(group.failingHosts),
                ]
            })
        if let step = constants.pairStep {
            report.paragraph("Pairs are searched at multiples of \(HexLiteral.text(step)).")
        }
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
            survey.hazards.map { [HexLiteral.text($0.base), "\($0.ram)", "\($0.mmio)"] })
    }

    private static func names(_ hosts: NamedHosts) -> String {
        let shown = hosts.names.prefix(namesShown)
        let more = hosts.count - shown.count
        return shown.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
    }

    private static func texts(_ ranges: [IOVARange]) -> String {
        let shown = ranges.prefix(rangesShown).map(\.text).joined(separator: ", ")
        return ranges.count > rangesShown ? "\(shown) and \(ranges.count - rangesShown) more" : shown
    }
}
