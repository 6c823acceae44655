// A placement as a table for people: the same facts as the JSON.

import JSON

enum PlaceTable {
    static func vmms(_ answer: JSONNode) -> String {
        table(children(answer, "items").map { (text($0, "id"), text($0, "name")) })
    }

    static func placement(_ answer: JSONNode) -> String {
        var rows = [("verdict", text(answer, "verdict")), ("because", text(answer, "because"))]
        for blocker in answer.member("default").map({ children($0, "blockers") }) ?? [] {
            rows.append(("blocks the default", words(blocker)))
        }
        if let picks = answer.member("picks") {
            for name in ["nearest_default", "lowest", "highest_below_4g"] {
                rows.append((name, text(picks, name)))
            }
        }
        for range in children(answer, "candidates") { rows.append(("free", self.range(range))) }
        for range in children(answer, "unmappable") { rows.append(("unmappable", self.range(range))) }
        if answer.member("max_ram") != nil { rows.append(("largest RAM", text(answer, "max_ram"))) }
        if let options = answer.member("iommufd_options"), options.kind == .object {
            rows.append(("SW_MSI_START", text(options, "sw_msi_start")))
            rows.append(("SW_MSI_SIZE", "\(integer(options, "sw_msi_size_mib")) MiB"))
        }
        for host in children(answer, "per_host") {
            rows.append(("host", "\(text(host, "host")): \(text(host, "verdict")), \(text(host, "start"))"))
        }
        for warning in children(answer, "warnings") {
            let host = warning.member("host") == nil ? "" : "\(text(warning, "host")): "
            rows.append((text(warning, "severity"), host + text(warning, "detail")))
        }
        return table(rows)
    }

    private static func words(_ blocker: JSONNode) -> String {
        let owner =
            blocker.member("host") == nil ? text(blocker, "vm") : "host \(text(blocker, "host"))"
        let place = blocker.member("range").map { " \(range($0))" } ?? ""
        return "\(owner): \(text(blocker, "kind"))\(place), \(text(blocker, "provenance"))"
    }

    private static func range(_ node: JSONNode) -> String { "\(text(node, "start"))...\(text(node, "last"))" }

    private static func children(_ node: JSONNode, _ name: String) -> [JSONNode] {
        node.member(name).map { Array($0.children) } ?? []
    }

    private static func text(_ node: JSONNode, _ name: String) -> String {
        guard let member = node.member(name), member.kind == .string else { return "none" }
        return Report.printable(member.string(bytesMax: .max, ProblemList(limit: 1)) ?? "")
    }

    private static func integer(_ node: JSONNode, _ name: String) -> Int {
        node.member(name)?.int(in: 0...Int.max, ProblemList(limit: 1)) ?? 0
    }

    private static func table(_ rows: [(String, String)]) -> String {
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + value + "\n"
        }.joined()
    }
}
