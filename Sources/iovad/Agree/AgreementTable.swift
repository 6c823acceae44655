// What `iovad agree` prints for people. A table shows the same facts as the JSON.

import JSON

enum AgreementTable {
    static func agreement(_ answer: JSONNode) -> String {
        let broken = answer.member("broken").flatMap { $0.kind == .object ? $0 : nil }
        var rows: [(name: String, value: String)] = []
        for name in ["id", "state", "pool"] where answer.member(name) != nil {
            rows.append((name, answer.text(name)))
        }
        // A proposal that nobody keeps has no state.
        if answer.member("possible") != nil {
            rows.append(("possible", answer.flag("possible") ? "yes" : "no"))
            rows.append(("because", answer.text("because")))
        } else if answer.text("state") != "released" {
            rows.append(("holds", broken == nil ? "yes" : "no"))
        }
        if let broken {
            rows.append(("broken since", "\(broken.text("since")), by \(broken.text("host"))"))
        }
        rows += (broken ?? answer).children("blockers").map { ("blocks the window", PlaceTable.words($0)) }
        if let window = answer.member("window"), window.kind == .object {
            rows.append(("window", window.rangeText))
        }
        rows += PlaceTable.mechanism(answer)
        let doorbells = answer.children("doorbell_iovas").compactMap(\.text)
        if !doorbells.isEmpty { rows.append(("doorbells", doorbells.joined(separator: ", "))) }
        let differ = answer.member("doorbell_iovas_because") != nil
        if differ { rows.append(("doorbells", answer.text("doorbell_iovas_because"))) }
        rows += answer.children("hosts").map { ("host", host($0, withDoorbells: differ)) }
        for remedy in answer.children("remedies") { rows.append(("remedy", remedy.text("detail"))) }
        let renderings = answer.children("renderings").compactMap(\.text)
        if !renderings.isEmpty { rows.append(("--format", renderings.joined(separator: ", "))) }
        if answer.member("expires_at") != nil { rows.append(("until", answer.text("expires_at"))) }
        return Console.table(rows)
    }

    private static func host(_ host: JSONNode, withDoorbells: Bool) -> String {
        let keeps = host.flag("keeps") ? "" : "does not keep the promise, "
        let own = HostTable.own(host).map { ", \($0)" }.joined()
        let doorbells = host.children("doorbell_iovas").compactMap(\.text).joined(separator: ", ")
        let places = withDoorbells && !doorbells.isEmpty ? ", doorbells \(doorbells)" : ""
        return "\(host.text("name")): \(keeps)\(host.text("verdict"))\(own)\(places)"
    }

    /// Whether a host would keep the promise.
    static func check(_ answer: JSONNode) -> String {
        let keeps = answer.flag("keeps") ? "keeps the promise" : "does not keep the promise"
        var rows = [(name: "host", value: "\(answer.text("host")) \(keeps)")]
        rows.append(("verdict", answer.text("verdict")))
        rows += answer.children("blockers").map { ("blocks the window", PlaceTable.words($0)) }
        return Console.table(rows)
    }

    /// Why there is no promise.
    static func refusal(_ problem: JSONNode) -> String {
        var rows = problem.children("blockers").map {
            (name: "blocks the window", value: PlaceTable.words($0))
        }
        if let placement = problem.member("placement") {
            rows.append(("because", placement.text("because")))
        }
        rows += PlaceTable.mechanism(problem.member("placement") ?? problem)
        let remedies =
            problem.children("remedies") + (problem.member("placement")?.children("remedies") ?? [])
        rows += remedies.map { ("remedy", $0.text("detail")) }
        return Console.table(rows)
    }

    static func list(_ answer: JSONNode) -> String {
        Console.table(
            answer.children("items").map { item in
                let broken = item.member("broken")?.kind == .object && item.text("state") != "released"
                let window = item.member("window").map { $0.kind == .object ? $0.rangeText : "-" } ?? "-"
                return (item.text("id"), "\(item.text("state"))\(broken ? ", broken" : ""), \(window)")
            })
    }

    /// A line of `watch`.
    static func event(id: String, name: String, _ data: JSONNode?) -> String {
        var words = [Report.printable(id), Report.printable(name)]
        guard let data else { return words.joined(separator: " ") }
        for member in ["host", "platform", "reason"] where data.member(member) != nil {
            words.append("\(member) \(data.text(member))")
        }
        if let seconds = data.member("ttl_seconds")?.int(in: 0...Int.max, ProblemList(limit: 1)) {
            words.append("for \(seconds) s")
        }
        words += data.children("blockers").map { PlaceTable.words($0) }
        return words.joined(separator: " ")
    }
}
