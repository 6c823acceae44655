// The API as a client sees it: routes, refusals, platforms, decisions.

import API
import AddressSpaces
import Foundation
import HTTP
import Locking
import TestSupport
import Testing

@Suite struct ServiceTests {
    let client = ServiceClient()

    static let native = """
        {"smmus":[{"id":"s","version":"v3"}],"msi_controllers":[{"id":"its","kind":"its","doorbell":"0x30040"}],
         "devices":[{"id":"dev/0","kind":"pci_host","smmus":["s"],"msi_controllers":["its"],
           "dma_ranges":[{"bus":"0x80000000","size":"0x80000000"}],
           "pci_windows":[{"bus":"0x50000000","size":"0x8000000"}]}]}
        """

    @Test func probesAndLists() {
        for target in [
            "/livez", "/readyz", "/version", "/v1", "/v1/limits", "/v1/platforms", "/metrics", "/",
        ] {
            let answer = client.get(target)
            #expect(answer.status == 200, "\(target)")
            #expect(answer.response.headers["Server"] == "iovad/test")
            #expect(
                answer.response.headers["X-Request-ID"] != nil
                    && answer.response.headers["Cache-Control"] != nil)
        }
        client.service.beginDraining()
        #expect(client.get("/readyz").status == 503)
    }

    @Test func routesComeFromOneTable() {
        #expect(client.get("/nothing").status == 404)
        #expect(client.get("/v1//platforms").status == 404)
        #expect(client.get("/v1/../v1").status == 404)
        #expect(client.get("/v1%00").status == 400)
        #expect(client.get("/v1%2Fplatforms").status == 404)
        #expect(client.get("http://host/v1").status == 200)
        for method in [Method.delete, .other("BREW"), .other("TRACE"), .put] {
            let answer = client.ask(method, "/v1/platforms")
            #expect(answer.status == 405 && answer.response.headers["Allow"] == "GET, POST, HEAD, OPTIONS")
        }
        let options = client.ask(.options, "/v1/decisions")
        #expect(options.status == 204 && options.response.headers["Allow"] == "POST, OPTIONS")
        #expect(client.ask(.options, "*").status == 204)
        #expect(client.ask(.head, "/v1").status == 200)
    }

    @Test func negotiation() {
        #expect(client.get("/v1", headers: [.init("Accept", "text/html")]).status == 406)
        #expect(client.get("/v1", headers: [.init("Accept", "application/*;q=0.1")]).status == 200)
        #expect(client.get("/v1", headers: [.init("Accept", "application/json;q=0, */*")]).status == 406)
        #expect(client.ask(.post, "/v1/decisions", [0x7b, 0x7d]).status == 415)
        #expect(client.ask(.post, "/v1/decisions", [0x7b, 0x7d], type: "text/xml").status == 415)
        #expect(
            client.ask(.post, "/v1/decisions", [0x7b, 0x7d], type: "Application/JSON; charset=utf-8").status
                == 422)
        #expect(client.get("/v1?x=1").status == 400)
        #expect(client.get("/v1/platforms?limit=0").pointers == ["?limit"])
        #expect(client.ask(.get, "/v1", [0x20]).status == 413)
    }

    @Test func requestIDs() {
        #expect(
            client.get("/v1", headers: [.init("X-Request-ID", "abc")]).response.headers["X-Request-ID"]
                == "abc")
        let long = String(repeating: "x", count: 200)
        #expect(
            client.get("/v1", headers: [.init("X-Request-ID", long)]).response.headers["X-Request-ID"] != long
        )
    }

    /// The plan of an admitted request, with the id that it makes, is the plan of its answer.
    @Test func aRequestIsPlannedOnce() {
        let drawn = Locked(UInt64(0))
        var configuration = Service.Configuration(version: "test")
        configuration.random = {
            drawn.withLock { number in
                number += 1
                return number
            }
        }
        let counting = ServiceClient(configuration)
        var numbers = SplitMix64(seed: 1)
        for answer in [counting.get("/v1/limits"), counting.get("/v1/nothing"), counting.decide("{}")] {
            let expected = "r-" + HexLiteral.digits(numbers.next() >> 12)
            #expect(answer.response.headers["X-Request-ID"] == expected)
        }
        // The system is asked for the seed alone.
        #expect(drawn.withLock { $0 } == 1)
    }

    @Test func platformLife() {
        let created = client.post("/v1/platforms?id=mine", json: Self.native)
        #expect(created.status == 201 && created.response.headers["Location"] == "/v1/platforms/mine")
        let etag = created.response.headers["ETag"]!
        #expect(client.post("/v1/platforms?id=mine", json: Self.native).status == 409)
        #expect(client.get("/v1/platforms/mine", headers: [.init("If-None-Match", etag)]).status == 304)
        #expect(client.get("/v1/platforms/mine/devices/dev%2F0").json["kind"] as? String == "pci_host")
        let stale = client.ask(.delete, "/v1/platforms/mine", headers: [.init("If-Match", "\"0\"")])
        #expect(stale.status == 412 && stale.response.headers["ETag"] == etag)
        #expect(
            client.ask(.put, "/v1/platforms/mine", Array(Self.native.utf8), type: "application/json").status
                == 200)
        #expect(
            client.ask(.put, "/v1/platforms/new", Array(Self.native.utf8), type: "application/json").status
                == 201)
        let absent = client.ask(
            .put, "/v1/platforms/new", Array(Self.native.utf8), type: "application/json",
            headers: [.init("If-None-Match", "*")])
        #expect(absent.status == 412)
        for fields in [
            [("If-Match", "")], [("If-None-Match", etag)], [("If-Match", etag), ("If-None-Match", "*")],
        ] {
            let refused = client.ask(
                .put, "/v1/platforms/mine", Array(Self.native.utf8), type: "application/json",
                headers: fields.map { .init($0.0, $0.1) })
            #expect(refused.status == 412, "\(fields)")
        }
        #expect(client.ask(.delete, "/v1/platforms/mine", headers: [.init("If-Match", etag)]).status == 204)
        #expect(client.ask(.delete, "/v1/platforms/mine").status == 404)
        #expect(client.ask(.delete, "/v1/platforms/example-qemu-virt").status == 409)
        #expect(client.post("/v1/platforms?id=../x", json: Self.native).status == 400)
        let only = client.post("/v1/platforms?id=v&validate_only=true", json: Self.native)
        #expect(only.status == 200 && client.get("/v1/platforms/v").status == 404)
    }

    /// An id that is not a client's is refused alike by every way to upload, with advice that works; so is
    /// one that is taken.
    @Test func idsThatAreRefused() {
        #expect(client.post("/v1/platforms?id=mine", json: Self.native).status == 201)
        for (id, words) in [
            ("example-qemu-virt", "is built in and cannot be changed; upload under another id."),
            ("this-host", "is kept for the machine that this server runs on; upload under another id."),
        ] {
            for query in ["", "validate_only=true"] {
                for answer in [
                    client.post("/v1/platforms?id=\(id)&\(query)", json: Self.native),
                    client.ask(
                        .put, "/v1/platforms/\(id)?\(query)", Array(Self.native.utf8),
                        type: "application/json"),
                ] {
                    #expect(answer.status == 409, "\(answer.text)")
                    #expect(answer.text.contains("/problems/platform-in-use"), "\(answer.text)")
                    #expect((answer.json["detail"] as? String)?.contains(words) == true, "\(answer.text)")
                }
            }
        }
        let taken = client.post("/v1/platforms?id=mine&validate_only=true", json: Self.native)
        #expect(taken.status == 409 && taken.text.contains("/problems/platform-exists"), "\(taken.text)")
        let replacing = client.ask(
            .put, "/v1/platforms/mine?validate_only=true", Array(Self.native.utf8), type: "application/json")
        #expect(replacing.status == 200, "\(replacing.text)")
        let stale = client.ask(
            .put, "/v1/platforms/mine?validate_only=true", Array(Self.native.utf8), type: "application/json",
            headers: [.init("If-Match", "\"0\"")])
        #expect(stale.status == 412, "\(stale.text)")
    }

    @Test func idempotency() {
        let key = [HeaderFields.Field("Idempotency-Key", "k1")]
        let first = client.ask(
            .post, "/v1/platforms", Array(Self.native.utf8), type: "application/json", headers: key)
        let again = client.ask(
            .post, "/v1/platforms", Array(Self.native.utf8), type: "application/json", headers: key)
        #expect(first.status == 201 && again.response.body == first.response.body)
        let other = client.ask(
            .post, "/v1/platforms?id=x", Array(Self.native.utf8), type: "application/json", headers: key)
        #expect(other.status == 422)
    }

    @Test func uploadsAreBounded() {
        var client = client
        for index in 0..<Limits.platformsUploadedMax {
            if index == Limits.platformsPerClientMax { client.peer = "other" }
            #expect(client.post("/v1/platforms?id=p\(index)", json: #"{"devices":[]}"#).status == 201)
        }
        client.peer = "third"
        let full = client.post("/v1/platforms?id=more", json: #"{"devices":[]}"#)
        #expect(full.status == 429 && full.response.headers["Retry-After"] != nil)
        #expect(client.get("/v1/platforms?limit=1000").json["next_page_token"] != nil)
    }

    @Test func nativeModelIsCheckedWhole() {
        let answer = client.post(
            "/v1/platforms",
            json: """
                {"smmus":[{"id":"s","version":"v9"}],"devices":[{"id":"a","kind":"pci_host","smmus":["t"],
                "dma_ranges":[{"bus":0,"size":0}]},{"id":"a","kind":"platform"}],"devcies":[]}
                """)
        #expect(answer.status == 422)
        #expect(
            Set(answer.pointers) == [
                "/smmus/0/version", "/devices/0/dma_ranges/0/size", "/devcies", "/devices/1/id",
                "/devices/0/smmus",
            ])
        #expect(
            client.ask(.post, "/v1/platforms", [1, 2, 3], type: "application/octet-stream").status == 422)
    }

    @Test func junoOverTheAPI() {
        let base =
            #"{"platform":"example-arm-juno","device":"/pcie@40000000","consumer":"vfio_type1","window_source":"#
        let fixed = client.decide(base + #""fixed"}"#)
        #expect(fixed.status == 200 && fixed.json["reachable"] as? Bool == false)
        #expect(fixed.object("window")["start"] as? String == "0x8000000")
        #expect(fixed.object("window")["last"] as? String == "0x80fffff")
        let blocker = fixed.list("blockers").first
        #expect(blocker?["kind"] as? String == "dma_ranges_gap")
        #expect((blocker?["range"] as? [String: Any])?["last"] as? String == "0x80000fff")
        #expect(fixed.list("doorbells").first?["iova"] as? String == "0x8000040")
        #expect(client.decide(base + #""candidates"}"#).object("window")["start"] as? String == "0x8000000")
        let everything = client.decide(base + #"{"kind":"candidates","avoid":"everything"}}"#)
        #expect(everything.object("window")["start"] as? String == "0xa0000000")
        #expect(everything.object("model")["kernel"] as? String == "7.3")
        let steps = everything.object("explanation")["steps"] as? [[String: Any]] ?? []
        #expect(steps.first?["rule"] as? String == "window.candidate_blocked")
    }

    @Test func explanationNeverChangesTheAnswer() {
        let body = #"{"platform":"example-arm-juno","device":"/pcie@40000000","consumer":"vfio_type1"}"#
        let answers = ["none", "summary", "full"].map { level -> [String: Any] in
            var json = client.post("/v1/decisions?explain=\(level)", json: body).json
            json["explanation"] = nil
            return json
        }
        let verdicts = { (level: String) -> [String] in
            let answer = client.post("/v1/decisions?explain=\(level)", json: body)
            let steps = answer.object("explanation")["steps"] as? [[String: Any]] ?? []
            return steps.compactMap { $0["verdict"] as? String }
        }
        #expect(verdicts("none").isEmpty)
        #expect(verdicts("summary") == verdicts("full").filter { $0 != "noted" })
        #expect(!verdicts("summary").isEmpty && verdicts("full").contains("noted"))
        #expect(answers[0] as NSDictionary == answers[1] as NSDictionary)
        #expect(answers[1] as NSDictionary == answers[2] as NSDictionary)
    }

    @Test func threeMistakesAreOneAnswer() {
        let answer = client.decide(
            #"{"platform":"example-arm-juno","device":"/nope","consumer":"vfio","page_size":"0x1001","size_aligned":1}"#
        )
        #expect(answer.status == 422 && answer.json["code"] as? String == "invalid-request")
        #expect(Set(answer.pointers) == ["/device", "/consumer", "/page_size", "/size_aligned"])
    }

    @Test(
        arguments: [
            (#"{"consumer":"vfio_type1"}"#, ["/platform"]),
            (#"{"platform":"x","consumer":"vfio_type1"}"#, ["/device"]),
            (
                #"{"platform":"x","device":"y","consumer":"vfio_type1","dma_limit":1}"#,
                ["/dma_limit", "/platform"]
            ),
            (#"{"reserved_regions":[{"start":1}],"consumer":"vfio_type1"}"#, ["/reserved_regions/0/last"]),
            (#"{"reserved_regions":[],"consumer":"vfio_type1","forcedac":true}"#, ["/forcedac"]),
            (
                #"{"reserved_regions":[],"consumer":"vfio_type1","window_source":{"kind":"candidates","size":0,"bases":[]}}"#,
                ["/window_source/size", "/window_source/bases"]
            ),
            (
                #"{"reserved_regions":[],"consumer":"vfio_type1","window_source":{"kind":"candidates","bases":["0xffffffffffffffff"]}}"#,
                ["/window_source/bases/0"]
            ),
            ("[]", [""]), ("3", [""]),
        ] as [(String, [String])])
    func wrongDecisions(body: String, pointers: [String]) {
        let answer = client.decide(body)
        #expect(answer.status == 422)
        #expect(Set(answer.pointers) == Set(pointers), "\(answer.text)")
    }

    @Test func inlineQuestions() {
        let answer = client.decide(
            """
            {"reserved_regions":[{"start":"0x8000000","size":"0x100000","type":"reserved"}],"consumer":"vfio_type1",
             "window_source":{"kind":"candidates","bases":["0x8000000","0xa0000000"],"size":"0x100000"}}
            """)
        #expect(
            answer.object("window")["start"] as? String == "0xa0000000"
                && answer.json["reachable"] as? Bool == true)
        let ranges = client.decide(
            """
            {"iova_ranges":[{"start":"0x0","last":"0x7ffffff"},{"start":"0x8100000","last":"0xffffffffffff"}],
             "consumer":"vfio_type1"}
            """)
        // The hole is the driver's own window.
        #expect(ranges.json["reachable"] as? Bool == true)
        let narrow = client.decide(
            #"{"iova_ranges":[{"start":"0x90000000","last":"0xffffffff"}],"consumer":"vfio_type1"}"#)
        #expect(narrow.json["reachable"] as? Bool == false)
    }

    @Test func syntaxErrorsNameTheirPlace() {
        let answer = client.decide("{\n \"a\": tru }")
        #expect(answer.status == 400 && answer.json["code"] as? String == "malformed-json")
        #expect((answer.json["detail"] as? String)?.hasPrefix("Line 2, column 7") == true)
        let twice = client.decide(#"{"a":1,"a":2}"#)
        #expect(
            twice.status == 400 && twice.json["code"] as? String == "duplicate-key"
                && twice.pointers == ["/a"])
    }

    @Test func views() {
        let base = "/v1/platforms/example-arm-juno/reserved-regions?device=%2Fpcie@40000000"
        #expect(client.get(base).list("items").count == 6)
        let text = "0x0000000008000000 0x00000000080fffff msi\n"
        #expect(client.get(base + "&view=sysfs").json["text"] as? String == text)
        #expect(client.get(base + "&view=sysfs", headers: [.init("Accept", "text/plain")]).text == text)
        #expect(
            client.get(base + "&view=vfio").list("items").map { $0["last"] as? String }
                == ["0x7ffffff", "0xffffffffffff"])
        #expect(
            Set(client.get(base + "&kernel=linux&page_size=3&aperture_bits=99").pointers)
                == ["?kernel", "?page_size", "?aperture_bits"])
        #expect(client.get("/v1/platforms/example-arm-juno/reserved-regions").pointers == ["?device"])
        let windows = client.get(
            "/v1/platforms/example-arm-juno/available-windows?device=%2Fpcie@40000000&below=0x100000000")
        #expect(windows.object("picks")["lowest"] as? String == "0x80100000")
        #expect(windows.object("picks")["highest"] as? String == "0xfff00000")
    }

    @Test func viewsThatAreNoTextAreJSONToWhoTakesBoth() {
        let base = "/v1/platforms/example-arm-juno/reserved-regions?device=%2Fpcie@40000000&view="
        let both = [HeaderFields.Field("Accept", "text/plain, application/json;q=0.5")]
        #expect(client.get(base + "sysfs", headers: both).text.hasPrefix("0x"))
        for view in ["dma", "vfio"] {
            #expect(client.get(base + view, headers: both).json["view"] as? String == view)
            #expect(client.get(base + view, headers: [.init("Accept", "text/plain")]).status == 406)
        }
    }

    @Test func theVFIOViewKeepsToWhatTheHostListed() {
        let platform =
            #"{"devices":[{"id":"d","kind":"pci_host","iova_ranges":[{"start":"0x0","last":"0x7ffffff"},"#
            + #"{"start":"0x8100000","last":"0x9fffffff"}]}]}"#
        #expect(
            client.ask(.put, "/v1/platforms/listed", Array(platform.utf8), type: MediaType.json).status == 201
        )
        #expect(
            client.get("/v1/platforms/listed/reserved-regions?device=d&view=vfio").list("items").map {
                $0["last"] as? String
            } == ["0x7ffffff", "0x9fffffff"])
    }

    @Test func asManyInlineRegionsAsAreReadAreAnswered() {
        // Quadratic work over them would take minutes here.
        let regions = (0..<Limits.inlineRegionsMax).map { #"{"start":\#($0 * 0x2000),"size":1}"# }
        let answer = client.decide(
            #"{"consumer":"vfio_type1","reserved_regions":[\#(regions.joined(separator: ","))]}"#)
        #expect(answer.status == 200 && answer.json["reachable"] as? Bool == false)
    }

    @Test func hugePageTokensAreRefused() {
        for page in ["devices?", "available-windows?device=%2Fpcie@40000000&"] {
            for token in ["9223372036854775807", "-1", "x", "65537"] {
                let answer = client.get("/v1/platforms/example-arm-juno/\(page)page_token=\(token)")
                #expect(answer.status == 400 && answer.pointers == ["?page_token"])
            }
        }
    }

    @Test func everyLimitAndProblemIsPublished() throws {
        let limits = client.get("/v1/limits").object("limits")
        for limit in Limits.table { #expect(limits[limit.name] as? Int == limit.value) }
        for kind in ProblemKind.allCases {
            #expect(client.get("/problems/\(kind.rawValue)").status == 200)
            #expect((400...503).contains(kind.status))
        }
    }

    @Test func answersAreDeterministic() {
        let body = #"{"platform":"example-arm-juno","device":"/pcie@40000000","consumer":"vfio_type1"}"#
        #expect(client.decide(body).response.body == ServiceClient().decide(body).response.body)
    }
}
