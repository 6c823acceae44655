// Answers of the service as tables for people: the same facts as the JSON, a line each.

import API
import JSON

enum DecideTable {
    /// The answer as a document; our own service does not write what it cannot read.
    static func root(_ body: [UInt8]) throws -> JSONNode {
        try JSONDocument(
            parsing: body,
            limits: JSONLimits(
                bytesMax: 1 << 30, depthMax: Limits.jsonDepthMax, valuesMax: 100_000_000)
        ).root
    }

    static func decision(_ answer: JSONNode) -> String {
        var rows: [(String, String)] = [("outcome", text(answer, "outcome"))]
        if answer.member("errno") != nil { rows.append(("errno", text(answer, "errno"))) }
        if let window = answer.member("window") { rows.append(("window", range(window))) }
        rows.append(("reachable", flag(answer, "reachable") ? "yes" : "no"))
        rows.append(("because", text(answer, "because")))
        for doorbell in children(answer, "doorbells") {
            rows.append(("doorbell", "\(text(doorbell, "physical")) -> \(text(doorbell, "iova"))"))
        }
        for (index, address) in children(answer, "earlier_mappings").enumerated() {
            rows.append(("earlier mapping", "\(index): \(string(address) ?? "nothing")"))
        }
        for check in children(answer, "map_checks") {
            let result = flag(check, "allowed") ? "allowed" : text(check, "errno")
            rows.append(("map", "\(text(check, "iova")) + \(text(check, "size")): \(result)"))
        }
        for ranges in children(answer, "iova_ranges") { rows.append(("usable", range(ranges))) }
        for warning in children(answer, "warnings") {
            rows.append(("warning", "\(text(warning, "code")): \(text(warning, "detail"))"))
        }
        if let explanation = answer.member("explanation") {
            for step in children(explanation, "steps") {
                rows.append(("step", "\(text(step, "verdict")) \(text(step, "rule")): \(text(step, "text"))"))
            }
        }
        if let model = answer.member("model") {
            rows.append(("model", "Linux \(text(model, "kernel")), iovad \(text(model, "engine"))"))
        }
        return table(rows)
    }

    static func devices(_ answer: JSONNode) -> String {
        let rows = children(answer, "items").map { device in
            (text(device, "id"), "\(text(device, "kind"))\(flag(device, "active") ? "" : ", not active")")
        }
        return "Choose a --device:\n" + table(rows)
    }

    static func problem(_ answer: JSONNode) -> String {
        let errors = children(answer, "errors").map { "  \(text($0, "pointer")): \(text($0, "detail"))" }
        return (["\(text(answer, "title")): \(text(answer, "detail"))"] + errors).joined(separator: "\n")
    }

    private static func table(_ rows: [(String, String)]) -> String {
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + value + "\n"
        }.joined()
    }

    private static func children(_ node: JSONNode, _ name: String) -> [JSONNode] {
        node.member(name).map { Array($0.children) } ?? []
    }

    private static func string(_ node: JSONNode) -> String? {
        node.string(bytesMax: 1 << 20, ProblemList(limit: 1))
    }

    private static func text(_ node: JSONNode, _ name: String) -> String {
        node.member(name).flatMap(string) ?? "-"
    }

    private static func flag(_ node: JSONNode, _ name: String) -> Bool {
        node.member(name)?.bool(ProblemList(limit: 1)) ?? false
    }

    private static func range(_ node: JSONNode) -> String {
        "\(text(node, "start"))...\(text(node, "last"))"
    }
}
