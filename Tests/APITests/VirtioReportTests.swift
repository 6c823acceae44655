// A virtio-iommu decides which regions its endpoints have, and no description of a machine says it: every
// entrance says so and gives both answers, until a list or the request settles it.

import HTTP
import TestSupport
import Testing

@Suite struct VirtioReportTests {
    private static let machine =
        #"{"smmus":[{"id":"v","version":"virtio"}],"msi_controllers":[{"id":"its","kind":"its","doorbell":"0x8090040"}],"#
        + #""devices":[{"id":"d","kind":"pci_function","smmus":["v"],"msi_controllers":["its"]}]}"#
    private static let named = #""platform":"m","device":"d""#
    private static let region = #"{"start":"0x8090000","last":"0x809ffff","type":"msi"}"#

    private func client() -> ServiceClient {
        let client = ServiceClient()
        let upload = client.post("/v1/platforms?id=m", json: Self.machine)
        #expect(upload.status == 201, "\(upload.text)")
        #expect(
            upload.list("findings").contains { $0["code"] as? String == "virtio-iommu-decides" },
            "\(upload.text)")
        return client
    }

    private func codes(_ answer: ServiceClient.Answer) -> [String] {
        answer.list("warnings").compactMap { $0["code"] as? String }
    }

    @Test(arguments: ["dma_api", "vfio_type1", "iommufd"])
    func decisionsGiveBothAnswers(consumer: String) throws {
        let client = client()
        let question = #"\#(Self.named),"consumer":"\#(consumer)","kernel":"6.12""#
        let open = client.decide("{\(question)}")
        #expect(codes(open).contains("iommu_decides_window"), "\(open.text)")
        let other = try #require(open.json["if_iommu_reports_msi"] as? [String: Any])
        #expect((other["doorbells"] as? [[String: Any]])?.first?["iova"] as? String == "0x8090040")
        #expect(other["outcome"] as? String == "hardware" && other["window"] == nil)
        // Either case, once it is known, is the answer, and there is no other.
        let without = client.decide(#"{\#(question),"iommu_regions":[]}"#)
        #expect(
            without.json["if_iommu_reports_msi"] == nil && !codes(without).contains("iommu_decides_window"))
        #expect(
            without.list("doorbells").first?["iova"] as? String == open.list("doorbells").first?["iova"]
                as? String)
        let reported = client.decide(#"{\#(question),"iommu_regions":[\#(Self.region)]}"#)
        #expect(
            reported.json["outcome"] as? String == "hardware" && reported.json["if_iommu_reports_msi"] == nil)
        #expect(reported.list("doorbells").first?["iova"] as? String == "0x8090040")
    }

    /// A list of a device behind an SMMU is not the virtio-iommu's.
    @Test func listsOfOthersSettleNothing() {
        let mixed =
            #"{"smmus":[{"id":"v","version":"virtio"},{"id":"s","version":"v3"}],"devices":["#
            + #"{"id":"d","kind":"pci_function","smmus":["v"]},{"id":"e","kind":"pci_function","smmus":["s"],"#
            + #""reserved_regions":[{"start":"0x8000000","last":"0x80fffff","type":"msi"}]}]}"#
        let answer = ServiceClient().post("/v1/platforms?id=m", json: mixed)
        let found = answer.list("findings").compactMap { $0["code"] as? String }
        #expect(found.contains("virtio-iommu-decides"), "\(answer.text)")
        #expect(!found.contains("virtio-iommu-reported"), "\(answer.text)")
    }

    @Test func nothingTranslatedNeedsNoAnswer() {
        let identity = client().decide(#"{\#(Self.named),"consumer":"dma_api","default_domain":"identity"}"#)
        #expect(codes(identity).isEmpty && identity.json["if_iommu_reports_msi"] == nil, "\(identity.text)")
    }

    @Test func comparisonsGiveBothAnswers() {
        let compared = client().post("/v1/comparisons", json: "{\(Self.named)}")
        for item in compared.list("items") { #expect(item["if_iommu_reports_msi"] != nil, "\(item)") }
    }

    @Test(arguments: ["dma", "sysfs", "vfio"]) func viewsGiveBothAnswers(view: String) throws {
        let answer = client().get("/v1/platforms/m/reserved-regions?device=d&view=\(view)")
        let other = try #require(answer.json["iommu_decides"] as? [String: Any], "\(answer.text)")
        #expect((other["detail"] as? String)?.contains("virtio-iommu decides about d") == true)
        let items = try #require(other["items"] as? [[String: Any]])
        switch view {
        case "vfio": #expect(items.map { $0["start"] as? String } == ["0x0", "0x80a0000"])
        default: #expect(items.contains { $0["start"] as? String == "0x8090000" }, "\(items)")
        }
        #expect(
            other["text"] as? String
                == (view == "sysfs" ? "0x0000000008090000 0x000000000809ffff msi\n" : nil))
    }

    @Test func devicesAndWindowsSayIt() throws {
        let client = client()
        #expect(client.get("/v1/platforms/m/devices/d").json["iommu_regions_known"] as? Bool == false)
        let windows = client.get("/v1/platforms/m/available-windows?device=d&below=0x8100000")
        let other = try #require(windows.json["iommu_decides"] as? [String: Any], "\(windows.text)")
        #expect(windows.list("items").map { $0["last"] as? String } == ["0x80fffff"])
        #expect((other["items"] as? [[String: Any]])?.map { $0["last"] as? String } == ["0x7ffffff"])
    }

    @Test func placementsSurveysSessionsAndLogsSayIt() {
        let client = client()
        let placed = client.post(
            "/v1/placements",
            json: #"{"hosts":[{"platform":"m"}],"vm":{"vmm":"qemu-virt","ram":"0x40000000"}}"#)
        #expect(codes(placed).contains("iommu_decides_window"), "\(placed.text)")
        let surveyed = client.post("/v1/surveys", json: #"{"platforms":["m"]}"#)
        #expect(codes(surveyed).contains("iommu_decides_window"), "\(surveyed.text)")
        for (id, members, isOpen) in [("a", "", true), ("b", #""iommu_regions":[\#(Self.region)],"#, false)] {
            _ = client.post("/v1/sessions", json: #"{"id":"\#(id)"}"#)
            let made = client.post(
                "/v1/sessions/\(id)/domains",
                json: #"{"consumer":"vfio_type1",\#(members)"devices":[{\#(Self.named)}]}"#)
            #expect(
                made.status == 201 && codes(made).contains("iommu_decides_window") == isOpen, "\(made.text)")
            #expect((made.json["window"] != nil) == isOpen, "\(made.text)")
        }
        let failed = client.post(
            "/v1/map-failures",
            json: #"{"text":"vfio_dma_map(0x1, 0x8000000, 0x1000, 0x7000) = -22",\#(Self.named)}"#)
        #expect(codes(failed) == ["iommu_decides_window"], "\(failed.text)")
        let explained = failed.list("items").first
        #expect((explained?["because"] as? String)?.contains("over the doorbells, this map works.") == true)
        #expect(
            explained?["certainty"] as? String == "likely"
                && explained?["verdict"] as? String == "software_window")
        let fault = client.post(
            "/v1/fault-explanations",
            json:
                #"{"platform":"m","text":"arm-smmu a.iommu: Unhandled context fault: fsr=0x402, iova=0x8000040, "#
                + #"fsynr=0x13, cb=1"}"#)
        let warnings = fault.list("items").first?["warnings"] as? [[String: Any]]
        #expect(warnings?.first?["code"] as? String == "iommu_decides_window", "\(fault.text)")
    }

    /// A list of a running kernel settles it, and so does the text of reserved_regions beside the
    /// description.
    @Test func aListSettlesIt() {
        let client = ServiceClient()
        let part = { (name: String, text: String) in
            "--B\r\nContent-Disposition: form-data; name=\"\(name)\"\r\n\r\n\(text)\r\n"
        }
        let form =
            part("platform", Self.machine)
            + part(
                "regions",
                "/sys/kernel/iommu_groups/0/reserved_regions:0x0000000008090000 0x000000000809ffff msi")
            + "--B--\r\n"
        let upload = client.ask(
            .post, "/v1/platforms?id=m", Array(form.utf8), type: "multipart/form-data; boundary=B")
        #expect(upload.status == 201, "\(upload.text)")
        let decided = client.decide(#"{\#(Self.named),"consumer":"vfio_type1","kernel":"6.12"}"#)
        #expect(decided.json["outcome"] as? String == "hardware" && codes(decided).isEmpty, "\(decided.text)")
        #expect(client.get("/v1/platforms/m/devices/d").json["iommu_regions_known"] == nil)
    }

    @Test func regionsOfOthersAreNotUsed() {
        let client = ServiceClient()
        let list = #""reserved_regions":[],"consumer":"vfio_type1","doorbells":["0x8090040"]"#
        let answer = client.decide(#"{\#(list),"iommu_regions":[\#(Self.region)]}"#)
        #expect(codes(answer) == ["iommu_regions_unused"], "\(answer.text)")
        let wrong = client.decide(#"{\#(list),"iommu_regions":[{"start":0,"size":1,"type":"direct"}]}"#)
        #expect(wrong.status == 422, "\(wrong.text)")
    }
}
