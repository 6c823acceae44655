// Labels of platforms: whose they are, what they survive, how lists are asked by them, and the pools that
// placements and surveys take in place of hosts.

import HTTP
import TestSupport
import Testing

@testable import API

@Suite struct LabelTests {
    private let client = ServiceClient()

    static func machine(reserving start: String? = nil) -> String { LabMachine.json(reserving: start) }

    @discardableResult
    private func label(_ id: String, _ labels: String, ifMatch: String? = nil) -> ServiceClient.Answer {
        client.ask(
            .put, "/v1/platforms/\(id)/labels", Array(labels.utf8), type: MediaType.json,
            headers: ifMatch.map { [.init("If-Match", $0)] } ?? [])
    }

    private func tag(_ id: String) -> String {
        client.get("/v1/platforms/\(id)").response.headers["ETag"] ?? ""
    }

    private func labels(_ id: String) -> [String: String] {
        client.get("/v1/platforms/\(id)").json["labels"] as? [String: String] ?? [:]
    }

    private func listed(_ query: String) -> [String] {
        client.get("/v1/platforms\(query)").list("items").compactMap { $0["id"] as? String }
    }

    @Test func labelsStayWithThePlatform() {
        #expect(client.post("/v1/platforms?id=a", json: Self.machine()).status == 201)
        let plain = tag("a")
        let given = label("a", #"{"pool":"rack-7","site":"lab"}"#)
        #expect(given.status == 200 && labels("a") == ["pool": "rack-7", "site": "lab"], "\(given.text)")
        #expect(given.response.headers["ETag"] == tag("a") && tag("a") != plain)
        // Replaced by the same and by another machine, and renamed.
        let labelled = tag("a")
        let again = client.ask(.put, "/v1/platforms/a", Array(Self.machine().utf8), type: MediaType.json)
        #expect(again.response.headers["ETag"] == labelled && again.object("labels").count == 2)
        _ = client.ask(
            .put, "/v1/platforms/a", Array(Self.machine(reserving: "0x8000000").utf8), type: MediaType.json)
        #expect(labels("a").count == 2 && tag("a") != labelled)
        _ = client.ask(.patch, "/v1/platforms/a", Array(#"{"id":"b"}"#.utf8), type: MediaType.json)
        #expect(labels("b") == ["pool": "rack-7", "site": "lab"])
        // A body has all labels that there will be.
        label("b", #"{"site":"lab"}"#)
        #expect(labels("b") == ["site": "lab"])
        label("b", "{}")
        #expect(client.get("/v1/platforms/b").json["labels"] == nil)
        // Removed, and another under its id.
        label("b", #"{"site":"lab"}"#)
        #expect(client.ask(.delete, "/v1/platforms/b").status == 204)
        #expect(client.post("/v1/platforms?id=b", json: Self.machine()).status == 201)
        #expect(labels("b").isEmpty && tag("b") == plain)
    }

    @Test func listsAreAskedByLabels() {
        for (id, own) in [("a", #"{"pool":"x"}"#), ("b", #"{"pool":"y","k":""}"#), ("c", #"{"k":"v=w"}"#)] {
            #expect(client.post("/v1/platforms?id=\(id)", json: Self.machine()).status == 201)
            #expect(label(id, own).status == 200)
        }
        #expect(listed("?label=pool") == ["a", "b"] && listed("?label=pool=x") == ["a"])
        #expect(listed("?label=k") == ["b", "c"] && listed("?label=k=") == ["b"])
        #expect(listed("?label=k=v=w") == ["c"] && listed("?label=none") == [])
        #expect(listed("?label=pool&limit=1") == ["a"] && listed("?label=pool&page_token=a") == ["b"])
        for wrong in ["?label=", "?label==x", "?label=a%20b"] {
            #expect(client.get("/v1/platforms" + wrong).status == 400, "\(wrong)")
        }
        let summary = client.get("/v1/platforms?label=pool=y").list("items").first
        #expect(summary?["labels"] as? [String: String] == ["pool": "y", "k": ""])
    }

    @Test func whatIsWrongIsTold() {
        #expect(client.post("/v1/platforms?id=a", json: Self.machine()).status == 201)
        let long = String(repeating: "x", count: Limits.labelValueBytesMax + 1)
        let many = (0...Limits.labelsPerPlatformMax).map { #""l\#($0)":"""# }.joined(separator: ",")
        for (body, pointers) in [
            (#"{"a b":"c","":"d"}"#, ["/a b", "/"]), (#"{"a":1,"b":null}"#, ["/a", "/b"]),
            (#"{"a":"\#(long)"}"#, ["/a"]), ("{\(many)}", [""]), ("[]", [""]),
        ] {
            let answer = label("a", body)
            #expect(answer.status == 422 && answer.pointers == pointers, "\(body): \(answer.text)")
        }
        #expect(labels("a").isEmpty)
        #expect(label("none", "{}").status == 404)
        #expect(label("example-arm-juno", "{}").json["code"] as? String == "platform-in-use")
        #expect(label("a", "{}", ifMatch: "\"other\"").status == 412)
        #expect(label("a", "{}", ifMatch: tag("a")).status == 200)
    }

    @Test func labelsAreTheOwners() throws {
        let tokens = try AccessTokens(
            parsing: Array("a read,write secret-of-a-01234\nb read,write secret-of-b-01234\n".utf8))
        let client = ServiceClient(Service.Configuration(version: "test", tokens: tokens))
        func ask(_ method: HTTP.Method, _ target: String, _ body: String, as token: String) -> Int {
            client.ask(
                method, target, Array(body.utf8), type: MediaType.json,
                headers: [.init("Authorization", "Bearer secret-of-\(token)-01234")]
            ).status
        }
        #expect(ask(.post, "/v1/platforms?id=p", Self.machine(), as: "a") == 201)
        #expect(ask(.put, "/v1/platforms/p/labels", #"{"pool":"x"}"#, as: "b") == 403)
        #expect(ask(.put, "/v1/platforms/p/labels", #"{"pool":"x"}"#, as: "a") == 200)
    }

    /// A pool is what its list is, in the order of the ids.
    @Test func poolsStandForHosts() {
        for (id, start) in [("a", nil), ("b", "0x8000000"), ("c", nil)] {
            #expect(client.post("/v1/platforms?id=\(id)", json: Self.machine(reserving: start)).status == 201)
            if id != "c" { label(id, #"{"pool":"x"}"#) }
        }
        let vm = #""vm":{"vmm":"qemu-virt","ram":"0x40000000"}"#
        let pooled = client.post("/v1/placements", json: #"{"pool":"x",\#(vm)}"#)
        let named = client.post(
            "/v1/placements",
            json: #"{"hosts":[{"name":"a","platform":"a"},{"name":"b","platform":"b"}],\#(vm)}"#)
        #expect(pooled.status == 200 && pooled.text == named.text, "\(pooled.text)")
        let survey = client.post("/v1/surveys", json: #"{"pool":"x"}"#)
        #expect(survey.text == client.post("/v1/surveys", json: #"{"platforms":["a","b"]}"#).text)
        // Who leaves it is no host any more.
        label("b", "{}")
        #expect(
            client.post("/v1/placements", json: #"{"pool":"x",\#(vm)}"#).list("per_host").count == 1)
        for (path, body, pointers) in [
            ("/v1/placements", #"{"pool":"none",\#(vm)}"#, ["/pool"]),
            ("/v1/placements", #"{"pool":"x","hosts":[{"platform":"a"}],\#(vm)}"#, ["/hosts"]),
            ("/v1/placements", #"{"pool":1,\#(vm)}"#, ["/pool"]), ("/v1/placements", "{\(vm)}", ["/hosts"]),
            ("/v1/surveys", #"{"pool":"none"}"#, ["/pool"]),
            ("/v1/surveys", #"{"pool":"x","platforms":["a"],"hosts":[]}"#, ["/platforms", "/hosts"]),
        ] {
            let answer = client.post(path, json: body)
            #expect(answer.status == 422 && answer.pointers == pointers, "\(body): \(answer.text)")
        }
    }

    /// What was made of a platform does not go with its labels.
    @Test func labelsKeepWhatWasPrepared() {
        #expect(client.post("/v1/platforms?id=a", json: Self.machine()).status == 201)
        _ = client.decide(#"{"platform":"a","device":"d","consumer":"vfio_type1"}"#)
        let prepared = client.service.preparedSize.devices
        #expect(prepared > 0)
        label("a", #"{"pool":"x"}"#)
        #expect(client.service.preparedSize.devices == prepared)
    }
}
