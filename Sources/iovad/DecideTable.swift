// A decision as names and values for people, each sentence once and what to change at the end.

import JSON

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
        return Console.table(rows) + (answer.member("explanation").map(MissingDescriptionText.of) ?? "")
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
}
