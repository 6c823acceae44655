// Both answers of a virtio-iommu in their structure, from every entrance that names a machine: the second is
// what the first is once the request says what the virtio-iommu reports, and neither is given where the
// answer does not depend on it.

import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct VirtioAnswerTests {
    private static let machine =
        #"{"smmus":[{"id":"v","version":"virtio"}],"msi_controllers":[{"id":"its","kind":"its","doorbell":"0x8090040"}],"#
        + #""devices":[{"id":"d","kind":"pci_function","smmus":["v"],"msi_controllers":["its"]}]}"#
    private static let plain =
        #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"e","kind":"pci_function","smmus":["s"]}]}"#
    private static let named = #""platform":"m","device":"d""#
    /// As answers spell the assumed one, so that their blockers name it alike.
    private static let region =
        #"{"start":"0x8090000","last":"0x809ffff","type":"msi","provenance":"region of the virtio-iommu device"}"#
    private static let vm = #""vm":{"vmm":"qemu-virt","ram":"0x40000000"}"#
    private static let other = "if_iommu_reports_msi"
    private static let open = "iommu_decides_window"

    private func client() -> ServiceClient {
        let client = ServiceClient()
        for (id, machine) in [("m", Self.machine), ("plain", Self.plain)] {
            #expect(client.post("/v1/platforms?id=\(id)", json: machine).status == 201)
        }
        return client
    }

    private func codes(_ answer: [String: Any]) -> [String] {
        (answer["warnings"] as? [[String: Any]] ?? []).compactMap { $0["code"] as? String }
    }

    private func starts(_ answer: [String: Any]?) -> [String] {
        (answer?["iommu_regions"] as? [[String: Any]] ?? []).compactMap { $0["start"] as? String }
    }

    /// Whether two members are the same JSON.
    private func same(_ one: Any?, _ other: Any?) -> Bool {
        let texts = [one, other].map { value in
            try? JSONSerialization.data(withJSONObject: [value ?? NSNull()], options: .sortedKeys)
        }
        return texts[0] != nil && texts[0] == texts[1]
    }

    private func place(_ client: ServiceClient, _ host: String, _ vm: String = vm) -> [String: Any] {
        let answer = client.post("/v1/placements", json: "{\"hosts\":[{\(host)}],\(vm)}")
        #expect(answer.status == 200, "\(answer.text)")
        return answer.json
    }

    @Test func placementsGiveBoth() throws {
        let client = client()
        let asked = place(client, #""platform":"m""#)
        let other = try #require(asked[Self.other] as? [String: Any], "\(asked)")
        #expect(codes(asked).contains(Self.open) && starts(other) == ["0x8090000"])
        #expect(codes(other).contains("hardware_msi_only") && !codes(other).contains(Self.open))
        #expect(starts((other["per_host"] as? [[String: Any]])?.first) == ["0x8090000"])
        let stated = place(client, #""platform":"m","iommu_regions":[\#(Self.region)]"#)
        let none = place(client, #""platform":"m","iommu_regions":[]"#)
        for answer in [stated, none] {
            #expect(answer[Self.other] == nil && !codes(answer).contains(Self.open), "\(answer)")
        }
        for name in ["verdict", "because", "default", "picks", "candidates"] {
            #expect(same(other[name], stated[name]) && same(asked[name], none[name]), "\(name)")
        }
        #expect(!same(asked["candidates"], stated["candidates"]))
    }

    /// Refusals before regions count, and what is not translated.
    @Test func nothingIsToldThatChangesNothing() {
        let client = client()
        for members in [
            #""consumer":"iommufd","kernel":"5.10""#, #""consumer":"vfio_type1","default_domain":"no_group""#,
            #""consumer":"dma_api","default_domain":"identity""#,
        ] {
            let answer = client.decide("{\(Self.named),\(members)}")
            #expect(answer.status == 200 && answer.json[Self.other] == nil, "\(answer.text)")
            #expect(!codes(answer.json).contains(Self.open), "\(answer.text)")
        }
    }

    @Test func regionsAreOfMachinesWithAVirtioIOMMU() {
        let client = client()
        let placed = place(client, #""platform":"plain","iommu_regions":[\#(Self.region)]"#)
        #expect(codes(placed).contains("iommu_regions_unused"), "\(placed)")
        let host = #"{"platform":"plain","iommu_regions":[\#(Self.region)]}"#
        let surveyed = client.post("/v1/surveys", json: #"{"hosts":[\#(host)]}"#)
        #expect(codes(surveyed.json).contains("iommu_regions_unused"), "\(surveyed.text)")
        let line = "arm-smmu a.iommu: Unhandled context fault: fsr=0x402, iova=0x40, fsynr=0x13, cb=1"
        let explained = client.post(
            "/v1/fault-explanations", json: #"{"platform":"plain","text":"\#(line)","iommu_regions":[]}"#)
        #expect(
            explained.list("items").map { codes($0) } == [["iommu_regions_unused"]], "\(explained.text)")
        let failed = client.post(
            "/v1/map-failures",
            json: #"{"text":"vfio_dma_map(0x1, 0x8000000, 0x1000, 0x7000) = -22","platform":"plain","#
                + #""device":"e","iommu_regions":[]}"#)
        #expect(codes(failed.json) == ["iommu_regions_unused"], "\(failed.text)")
        for body in [
            #"{"hosts":[{"reserved_regions":[],"iommu_regions":[]}],\#(Self.vm)}"#,
            #"{"hosts":[{"platform":"m","iommu_regions":[{"start":0,"size":1,"type":"direct"}]}],\#(Self.vm)}"#,
        ] {
            #expect(client.post("/v1/placements", json: body).status == 422, "\(body)")
        }
        let fault = client.post("/v1/fault-explanations", json: #"{"text":"x","iommu_regions":[]}"#)
        #expect(fault.status == 422, "\(fault.text)")
    }

    @Test func surveysGiveBoth() throws {
        let client = client()
        let asked = client.post("/v1/surveys", json: #"{"platforms":["m","plain"]}"#).json
        let other = try #require(asked[Self.other] as? [String: Any], "\(asked)")
        #expect(codes(asked).contains(Self.open) && starts(other) == ["0x8090000"])
        let stated = client.post(
            "/v1/surveys",
            json: #"{"hosts":[{"name":"m","platform":"m","iommu_regions":[\#(Self.region)]},"#
                + #"{"name":"plain","platform":"plain"}]}"#
        ).json
        #expect(stated[Self.other] == nil && !codes(stated).contains(Self.open), "\(stated)")
        for name in ["policies", "conflicts", "constants"] {
            #expect(same(other[name], stated[name]), "\(name): \(other) \(stated)")
        }
        let lines = client.ask(
            .post, "/v1/surveys", Array(#"{"platforms":["m","plain"]}"#.utf8), type: "application/json",
            headers: [.init("Accept", "application/x-ndjson")]
        ).drained().answer.text.split(separator: "\n").map { line in
            (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any] ?? [:]
        }
        #expect(lines.count == 3)
        let row = try #require(lines.first?[Self.other] as? [String: Any], "\(lines)")
        let cells = row["policies"] as? [String: [String: Any]]
        #expect(cells?["fixed"]?["fits"] as? Bool == false && starts(row) == ["0x8090000"], "\(row)")
        #expect(lines[1][Self.other] == nil && lines[2][Self.other] != nil)
    }

    @Test func faultsAndMapsGiveBoth() throws {
        let client = client()
        func fault(_ iova: String, _ members: String = "") -> [String: Any] {
            let text = "arm-smmu a.iommu: Unhandled context fault: fsr=0x402, iova=\(iova), fsynr=0x13, cb=1"
            let answer = client.post(
                "/v1/fault-explanations", json: #"{"platform":"m","text":"\#(text)"\#(members)}"#)
            #expect(answer.status == 200, "\(answer.text)")
            return answer.list("items").first ?? [:]
        }
        let asked = fault("0x8000040")
        let other = try #require(asked[Self.other] as? [String: Any], "\(asked)")
        #expect(asked["in_window"] as? Bool == true && starts(other) == ["0x8090000"], "\(asked)")
        let stated = fault("0x8000040", #","iommu_regions":[\#(Self.region)]"#)
        #expect(stated[Self.other] == nil && codes(stated).isEmpty, "\(stated)")
        for name in ["verdict", "is_msi", "in_window", "because", "alternatives"] {
            #expect(same(other[name], stated[name]), "\(name): \(other) \(stated)")
        }
        let elsewhere = fault("0x12345678")
        #expect(elsewhere[Self.other] == nil && codes(elsewhere).isEmpty, "\(elsewhere)")

        func map(_ members: String) -> [String: Any] {
            let text = "vfio_dma_map(0x1, 0x8000000, 0x1000, 0x7000) = -22"
            return client.post("/v1/map-failures", json: #"{"text":"\#(text)",\#(Self.named)\#(members)}"#)
                .list("items").first ?? [:]
        }
        let failed = map("")
        let worked = try #require(failed[Self.other] as? [String: Any], "\(failed)")
        let told = map(#","iommu_regions":[\#(Self.region)]"#)
        #expect(starts(worked) == ["0x8090000"] && told[Self.other] == nil)
        for name in ["verdict", "certainty", "because", "blockers", "alternatives"] {
            #expect(same(worked[name], told[name]), "\(name): \(worked) \(told)")
        }
    }

    @Test func domainsGiveBoth() throws {
        let client = client()
        #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        func make(_ id: String, _ members: String, _ name: String) -> ServiceClient.Answer {
            client.post(
                "/v1/sessions/s/domains",
                json: #"{"id":"\#(id)",\#(members),"devices":[{\#(Self.named),"id":"\#(name)"}]}"#)
        }
        for consumer in ["vfio_type1", "iommufd", "dma_api"] {
            _ = client.ask(.delete, "/v1/sessions/s/domains/a")
            let made = make("a", #""consumer":"\#(consumer)""#, "d")
            #expect(made.status == 201, "\(made.text)")
            for answer in [made, client.get("/v1/sessions/s/domains/a")] {
                let other = try #require(answer.json[Self.other] as? [String: Any], "\(answer.text)")
                #expect(codes(answer.json) == [Self.open] && starts(other) == ["0x8090000"])
                let regions = consumer == "dma_api" ? 1 : 0
                #expect(other["reserved_regions"] as? Int == regions, "\(answer.text)")
                #expect(other["window"] == nil, "\(answer.text)")
            }
            #expect(client.ask(.delete, "/v1/sessions/s/domains/a").status == 204)
            let stated = make(
                "a", #""consumer":"\#(consumer)","iommu_regions":[\#(Self.region)]"#, "d")
            #expect(stated.json[Self.other] == nil && codes(stated.json).isEmpty, "\(stated.text)")
        }
    }

    /// Under an identity domain there is nothing to decide: neither where it is made nor where it is read.
    @Test(arguments: ["identity", "no_group"]) func untranslatedDomainsDependOnNothing(domain: String) {
        let client = client()
        #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        let made = client.post(
            "/v1/sessions/s/domains",
            json:
                #"{"id":"a","consumer":"dma_api","default_domain":"\#(domain)","devices":[{\#(Self.named)}]}"#
        )
        #expect(made.status == 201, "\(made.text)")
        let attached = client.post(
            "/v1/sessions/s/domains/a/devices", json: #"{\#(Self.named),"id":"again"}"#)
        let read = client.get("/v1/sessions/s/domains/a")
        let list = client.get("/v1/sessions/s/domains").list("items").first ?? [:]
        for answer in [made.json, attached.json, read.json, list] {
            #expect(codes(answer).isEmpty && answer[Self.other] == nil, "\(answer)")
        }
        // User space's own domain translates all the same.
        if domain == "identity" {
            let user = client.post(
                "/v1/sessions/s/domains",
                json: #"{"id":"b","consumer":"vfio_type1","default_domain":"identity","devices":["#
                    + #"{\#(Self.named),"id":"mine"}]}"#)
            #expect(user.status == 409 || codes(user.json) == [Self.open], "\(user.text)")
        }
    }

    @Test func viewsOfTheDMALayerSayThatThereIsNone() throws {
        let client = client()
        let path = "/v1/platforms/m/reserved-regions?device=d"
        #expect(client.get(path).json["no_dma_domain"] == nil)
        for domain in ["identity", "no_group"] {
            let view = client.get("\(path)&default_domain=\(domain)")
            let none = try #require(view.json["no_dma_domain"] as? [String: Any], "\(view.text)")
            let decided = client.decide(
                #"{\#(Self.named),"consumer":"dma_api","default_domain":"\#(domain)"}"#)
            for name in ["outcome", "because", "doorbells", "reachable", "warnings"] {
                #expect(same(none[name], decided.json[name]), "\(name): \(view.text)")
            }
            #expect(view.json["iommu_decides"] == nil)
            let text = client.get(
                "\(path)&default_domain=\(domain)", headers: [.init("Accept", "text/plain")])
            #expect(text.status == 200 && text.text == none["text"] as? String, "\(text.text)")
            #expect(text.text.hasSuffix("doorbell 0x8090040 -> 0x8090040\n"), "\(text.text)")
        }
        #expect(client.get("\(path)&view=vfio&default_domain=identity").status == 400)
        #expect(client.get(path, headers: [.init("Accept", "text/plain")]).status == 406)
    }

    /// The group's type, or the command line where the host does not tell it.
    @Test(arguments: [(#""type":"identity","#, ""), ("", "iommu.passthrough=1")])
    func collectedHostsSayIt(type: String, cmdline: String) throws {
        let client = ServiceClient()
        let words = cmdline.isEmpty ? "" : #","cmdline":"\#(cmdline)\n""#
        let collected =
            #"{"collected":{"format":1,"kernel_release":"6.12","page_size":4096,"device_tree":null,"acpi":null,"#
            + #""iomem":null\#(words),"groups":[{"id":"0",\#(type)"devices":["0000:01:00.0"],"#
            + #""reserved_regions":"0x0000000008000000 0x00000000080fffff msi\n"}],"notes":[]}}"#
        let upload = client.post("/v1/platforms?id=h", json: collected)
        #expect(upload.status == 201, "\(upload.text)")
        let view = client.get("/v1/platforms/h/reserved-regions?device=0000%3A01%3A00.0")
        #expect(view.object("no_dma_domain")["outcome"] as? String == "identity", "\(view.text)")
        let fact = type.isEmpty ? "command_line" : "group_type"
        #expect(view.object("host_facts")[fact] != nil, "\(view.text)")
        let stated = client.get(
            "/v1/platforms/h/reserved-regions?device=0000%3A01%3A00.0&default_domain=translated")
        #expect(stated.json["no_dma_domain"] == nil, "\(stated.text)")
        #expect(stated.object("host_facts")[fact] == nil, "\(stated.text)")
    }
}
