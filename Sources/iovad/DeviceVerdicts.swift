// The verdicts for all devices of a machine: which are asked about, one answer for each, and all of them as a
// table that says each doorbell, warning and step once; or as lines of JSON.

import API
import ArgumentParser
import HTTP
import JSON
import MSIWindows

/// The devices of a machine that are asked about where no device is named: those of a running host's groups,
/// or those that are behind an active SMMU.
struct AskedDevices {
    struct Item {
        /// Of a running host.
        var group: HostGroup?
        var device: String
    }

    private(set) var items: [Item] = []
    /// Behind SMMUs that firmware disables.
    private(set) var inactive: [String] = []
    /// Whether further devices can be asked about by their addresses: those of root complexes.
    private(set) var hasRootComplexes = false

    init(of subject: OfflineService.Subject, _ service: OfflineService, _ printer: AnswerPrinter) throws {
        guard subject.groups.isEmpty else {
            // A group whose devices could not be listed still has its regions.
            items = subject.groups.flatMap { group in
                (group.devices.isEmpty ? ["group:\(group.id)"] : group.devices)
                    .map { Item(group: group, device: $0) }
            }
            return
        }
        let path = "/v1/platforms/\(RequestTarget.encoded(subject.id))/devices?limit=\(Limits.pageItemsMax)"
        var token: String?
        repeat {
            let answer = service.get(path + (token.map { "&page_token=\(RequestTarget.encoded($0))" } ?? ""))
            try printer.check(answer)
            let page = try printer.document(answer)
            for device in page.children("items") { add(device) }
            token = page.member("next_page_token")?.text
        } while token != nil
        guard items.isEmpty else { return }
        let name = Report.printable(subject.name)
        throw CommandFailure(
            inactive.isEmpty
                ? "\(name) describes no device behind an SMMU: there is nothing to decide"
                : "\(name) describes no device behind an active SMMU; name one with --device: "
                    + inactive.prefix(Self.namesShown).joined(separator: ", "))
    }

    private static let namesShown = 8

    private mutating func add(_ device: JSONNode) {
        if device.text("kind") == "root_complex" { hasRootComplexes = true }
        if device.flag("active") {
            items.append(Item(group: nil, device: device.text("id")))
        } else {
            inactive.append(device.text("id"))
        }
    }
}

/// A decision for each device of a machine.
struct DeviceVerdicts {
    private struct Verdict {
        var group: HostGroup?
        var device: String
        var answer: JSONNode
        /// The service's own bytes.
        var bytes: [UInt8]
    }

    private let subject: OfflineService.Subject
    private let asked: AskedDevices
    private let service: OfflineService
    private let printer: AnswerPrinter
    private let explain: String

    init(
        of subject: OfflineService.Subject, _ asked: AskedDevices, _ service: OfflineService,
        _ printer: AnswerPrinter, explain: String
    ) {
        self.subject = subject
        self.asked = asked
        self.service = service
        self.printer = printer
        self.explain = explain
    }

    /// Asks what `request` makes of each device, and prints the answers; how the command ends with them.
    func show(_ request: (_ device: String) throws -> [UInt8]) throws -> Ending {
        var verdicts: [Verdict] = []
        for item in asked.items {
            let answer = service.post("/v1/decisions?explain=\(explain)", try request(item.device))
            try printer.check(answer)
            verdicts.append(
                Verdict(
                    group: item.group, device: item.device, answer: try printer.document(answer),
                    bytes: answer.body))
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
            writer.member("kind", verdict.group == nil ? "device_decision" : "host_decision")
            if let group = verdict.group {
                writer.member("group", group.id)
                writer.member("group_type", orNull: group.type)
            }
            writer.member("device", verdict.device)
        }
        // The decision stands in it as the service wrote it.
        return String(decoding: writer.bytes.dropLast(), as: UTF8.self) + ",\"decision\":"
            + String(decoding: verdict.bytes, as: UTF8.self) + "}"
    }

    private func report(_ verdicts: [Verdict]) -> Report {
        var report = Report(title: "Where Linux maps MSI doorbells: \(subject.name)")
        let isHost = !subject.groups.isEmpty
        let groups = isHost ? " in \(Self.count(subject.groups.count, "IOMMU group"))" : ""
        report.paragraph(
            "\(Self.count(verdicts.count, "device"))\(groups); \(Self.summary(verdicts.map(\.answer)))")
        report.table(
            (isHost ? ["group", "type"] : []) + ["device", "outcome", "reachable", "because"],
            verdicts.map { verdict in
                (verdict.group.map { [$0.id, $0.type ?? "-"] } ?? []) + [
                    verdict.device, Self.outcome(verdict.answer), DecideTable.reachability(verdict.answer),
                    verdict.answer.text("because"),
                ]
            })
        report.table(["not asked: behind a disabled SMMU"], asked.inactive.map { [$0] })
        if asked.hasRootComplexes {
            report.paragraph(
                "PCI functions are asked about by their addresses, like --device 0000:01:00.0.")
        }
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
