// What a collected host says of itself, asked at every entrance that names a stored platform: each uses it
// where the request says nothing, tells so, and gives way to the request.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct HostFactEntranceTests {
    private let client = ServiceClient()
    private static let release = "6.8.0-124-generic"
    private static let fault =
        "arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:\narm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000010000000010\n"
    private static let trace =
        "  k-1 [000] d..1. 1.0: map: IOMMU: iova=0xffff0000 paddr=0x8090000 size=4096\n"

    /// Large pages, and groups that are not translated.
    private static let host = #"""
        {"collected":{"format":1,"kernel_release":"6.8.0-124-generic","page_size":65536,"device_tree":null,
        "acpi":null,"iomem":null,"groups":[
        {"id":"0","type":"identity","devices":["0000:01:00.0"],
        "paths":["../../devices/pci0000:00/0000:00:01.0/0000:01:00.0"],
        "reserved_regions":"0x0000000008000000 0x00000000080fffff msi\n"}],"notes":[]}}
        """#

    init() {
        let stored = client.ask(.put, "/v1/platforms/h", Array(Self.host.utf8), type: "application/json")
        #expect(stored.status == 201, "\(stored.text)")
    }

    private typealias Answered = (entrance: String, facts: [String: Any], model: [String: Any])

    /// Every entrance, with further members of a body and the same as a query.
    private func answers(_ members: String, _ query: String) -> [Answered] {
        func told(_ entrance: String, _ answer: ServiceClient.Answer) -> Answered {
            #expect(answer.status < 300, "\(entrance): \(answer.text)")
            return (entrance, answer.object("host_facts"), answer.object("model"))
        }
        func first(_ entrance: String, _ answer: ServiceClient.Answer, _ list: String) -> Answered {
            #expect(answer.status < 300, "\(entrance): \(answer.text)")
            let facts = answer.list(list).first?["host_facts"] as? [String: Any]
            return (entrance, facts ?? [:], answer.object("model"))
        }
        let several = members.replacing(#""kernel":"7.2""#, with: #""kernels":["7.2"]"#)
        let device = #""platform":"h","device":"0000:01:00.0""#
        let hosts = #""hosts":[{"platform":"h"}]"#
        let view = "/v1/platforms/h/reserved-regions?device=0000%3A01%3A00.0\(query)"
        let failure = "QEMU: vfio_dma_map(0x5, 0x8000000, 0x1000, 0x7f) = -22 (Invalid argument)"
        func text(_ path: String, _ body: String) -> ServiceClient.Answer {
            client.ask(.post, "\(path)?platform=h\(query)", Array(body.utf8), type: "text/plain")
        }
        return [
            told("decision", client.decide(#"{\#(device),"consumer":"dma_api"\#(members)}"#)),
            first(
                "comparison",
                client.post("/v1/comparisons", json: #"{\#(device),"policies":["dma_iommu"]\#(several)}"#),
                "items"),
            told("view", client.get(view)),
            told("windows", client.get("/v1/platforms/h/available-windows?device=0000%3A01%3A00.0\(query)")),
            told("fault", text("/v1/fault-explanations", Self.fault)),
            told(
                "map failure",
                client.post("/v1/map-failures", json: #"{"text":"\#(failure)",\#(device)\#(members)}"#)),
            told("trace", text("/v1/replays", Self.trace)),
            first(
                "placement",
                client.post("/v1/placements", json: #"{\#(hosts),"vm":{"memory_map":[]}\#(members)}"#),
                "per_host"),
            first("survey", client.post("/v1/surveys", json: #"{\#(hosts)\#(members)}"#), "hosts"),
            first(
                "survey of platforms", client.post("/v1/surveys", json: #"{"platforms":["h"]\#(members)}"#),
                "hosts"),
        ]
    }

    @Test func everyEntranceUsesAndTellsThem() {
        for (entrance, facts, model) in answers("", "") {
            #expect(facts["kernel_release"] as? String == Self.release, "\(entrance): \(facts)")
            #expect(facts["page_size"] as? String == "0x10000", "\(entrance): \(facts)")
            #expect(model["kernel"] as? String == "6.8", "\(entrance): \(model)")
            let isOfDMA = ["decision", "comparison", "view"].contains(entrance)
            #expect((facts["group_type"] as? String) == (isOfDMA ? "identity" : nil), "\(entrance): \(facts)")
        }
    }

    @Test func aRequestSaysOtherwise() {
        let query = "&kernel=7.2&page_size=0x1000"
        for (entrance, facts, model) in answers(#","kernel":"7.2","page_size":"0x1000""#, query) {
            #expect(facts["kernel_release"] == nil && facts["page_size"] == nil, "\(entrance): \(facts)")
            #expect(model["kernel"] as? String == "7.2", "\(entrance): \(model)")
        }
    }

    // MARK: Sessions

    private static let devices = #""devices":[{"platform":"h","device":"0000:01:00.0"}]"#

    private func session(_ members: String) {
        _ = client.ask(.delete, "/v1/sessions/s")
        let made = client.post("/v1/sessions", json: "{\(members)}")
        #expect(made.status == 201, "\(made.text)")
    }

    @Test func aDomainIsThatOfItsHost() {
        session(#""id":"s""#)
        let made = client.post("/v1/sessions/s/domains", json: #"{"id":"d",\#(Self.devices)}"#)
        #expect(made.status == 201, "\(made.text)")
        for answer in [made, client.get("/v1/sessions/s/domains/d")] {
            let facts = answer.object("host_facts")
            #expect(facts["kernel_release"] as? String == Self.release, "\(answer.text)")
            #expect(facts["page_size"] as? String == "0x10000", "\(answer.text)")
            #expect(facts["group_type"] as? String == "identity", "\(answer.text)")
            #expect(answer.json["page_size"] as? String == "0x10000", "\(answer.text)")
            #expect(answer.object("model")["kernel"] as? String == "6.8", "\(answer.text)")
        }
        #expect(client.get("/v1/sessions/s").json["kernel"] as? String == Self.release)
        let doorbell = client.post(
            "/v1/sessions/s/domains/d/doorbells", json: #"{"physical":"0x8090040","device":"0000:01:00.0"}"#)
        #expect(doorbell.json["iova"] as? String == "0x8090040", "\(doorbell.text)")
        let refused = client.post("/v1/sessions/s/domains/d/iovas", json: #"{"size":"0x1000"}"#)
        #expect(refused.status == 422, "\(refused.text)")
        #expect(refused.list("errors").first?["code"] as? String == "not-translated", "\(refused.text)")
        // All of it goes out and comes in again.
        let state = client.get("/v1/sessions/s/state")
        #expect(client.ask(.delete, "/v1/sessions/s").status == 204)
        #expect(client.post("/v1/sessions", json: state.text).status == 201, "\(state.text)")
        #expect(client.get("/v1/sessions/s/state").text == state.text)
    }

    @Test func aDomainIsAsTheRequestSays() {
        session(#""id":"s","kernel":"7.2""#)
        let made = client.post(
            "/v1/sessions/s/domains",
            json: #"{"id":"d","page_size":"0x1000","default_domain":"translated",\#(Self.devices)}"#)
        #expect(made.status == 201 && made.json["host_facts"] == nil, "\(made.text)")
        #expect(made.object("model")["kernel"] as? String == "7.2", "\(made.text)")
        let doorbell = client.post(
            "/v1/sessions/s/domains/d/doorbells", json: #"{"physical":"0x8090040","device":"0000:01:00.0"}"#)
        #expect(doorbell.json["iova"] as? String == "0xfffff040", "\(doorbell.text)")
    }

    @Test func theFirstDomainSettlesTheKernel() {
        session(#""id":"s""#)
        #expect(client.post("/v1/sessions/s/domains", json: #"{"id":"a"}"#).status == 201)
        let made = client.post("/v1/sessions/s/domains", json: #"{"id":"d",\#(Self.devices)}"#)
        #expect(made.object("model")["kernel"] as? String == "7.3", "\(made.text)")
        #expect(made.json["host_facts"] != nil && made.object("host_facts")["kernel_release"] == nil)
        #expect(unused(made).map { $0.contains("kernel_release \(Self.release).") } == [true], "\(made.text)")
        // A domain that could not be made leaves the kernel open.
        session(#""id":"s""#)
        let twice =
            #""devices":[{"platform":"h","device":"0000:01:00.0"},{"platform":"h","device":"0000:01:00.0"}]"#
        #expect(client.post("/v1/sessions/s/domains", json: #"{"id":"d",\#(twice)}"#).status >= 400)
        #expect(client.get("/v1/sessions/s").json["kernel"] as? String == "7.3")
    }

    /// What warnings say of facts that do not count.
    private func unused(_ answer: ServiceClient.Answer) -> [String] {
        answer.list("warnings").filter { $0["code"] as? String == "host_facts_unused" }
            .compactMap { $0["detail"] as? String }
    }

    /// A domain stays as it was made, and says what a device's host says otherwise.
    @Test func aDeviceThatComesLaterChangesNothing() {
        let device = #"{"platform":"h","device":"0000:01:00.0"}"#
        let told = "kernel_release \(Self.release), page_size 0x10000, group_type identity."
        for (kernel, members, words) in [
            ("", "", told), (#","kernel":"7.2""#, "", "page_size 0x10000, group_type identity."),
            (#","kernel":"6.8""#, #","page_size":"0x10000""#, "group_type identity."),
            (#","kernel":"6.8""#, #","page_size":"0x10000","default_domain":"identity""#, nil),
            ("", #","consumer":"iommufd""#, "kernel_release \(Self.release), page_size 0x10000."),
        ] as [(String, String, String?)] {
            session(#""id":"s"\#(kernel)"#)
            let made = client.post("/v1/sessions/s/domains", json: #"{"id":"d"\#(members)}"#)
            #expect(made.status == 201, "\(made.text)")
            let attached = client.post("/v1/sessions/s/domains/d/devices", json: device)
            #expect(attached.status == 201, "\(attached.text)")
            for answer in [attached, client.get("/v1/sessions/s/domains/d")] {
                #expect(unused(answer).count == (words == nil ? 0 : 1), "\(kernel)\(members): \(answer.text)")
                if let words {
                    #expect(unused(answer).first?.contains(": \(words)") == true, "\(answer.text)")
                }
                #expect(answer.json["host_facts"] == nil, "\(answer.text)")
            }
            let state = client.get("/v1/sessions/s/state")
            _ = client.ask(.delete, "/v1/sessions/s")
            #expect(client.post("/v1/sessions", json: state.text).status == 201, "\(state.text)")
            #expect(client.get("/v1/sessions/s/state").text == state.text)
            #expect(unused(client.get("/v1/sessions/s/domains/d")).count == (words == nil ? 0 : 1))
        }
    }

    /// Of devices that come with the domain, the first one's host counts; attached later, each says whose
    /// facts the domain has.
    @Test func theFirstDeviceOfADomainCounts() {
        let other = Self.host.replacing("6.8.0-124-generic", with: "6.8.0-99-generic")
            .replacing("65536", with: "4096").replacing("0000:01", with: "0000:02")
        #expect(
            client.ask(.put, "/v1/platforms/o", Array(other.utf8), type: "application/json").status == 201)
        let both = #"[{"platform":"h","device":"0000:01:00.0"},{"platform":"o","device":"0000:02:00.0"}]"#
        session(#""id":"s""#)
        let made = client.post("/v1/sessions/s/domains", json: #"{"id":"d","devices":\#(both)}"#)
        #expect(made.object("host_facts")["page_size"] as? String == "0x10000", "\(made.text)")
        // Both kernels have the same behaviours.
        #expect(unused(made).map { $0.contains("host of 0000:02:00.0 says") } == [true], "\(made.text)")
        #expect(unused(made).first?.contains(": page_size 0x1000.") == true, "\(made.text)")
        // What the same request stated is no contradiction.
        session(#""id":"s""#)
        let stated = client.post(
            "/v1/sessions/s/domains", json: #"{"id":"d","page_size":"0x4000","devices":\#(both)}"#)
        #expect(stated.status == 201 && unused(stated).isEmpty, "\(stated.text)")
    }

    /// What a request stated is no fact of a host, whatever the host says.
    @Test func aStatedKernelIsNoFact() {
        for kernel in [Self.release, "6.8"] {
            session(#""id":"s","kernel":"\#(kernel)""#)
            let made = client.post("/v1/sessions/s/domains", json: #"{"id":"d",\#(Self.devices)}"#)
            #expect(made.object("host_facts")["kernel_release"] == nil, "\(made.text)")
            #expect(made.object("host_facts")["page_size"] as? String == "0x10000", "\(made.text)")
            #expect(unused(made).isEmpty, "\(made.text)")
        }
        // What a host said is one, also when its domain is gone, and after an import.
        session(#""id":"s""#)
        _ = client.post("/v1/sessions/s/domains", json: #"{"id":"d",\#(Self.devices)}"#)
        #expect(client.ask(.delete, "/v1/sessions/s/domains/d").status == 204)
        let state = client.get("/v1/sessions/s/state")
        #expect(state.json["kernel_from"] as? String == "host", "\(state.text)")
        _ = client.ask(.delete, "/v1/sessions/s")
        #expect(client.post("/v1/sessions", json: state.text).status == 201)
        let again = client.post("/v1/sessions/s/domains", json: #"{"id":"e",\#(Self.devices)}"#)
        #expect(again.object("host_facts")["kernel_release"] as? String == Self.release, "\(again.text)")
    }

    // MARK: Traces

    /// Under identity there is no DMA domain to trace, which the answer says; a request says otherwise.
    @Test func aTraceOfADeviceUnderIdentity() {
        func replayed(_ query: String) -> ServiceClient.Answer {
            client.ask(.post, "/v1/replays?platform=h\(query)", Array(Self.trace.utf8), type: "text/plain")
        }
        let device = "&device=0000%3A01%3A00.0"
        let untranslated = replayed(device)
        #expect(untranslated.object("host_facts")["group_type"] as? String == "identity")
        let finding = untranslated.list("findings").first { $0["code"] as? String == "no-dma-domain" }
        #expect((finding?["detail"] as? String)?.contains("no DMA domain of 0000:01:00.0") == true)
        for query in ["", device + "&default_domain=translated"] {
            let answer = replayed(query)
            #expect(answer.status == 200 && answer.object("host_facts")["group_type"] == nil)
            #expect(!answer.text.contains("no-dma-domain"), "\(answer.text)")
        }
        #expect(replayed("&default_domain=x").pointers == ["?default_domain"])
    }
}
