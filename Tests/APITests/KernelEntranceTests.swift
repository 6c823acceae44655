// A kernel by whatever names it, at every entrance that takes one; and the facts of a collected host, which
// count where the request states nothing.

import API
import Foundation
import HTTP
import LinuxReleases
import TestSupport
import Testing

@Suite struct KernelEntranceTests {
    private let client = ServiceClient()
    private static let inline = #""reserved_regions":[],"consumer":"vfio_type1""#
    private static let ubuntu = "6.14.0-37-generic"

    private func models(_ kernel: String, query: String) -> [(entrance: String, answer: ServiceClient.Answer)]
    {
        let session = client.post("/v1/sessions", json: #"{"id":"s","kernel":\#(kernel)}"#)
        #expect(session.status == 201, "\(session.text)")
        let domain = client.post("/v1/sessions/s/domains", json: #"{"id":"d"}"#)
        let page = client.post("/v1/sessions/s/domains/d/iovas", json: #"{"size":"0x1000"}"#)
        let host = #""hosts":[{"reserved_regions":[]}]"#
        let view = "/v1/platforms/example-arm-juno/reserved-regions?device=%2Fpcie@40000000&kernel=\(query)"
        return [
            ("decision", client.decide(#"{\#(Self.inline),"kernel":\#(kernel)}"#)),
            (
                "placement",
                client.post(
                    "/v1/placements", json: #"{\#(host),"vm":{"memory_map":[]},"kernel":\#(kernel)}"#)
            ),
            ("survey", client.post("/v1/surveys", json: #"{\#(host),"kernel":\#(kernel)}"#)),
            (
                "replay",
                client.post(
                    "/v1/replays",
                    json: #"{"granule":"0x1000","start_pfn":"0x1","kernel":\#(kernel),"ops":[{"op":"tick"}]}"#
                )
            ),
            ("view", client.get(view)), ("domain", domain), ("verb", page),
        ]
    }

    @Test func aReleaseStringSelectsAtEveryEntrance() {
        for (entrance, answer) in models("\"\(Self.ubuntu)\"", query: Self.ubuntu) {
            let model = answer.object("model")
            #expect(model["kernel"] as? String == "6.12", "\(entrance): \(answer.text)")
            #expect(model["selected_by"] as? String == Self.ubuntu, "\(entrance): \(answer.text)")
            #expect((model["remark"] as? String)?.contains("iommufd_own_msi_map") == true, "\(entrance)")
        }
        let decided = client.decide(#"{\#(Self.inline),"kernel":"\#(Self.ubuntu)"}"#)
        #expect(decided.list("warnings").contains { $0["code"] as? String == "kernel_not_modelled_exactly" })
    }

    /// Whoever reads only the warnings of an answer learns it too.
    @Test func whatIsNotModelledIsAWarningToo() {
        let code = "kernel_not_modelled_exactly"
        func warnings(_ answer: ServiceClient.Answer) -> [String] {
            answer.list("warnings").filter { $0["code"] as? String == code }
                .compactMap { $0["detail"] as? String }
        }
        let entrances = models("\"\(Self.ubuntu)\"", query: Self.ubuntu)
        for (entrance, answer) in entrances
        where ["decision", "placement", "survey", "domain"].contains(entrance) {
            #expect(warnings(answer) == [answer.object("model")["remark"] as? String ?? ""], "\(entrance)")
        }
        let state = client.get("/v1/sessions/s/domains/d")
        #expect(warnings(state).count == 1, "\(state.text)")
        let line = "VFIO_MAP_DMA failed: Invalid argument"
        let map = #"{"lines":["\#(line)"],"reserved_regions":[],"kernel":"\#(Self.ubuntu)"}"#
        let failures = client.post("/v1/map-failures", json: map)
        #expect(warnings(failures).count == 1, "\(failures.text)")
        // Hosts of one kernel share it; a request that names the kernel stands for all.
        let hosts = #""hosts":[{"reserved_regions":[]},{"reserved_regions":[]}]"#
        for (route, more) in [("placements", #""vm":{"memory_map":[]},"#), ("surveys", "")] {
            for (kernel, count) in [(Self.ubuntu, 1), ("6.12", 0)] {
                let answer = client.post("/v1/\(route)", json: #"{\#(hosts),\#(more)"kernel":"\#(kernel)"}"#)
                #expect(answer.status == 200 && warnings(answer).count == count, "\(answer.text)")
            }
        }
    }

    @Test func singleBehavioursAreOverridden() {
        let kernel =
            #"{"release":"6.12","overrides":{"iommufd_own_msi_map":true,"map_overflow_errno":"EOVERFLOW"}}"#
        for (entrance, answer) in models(kernel, query: "6.12") where entrance != "view" {
            let overrides = answer.object("model")["overrides"] as? [String: Any]
            #expect(overrides?["iommufd_own_msi_map"] as? Bool == true, "\(entrance): \(answer.text)")
            #expect(overrides?.count == 2, "\(entrance): \(answer.text)")
        }
        // A session's kernel goes out and comes in again.
        let state = client.get("/v1/sessions/s/state")
        #expect(client.ask(.delete, "/v1/sessions/s").status == 204)
        #expect(client.post("/v1/sessions", json: state.text).status == 201)
        #expect(client.get("/v1/sessions/s/state").object("kernel")["release"] as? String == "6.12")
    }

    /// The object as a text, which is all that a query and a flag can state.
    @Test func anObjectIsReadFromAText() {
        let text = #"{\"release\":\"6.12\",\"overrides\":{\"iommufd\":false}}"#
        let query = text.replacingOccurrences(of: "\\", with: "")
            .addingPercentEncoding(withAllowedCharacters: .alphanumerics)!
        for (entrance, answer) in models("\"\(text)\"", query: query) {
            let model = answer.object("model")
            #expect(model["kernel"] as? String == "6.12", "\(entrance): \(answer.text)")
            #expect(model["selected_by"] == nil && model["remark"] == nil, "\(entrance): \(answer.text)")
            let overrides = model["overrides"] as? [String: Bool]
            #expect(overrides == ["iommufd": false], "\(entrance): \(answer.text)")
        }
        let cut = client.get(
            "/v1/platforms/example-arm-juno/reserved-regions?device=%2Fpcie@40000000&kernel=%7B")
        #expect(cut.status == 400, "\(cut.text)")
        #expect(cut.list("errors").first?["pointer"] as? String == "?kernel", "\(cut.text)")
    }

    /// What an override makes is not true of the release: neither reasons nor advice name it.
    @Test func overridesAreThisKernels() {
        let kernel = #""kernel":{"release":"6.18","overrides":{"iommufd":false}}"#
        let refused = client.decide(#"{"reserved_regions":[],"consumer":"iommufd",\#(kernel)}"#)
        #expect(refused.text.contains("This kernel has no iommufd"), "\(refused.text)")
        #expect(refused.text.contains("or a kernel that has iommufd"), "\(refused.text)")
        #expect(!refused.text.contains("6.2 or later"), "\(refused.text)")
        let old = client.decide(#"{"reserved_regions":[],"consumer":"iommufd","kernel":"6.1"}"#)
        #expect(old.text.contains("Linux 6.1 has no iommufd"), "\(old.text)")
        #expect(old.text.contains("or Linux 6.2 or later, which has iommufd"), "\(old.text)")
        // Another override leaves the release what it is.
        let other = client.decide(
            #"{"reserved_regions":[],"consumer":"iommufd","kernel":{"release":"6.1","overrides":{"depot":"unbounded"}}}"#
        )
        #expect(other.text.contains("Linux 6.1 has no iommufd"), "\(other.text)")
    }

    @Test(arguments: [
        (#""generic""#, "unknown-value"), (#""Debian 13.1""#, "unknown-value"),
        (#""6.12\u0000""#, "control-character"),
        (#""{\"release\":\"6.12\"""#, "unknown-value"),
        (#""{\"release\":\"6.12\",\"overrides\":{\"depot\":1}}""#, "unknown-value"),
        (#"{"release":"{\"release\":\"6.12\"}"}"#, "unknown-value"),
        (#"{"release":"6.12","overrides":{"depot":"endless"}}"#, "unknown-value"),
        (#"{"release":"6.12","overrides":{"speed":1}}"#, "unknown-field"),
        (#"{"overrides":{}}"#, "required"),
        ("7", "wrong-type"),
    ])
    func mistakesAreNamed(kernel: String, code: String) {
        let decided = client.decide(#"{\#(Self.inline),"kernel":\#(kernel)}"#)
        #expect(decided.status == 422, "\(decided.text)")
        #expect(decided.list("errors").compactMap { $0["code"] as? String } == [code], "\(decided.text)")
    }

    @Test func aReleaseStringTellsThePageSize() {
        let inline = #""reserved_regions":[],"consumer":"dma_api","doorbells":["0x8090040"]"#
        for (members, iova) in [
            (#""kernel":"6.14.0-1007-nvidia-64k""#, "0xffff0040"),
            (#""kernel":"6.12.0-64K""#, "0xffff0040"),
            (#""kernel":"6.14.0-1007-nvidia-64k","page_size":"0x1000""#, "0xfffff040"),
            (#""page_size":"0x1000","kernel":"6.14.0-1007-nvidia-64k""#, "0xfffff040"),
        ] {
            let decided = client.decide("{\(inline),\(members)}")
            #expect(decided.list("doorbells").first?["iova"] as? String == iova, "\(decided.text)")
        }
    }

    /// A host without tables, on a kernel with large pages, whose groups are not translated.
    private static let host = #"""
        {"collected":{"format":1,"kernel_release":"6.8.0-124-generic-64k","page_size":65536,"device_tree":null,
        "acpi":null,"iomem":null,"groups":[
        {"id":"0","type":"identity","devices":["0000:01:00.0"],"paths":["../../devices/pci0000:00/0000:00:01.0/0000:01:00.0"],
        "reserved_regions":"0x0000000008000000 0x00000000080fffff msi\n"},
        {"id":"1","type":"DMA-FQ","devices":["0000:02:00.0"],"paths":["../../devices/pci0000:00/0000:02:00.0"],
        "reserved_regions":"0x0000000008000000 0x00000000080fffff msi\n"}],"notes":[]}}
        """#

    @Test func factsOfAHostCountUnlessTheRequestSaysOtherwise() {
        let stored = client.ask(
            .put, "/v1/platforms/h", Array(Self.host.utf8), type: "application/json")
        #expect(stored.status == 201, "\(stored.text)")
        let asked = #""platform":"h","consumer":"dma_api","doorbells":["0x8090040"]"#
        let identity = client.decide(#"{\#(asked),"device":"0000:01:00.0"}"#)
        #expect(identity.json["outcome"] as? String == "identity", "\(identity.text)")
        #expect(identity.list("doorbells").first?["iova"] as? String == "0x8090040")
        #expect(identity.object("model")["kernel"] as? String == "6.8")
        let facts = identity.object("host_facts")
        #expect(facts["kernel_release"] as? String == "6.8.0-124-generic-64k", "\(identity.text)")
        #expect(facts["page_size"] as? String == "0x10000" && facts["group_type"] as? String == "identity")
        // A PCI function is tried below 4 GiB first, tables or not.
        let translated = client.decide(#"{\#(asked),"device":"0000:02:00.0"}"#)
        #expect(translated.list("doorbells").first?["iova"] as? String == "0xffff0040", "\(translated.text)")
        // A page size in the request's kernel counts more than the host's.
        let named = client.decide(#"{\#(asked),"device":"0000:02:00.0","kernel":"6.8.0-16k"}"#)
        #expect(named.list("doorbells").first?["iova"] as? String == "0xffffc040", "\(named.text)")
        #expect(named.json["host_facts"] != nil && named.object("host_facts")["page_size"] == nil)
        let stated = client.decide(
            #"{\#(asked),"device":"0000:01:00.0","kernel":"7.2","page_size":"0x1000","default_domain":"translated"}"#
        )
        #expect(stated.list("doorbells").first?["iova"] as? String == "0xfffff040", "\(stated.text)")
        #expect(stated.json["host_facts"] == nil && stated.object("model")["kernel"] as? String == "7.2")
        // lspci leaves segment 0 out.
        let short = client.decide(#"{\#(asked),"device":"01:00.0"}"#)
        #expect(short.json["outcome"] as? String == "identity", "\(short.text)")
        let vfio = client.decide(#"{"platform":"h","consumer":"vfio_type1","device":"0000:01:00.0"}"#)
        #expect(vfio.object("window")["start"] as? String == "0x8000000", "\(vfio.text)")
        let compared = client.post(
            "/v1/comparisons", json: #"{"platform":"h","device":"0000:01:00.0","policies":["dma_iommu"]}"#)
        #expect(compared.list("items").first?["outcome"] as? String == "identity", "\(compared.text)")
        let view = client.get("/v1/platforms/h/reserved-regions?device=0000%3A01%3A00.0")
        #expect(view.object("host_facts")["page_size"] as? String == "0x10000", "\(view.text)")
    }

    /// A machine with an ITS and a GICv2m: whose isolation is asked decides, by the platform that is stored.
    @Test func isolationIsAskedAsTheKernelAsks() {
        let machine =
            #"{"msi_controllers":[{"id":"its","kind":"its","doorbell":"0x8090040"},"#
            + #"{"id":"v2m","kind":"gicv2m","doorbell":"0x8020040"}],"#
            + #""devices":[{"id":"d","kind":"pci_function","msi_controllers":["its"]}]}"#
        let stored = client.ask(.put, "/v1/platforms/m", Array(machine.utf8), type: "application/json")
        #expect(stored.status == 201, "\(stored.text)")
        for (flag, errno) in [(true, nil), (false, "EPERM")] {
            let kernel = #"{"release":"7.3","overrides":{"isolation_per_group":\#(flag)}}"#
            let decided = client.decide(
                #"{"platform":"m","device":"d","consumer":"vfio_type1","allow_unsafe_interrupts":false,"kernel":\#(kernel)}"#
            )
            #expect(decided.json["errno"] as? String == errno, "\(decided.text)")
        }
    }

    /// A kernel without a number is answered as the newest, and the answer says so.
    @Test func aHostsKernelWithoutANumberIsTold() {
        let host =
            #"{"collected":{"format":1,"kernel_release":"custom","groups":[{"id":"0","type":"DMA","#
            + #""devices":["0000:01:00.0"],"reserved_regions":"0x0000000008000000 0x00000000080fffff msi\n"}],"notes":[]}}"#
        let stored = client.ask(.put, "/v1/platforms/c", Array(host.utf8), type: "application/json")
        #expect(stored.status == 201, "\(stored.text)")
        let device = #""platform":"c","device":"0000:01:00.0""#
        let decided = client.decide(#"{\#(device),"consumer":"vfio_type1"}"#)
        #expect(decided.object("host_facts")["kernel_release"] as? String == "custom", "\(decided.text)")
        #expect((decided.object("model")["remark"] as? String)?.contains("without a version") == true)
        let warning = decided.list("warnings").first {
            $0["code"] as? String == "kernel_not_modelled_exactly"
        }
        #expect((warning?["detail"] as? String)?.contains("7.3") == true, "\(decided.text)")
        // A session's state, which names the kernel, comes in again.
        #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        #expect(client.post("/v1/sessions/s/domains", json: #"{"devices":[{\#(device)}]}"#).status == 201)
        let state = client.get("/v1/sessions/s/state").text
        #expect(client.post("/v1/sessions?id=again", json: state).status == 201, "\(state)")
    }

    @Test func theCatalogueListsReleasesAndBehaviours() {
        let catalogue = client.get("/v1/kernels")
        #expect(catalogue.list("items").count == KernelRelease.allCases.count)
        #expect(catalogue.list("behaviours").count == Behaviour.allCases.count)
        #expect(catalogue.json["default"] as? String == "7.3")
        let unread = catalogue.list("items").first { $0["kernel"] as? String == "5.15" }
        #expect(unread?["modelled_as"] as? String == "5.10" && unread?["remark"] != nil)
        for item in catalogue.list("items") {
            let sources = item["sources"] as? [String]
            let isUnread = item["evidence"] as? String == "unread"
            #expect(sources?.isEmpty == isUnread, "\(item)")
            // What is said to be read or booted is of the release itself.
            let release = item["kernel"] as? String ?? "?"
            guard ["source", "boot"].contains(item["evidence"] as? String) else { continue }
            #expect(sources?.allSatisfy { $0.contains(release + ".") } == true, "\(item)")
        }
    }
}
