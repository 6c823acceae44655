// /metrics has each limit that bounds all clients together, and what is in use of it.

import HTTP
import Testing

@testable import API

@Suite struct LimitMetricsTests {
    private func values(_ name: String, _ client: ServiceClient) -> [String: Int] {
        var found: [String: Int] = [:]
        for line in client.get("/metrics").text.split(separator: "\n") where line.hasPrefix("\(name){name=\"")
        {
            let parts = line.split(separator: "\"")
            found[String(parts[1])] = Int(parts[2].split(separator: " ").last ?? "")
        }
        return found
    }

    @Test func everyUseHasItsLimit() {
        let client = ServiceClient()
        let limits = values("iovad_limit", client)
        let used = values("iovad_limit_used", client)
        #expect(limits.count >= 10 && limits.keys.sorted() == used.keys.sorted())
        for (name, value) in limits {
            #expect(Limits.table.first { $0.name == name }?.value == value, "\(name)")
        }
        for (name, value) in used { #expect(value >= 0 && value <= limits[name] ?? -1, "\(name): \(value)") }
    }

    @Test func usesAreCounted() {
        let client = ServiceClient()
        let before = values("iovad_limit_used", client)
        let key = [HeaderFields.Field("Idempotency-Key", "k")]
        #expect(
            client.ask(
                .post, "/v1/sessions", Array(#"{"id":"s"}"#.utf8), type: "application/json", headers: key
            ).status == 201)
        let platform =
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"platform","smmus":["s"]}]}"#
        #expect(
            client.ask(.post, "/v1/platforms?id=p", Array(platform.utf8), type: "application/json").status
                == 201)
        let after = values("iovad_limit_used", client)
        for (name, more) in [("sessions_max", 1), ("platforms_uploaded_max", 1), ("idempotency_keys_max", 1)]
        {
            #expect(after[name] == (before[name] ?? 0) + more, "\(name)")
        }
        for name in ["platform_bytes_total_max", "idempotency_bytes_total_max"] {
            #expect(after[name] ?? 0 > before[name] ?? 0, "\(name)")
        }
    }

    /// curl names this type by itself: every operation says what to add.
    @Test func curlIsToldWhatToAdd() {
        let client = ServiceClient()
        for route in Route.all where !route.reads.isEmpty {
            let target = route.path.replacing("{", with: "").replacing("}", with: "")
            let answer = client.ask(
                route.method, target, Array("{}".utf8), type: "application/x-www-form-urlencoded")
            #expect(answer.status == 415, "\(route.id): \(answer.text)")
            let named = answer.text.split(separator: "add -H 'Content-Type: ").dropFirst().first?.split(
                separator: "'"
            ).first
            #expect(named.map { route.consumes.contains(String($0)) } == true, "\(route.id): \(answer.text)")
        }
        #expect(client.ask(.post, "/v1/decisions", [], type: "text/xml").text.contains("curl") == false)
    }
}
