// A decision as names and values for people, each sentence once and what to change at the end; and the
// verdicts for all devices of a host as a table.

import API
import HTTP
import JSON
import MSIWindows

enum DecideTable {
    static func decision(_ answer: JSONNode) -> String {
        var rows: [(String, String)] = [("outcome", answer.text("outcome"))]
        if answer.member("errno") != nil { rows.append(("errno", answer.text("errno"))) }
        if let window = answer.member("window") { rows.append(("window", window.rangeText)) }
        rows.append(("reachable", reachability(answer)))
        rows.append(("because", answer.text("because")))
        // A warning or a step often repeats the sentence.
        var told: Set<String> = [answer.text("because")]
        func once(_ name: String, _ sentence: String) -> String {
            told.insert(sentence).inserted ? "\(name): \(sentence)" : "\(name): as said above"
        }
        for doorbell in answer.children("doorbells") {
            rows.append(("doorbell", "\(doorbell.text("physical")) -> \(doorbell.text("iova"))"))
        }
        for (index, address) in answer.children("earlier_mappings").enumerated() {
            rows.append(("earlier mapping", "\(index): \(address.text ?? "not mapped")"))
        }
        for check in answer.children("map_checks") {
            let result = check.flag("allowed") ? "allowed" : check.text("errno")
            rows.append(("map", "\(check.text("iova")) + \(check.text("size")): \(result)"))
        }
        for ranges in answer.children("iova_ranges") { rows.append(("mappable", ranges.rangeText)) }
        for warning in answer.children("warnings") where !told.contains(warning.text("detail")) {
            rows.append(("warning", once(warning.text("code"), warning.text("detail"))))
        }
        for step in answer.member("explanation")?.children("steps") ?? [] {
            rows.append(("step", once("\(step.text("verdict")) \(step.text("rule"))", step.text("text"))))
        }
        if let other = answer.member("if_iommu_reports_msi") { rows.append(("or else", ifReported(other))) }
        if let facts = answer.hostFactWords { rows.append(("host", facts)) }
        if let model = answer.modelWords { rows.append(("model", model)) }
        for change in answer.children("changes") {
            rows.append(("change", Report.withoutRoutes(change.text ?? "-")))
        }
        return Console.table(rows)
    }

    /// The other answer of a virtio-iommu, which decides itself which regions there are.
    private static func ifReported(_ other: JSONNode) -> String {
        let addresses = other.children("doorbells").map { "\($0.text("physical")) -> \($0.text("iova"))" }
        return ifReported(
            other, addresses.isEmpty ? other.text("because") : addresses.joined(separator: ", "))
    }

    /// What the other answer of a virtio-iommu is, and when.
    static func ifReported(_ other: JSONNode, _ answer: String) -> String {
        let regions = other.children("iommu_regions").map(\.rangeText).joined(separator: ", ")
        return "if the virtio-iommu reports a hardware MSI region (\(regions)): \(answer)"
    }

    static func reachability(_ answer: JSONNode) -> String {
        if answer.member("reachability")?.text != nil { return "conditional" }
        return answer.flag("reachable") ? "yes" : "no"
    }

    static func devices(_ answer: JSONNode, of machine: String) -> String {
        let devices = answer.children("items")
        guard !devices.isEmpty else {
            return "\(Report.printable(machine)) describes no device behind an SMMU.\n"
        }
        let rows = devices.map { device in
            (device.text("id"), "\(device.text("kind"))\(device.flag("active") ? "" : ", not active")")
        }
        let isACPI = devices.contains { $0.text("kind") == "root_complex" }
        let functions = isACPI ? ", or a PCI function by its address, like 0000:01:00.0" : ""
        return "Choose one with --device\(functions):\n" + Console.table(rows)
    }
}

/// A decision for each device of a host's IOMMU groups.
struct HostVerdicts {
    private struct Verdict {
        var group: HostGroup
        var device: String
        var answer: JSONNode
        /// The service's own bytes.
        var bytes: [UInt8]
    }

    private let subject: OfflineService.Subject
    private let service: OfflineService
    private let printer: AnswerPrinter
    private let explain: String

    init(
        of subject: OfflineService.Subject, _ service: OfflineService, _ printer: AnswerPrinter,
        explain: String
    ) {
        self.subject = subject
        self.service = service
        self.printer = printer
        self.explain = explain
    }

    /// Asks what `request` makes of each device, and prints the answers; how the command ends with them.
    func show(_ request: (_ device: String) throws -> [UInt8]) throws -> Ending {
        var verdicts: [Verdict] = []
        for group in subject.groups {
            // A group whose devices could not be listed still has its regions.
            for device in group.devices.isEmpty ? ["group:\(group.id)"] : group.devices {
                let answer = service.post("/v1/decisions?explain=\(explain)", try request(device))
                try printer.check(answer)
                verdicts.append(
                    Verdict(
                        group: group, device: device, answer: try printer.document(answer),
                        bytes: answer.body))
            }
        }
        if printer.asJSON {
            verdicts.forEach { print(Self.line($0)) }
        } else {
            print(report(verdicts).written(as: .text), terminator: "")
        }
        return Ending.ofDecisions(verdicts.map(\.answer))
    }

    private static func line(_ verdict: Verdict) -> String {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("kind", "host_decision")
            writer.member("group", verdict.group.id)
            writer.member("group_type", orNull: verdict.group.type)
            writer.member("device", verdict.device)
        }
        // The decision stands in it as the service wrote it.
        return String(decoding: writer.bytes.dropLast(), as: UTF8.self) + ",\"decision\":"
            + String(decoding: verdict.bytes, as: UTF8.self) + "}"
    }

    private func report(_ verdicts: [Verdict]) -> Report {
        var report = Report(title: "Where Linux maps MSI doorbells: \(subject.name)")
        report.paragraph(
            "\(Self.count(verdicts.count, "device")) in \(Self.count(subject.groups.count, "IOMMU group")); "
                + Self.summary(verdicts.map(\.answer)))
        report.table(
            ["group", "type", "device", "outcome", "reachable", "because"],
            verdicts.map { verdict in
                [
                    verdict.group.id, verdict.group.type ?? "-", verdict.device, Self.outcome(verdict.answer),
                    DecideTable.reachability(verdict.answer), verdict.answer.text("because"),
                ]
            })
        report.table(
            ["devices", "doorbell", "address"],
            rows(verdicts) { answer in
                answer.children("doorbells").map { [$0.text("physical"), $0.text("iova")] }
            })
        let reasons = Set(verdicts.map { $0.answer.text("because") })
        report.table(
            ["devices", "warning", "detail"],
            rows(verdicts) { answer in
                answer.children("warnings").filter { !reasons.contains($0.text("detail")) }
                    .map { [$0.text("code"), $0.text("detail")] }
            })
        report.table(
            ["devices", "what the host says"],
            rows(verdicts) { answer in answer.hostFactWords.map { [[$0]] } ?? [] })
        if let model = verdicts.first?.answer.modelWords { report.paragraph("Model: \(model)") }
        report.table(
            ["devices", "change"],
            rows(verdicts) { answer in
                answer.children("changes").map { [Report.withoutRoutes($0.text ?? "-")] }
            })
        return report
    }

    private static func summary(_ answers: [JSONNode]) -> String {
        // Groups that kernel drivers may not use, of answers for those.
        let served = answers.filter { answer in
            !answer.children("warnings").contains { $0.text("code") == Warning.Code.noKernelDMA.rawValue }
        }
        let excluded = answers.count - served.count
        let refused = served.filter { $0.text("outcome") == "refused" }.count
        let unsure = served.filter { DecideTable.reachability($0) != "yes" }.count - refused
        let parts = [
            excluded == 0 ? nil : "kernel drivers have no DMA with \(count(excluded, "device"))",
            refused == 0 ? nil : "Linux refuses \(count(refused, "device")) to user space",
            unsure == 0 ? nil : "MSIs of \(count(unsure, "device")) may not arrive",
        ].compactMap { $0 }
        return parts.isEmpty ? "MSIs of all of them arrive." : parts.joined(separator: ", ") + "."
    }

    /// Each row once, in the order of appearance, with the devices that have it.
    private func rows(_ verdicts: [Verdict], _ rows: (JSONNode) -> [[String]]) -> [[String]] {
        var order: [[String]] = []
        var devices: [[String]: [String]] = [:]
        for verdict in verdicts {
            for row in rows(verdict.answer) {
                if devices[row] == nil { order.append(row) }
                devices[row, default: []].append(verdict.device)
            }
        }
        return order.map { row in
            let names = devices[row] ?? []
            let isAll = names.count == verdicts.count && names.count > 1
            let more = names.count > Self.namesShown ? " and \(names.count - Self.namesShown) more" : ""
            return [isAll ? "all devices" : names.prefix(Self.namesShown).joined(separator: ", ") + more]
                + row
        }
    }

    private static let namesShown = 4

    private static func outcome(_ answer: JSONNode) -> String {
        let errno = answer.member("errno") == nil ? "" : " \(answer.text("errno"))"
        return (answer.member("window")?.rangeText ?? answer.text("outcome")) + errno
    }

    private static func count(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}
