// Devices to which a tree gives no IOMMU: a map of IDs that Linux cannot read, one that does not hold the
// function, a disabled SMMU. And those that may have none: a placeholder, which boot firmware may fill, a map
// with a mistake in a later entry, a disabled SMMU beside an enabled one. Every entrance says the same.

import HTTP
import TestSupport
import Testing

@Suite struct CutMapTests {
    /// What is wrong with the way to the SMMU.
    enum Case: String, CaseIterable, Sendable {
        case sound, cut, outside, disabled, placeholder
        /// A mistake in the second entry, which does not hurt the first.
        case cutLater, maskedLater, missingLater
        /// A disabled SMMU beside an enabled one.
        case functionDisabled, partlyDisabled, besideDisabled, behindDisabled

        /// Whether the tree settles that the device has no IOMMU.
        var lacksIOMMU: Bool {
            switch self {
            case .cut, .outside, .disabled, .functionDisabled: true
            case .sound, .placeholder, .cutLater, .maskedLater, .missingLater, .partlyDisabled,
                .besideDisabled, .behindDisabled:
                false
            }
        }
        var words: String {
            switch self {
            case .sound: ""
            case .cut: "Linux reads no stream ID for /pcie@4000 from its iommu-map"
            case .outside: "No entry of the iommu-map holds the ID of /pcie@4000/dev@1,0"
            case .disabled: "Every IOMMU that firmware names for /pcie@4000 is disabled"
            case .placeholder: "it is a placeholder, and boot firmware fills it"
            case .cutLater: "The last entry of the iommu-map of /pcie@4000 is cut off"
            case .maskedLater, .missingLater:
                "The iommu-map of /pcie@4000 can be read up to a mistake. The answer is that for an ID that"
            case .functionDisabled: "Every IOMMU that firmware names for /pcie@4000/dev@1,0 is disabled"
            case .partlyDisabled: "The iommu-map of /pcie@4000 gives some IDs to a disabled IOMMU"
            case .besideDisabled, .behindDisabled:
                "Firmware names a disabled IOMMU for /dma@8000 beside an enabled one"
            }
        }
        var device: String {
            switch self {
            case .outside, .functionDisabled: "/pcie@4000/dev@1,0"
            case .besideDisabled, .behindDisabled: "/dma@8000"
            case .sound, .cut, .disabled, .placeholder, .cutLater, .maskedLater, .missingLater,
                .partlyDisabled:
                "/pcie@4000"
            }
        }
        var map: [UInt32] {
            switch self {
            case .sound, .besideDisabled, .behindDisabled: [0, 1, 0, 0x100, 0x100, 1, 0x100, 0x100]
            case .cut: [0, 1]
            case .outside: [0, 1, 0, 8]
            case .disabled: [0, 2, 0, 0x100]
            case .placeholder: [0, 1, 0, 0]
            case .cutLater: [0, 1, 0, 0x100, 0x100, 1]
            case .maskedLater: [0, 1, 0, 0x100, 0x10100, 1, 0x100, 0x100]
            case .missingLater: [0, 1, 0, 0x100, 0x100, 9, 0x100, 0x100]
            case .functionDisabled: [0, 2, 0, 0x100, 0x100, 1, 0x100, 0x100]
            case .partlyDisabled: [0, 1, 0, 0x100, 0x100, 2, 0x100, 0x100]
            }
        }
    }

    private func tree(_ what: Case) -> [UInt8] {
        DeviceTreeBuilder.board { root in
            root.child("iommu@2000") { node in
                node.strings("compatible", "arm,smmu-v3")
                node.cells("reg", 0, 0x2000, 0, 0x1000)
                node.cells("#iommu-cells", 1)
                node.cells("phandle", 2)
                node.strings("status", "disabled")
            }
            root.child("memory") { node in
                node.cells("phandle", 3)
            }
            root.child("pcie@4000") { node in
                node.strings("device_type", "pci")
                node.cells("#address-cells", 3)
                node.cells("#size-cells", 2)
                node.cells("iommu-map", what.map)
                if what == .maskedLater { node.cells("iommu-map-mask", 0xffff) }
                node.child("dev@1,0") { node in
                    node.cells("reg", 0x800, 0, 0, 0, 0)
                    node.cells("memory-region", 3)
                }
            }
            guard what.device == "/dma@8000" else { return }
            root.child("dma@8000") { node in
                node.cells("iommus", what == .besideDisabled ? [1, 5, 2, 5] : [2, 5, 1, 5])
            }
        }
    }

    private func client(_ what: Case) -> ServiceClient {
        let client = ServiceClient()
        let made = client.ask(
            .post, "/v1/platforms?id=cut", tree(what), type: "application/vnd.devicetree.blob")
        #expect(made.status == 201, "\(made.text)")
        return client
    }

    private func named(_ what: Case) -> String { #""platform":"cut","device":"\#(what.device)""# }

    private func detail(_ warnings: Any?) -> String? {
        (warnings as? [[String: Any]] ?? []).first { $0["code"] as? String == "no_group" }?["detail"]
            as? String
    }

    /// The warning, or the member of a view, is there where it should be and says why.
    private func check(_ detail: String?, _ what: Case, _ text: String) {
        #expect(
            what == .sound ? detail == nil : detail?.contains(what.words) == true, "\(what): \(text)")
    }

    @Test(arguments: Case.allCases) func decisions(what: Case) {
        let client = client(what)
        for (consumer, errno) in [("vfio_type1", "ENOENT"), ("iommufd", "ENOENT"), ("dma_api", nil)] {
            let body = #"{\#(named(what)),"kernel":"7.2","consumer":"\#(consumer)"}"#
            let decision = client.post("/v1/decisions", json: body)
            check(detail(decision.json["warnings"]), what, decision.text)
            let outcome = !what.lacksIOMMU ? "window" : errno == nil ? "identity" : "refused"
            #expect(decision.json["outcome"] as? String == outcome, "\(what): \(decision.text)")
            if what.lacksIOMMU { #expect(decision.json["errno"] as? String == errno, "\(decision.text)") }
            // Whoever asks what would hold gets it, with the warning.
            let asked = client.post(
                "/v1/decisions", json: body.dropLast() + #","default_domain":"translated"}"#)
            #expect(asked.json["outcome"] as? String == "window", "\(asked.text)")
            check(detail(asked.json["warnings"]), what, asked.text)
        }
        let compared = client.post(
            "/v1/comparisons", json: #"{\#(named(what)),"kernels":["7.2"],"policies":["mainline_fixed"]}"#)
        let item = compared.list("items").first ?? [:]
        #expect((item["outcome"] as? String == "refused") == what.lacksIOMMU, "\(compared.text)")
        check(detail(item["warnings"]), what, compared.text)
        let failure = "QEMU: vfio_dma_map(0x5, 0x8000000, 0x1000, 0x7f) = -22 (Invalid argument)"
        let maps = client.post("/v1/map-failures", json: #"{"text":"\#(failure)",\#(named(what))}"#)
        check(detail(maps.json["warnings"]), what, maps.text)
        let verdict = maps.list("items").first?["verdict"] as? String
        #expect((verdict == "refused_attach") == what.lacksIOMMU, "\(maps.text)")
    }

    @Test(arguments: Case.allCases) func views(what: Case) {
        let client = client(what)
        let id = RequestTarget.encoded(what.device)
        let device = client.get("/v1/platforms/cut/devices/\(id)")
        #expect(device.list("stream_ids").isEmpty == (what == .cut), "\(device.text)")
        check(device.json["no_group"] as? String, what, device.text)
        for view in ["dma", "sysfs", "vfio"] {
            let list = client.get("/v1/platforms/cut/reserved-regions?device=\(id)&view=\(view)")
            check(list.json["no_group"] as? String, what, list.text)
            if view == "dma" {
                #expect((list.json["no_dma_domain"] != nil) == what.lacksIOMMU, "\(list.text)")
            }
        }
        let windows = client.get("/v1/platforms/cut/available-windows?device=\(id)")
        check(windows.json["no_group"] as? String, what, windows.text)
    }

    @Test(arguments: Case.allCases) func fleets(what: Case) {
        let client = client(what)
        let guest = #""vm":{"vmm":"qemu-virt","ram":"0x40000000"}"#
        let placed = client.post(
            "/v1/placements",
            json: #"{"hosts":[{"platform":"cut","devices":["\#(what.device)"]}],\#(guest)}"#)
        check(detail(placed.json["warnings"]), what, placed.text)
        #expect(
            placed.json["verdict"] as? String == (what.lacksIOMMU ? "none" : "default_works"),
            "\(placed.text)")
        let blockers = placed.object("default")["blockers"] as? [[String: Any]] ?? []
        #expect(
            blockers.contains { $0["kind"] as? String == "no_group" } == what.lacksIOMMU, "\(placed.text)")
        if what.lacksIOMMU {
            #expect((placed.json["because"] as? String)?.contains(what.words) == true, "\(placed.text)")
        }
        let survey = client.post("/v1/surveys", json: #"{"platforms":["cut"],"active_only":false}"#)
        check(detail(survey.json["warnings"]), what, survey.text)
    }

    /// From 7.3 on iommufd takes a device without an IOMMU: decisions, sessions and failed maps say so.
    @Test(arguments: ["7.2", "7.3"]) func iommufdWithoutAnIOMMU(kernel: String) {
        let client = client(.disabled)
        let isServed = kernel == "7.3"
        let asked = #""platform":"cut","device":"/pcie@4000","consumer":"iommufd","kernel":"\#(kernel)""#
        let decided = client.decide("{\(asked)}")
        #expect(
            decided.json["outcome"] as? String == (isServed ? "identity" : "refused"), "\(decided.text)")
        #expect(isServed || decided.json["errno"] as? String == "ENOENT", "\(decided.text)")
        let path =
            client.post("/v1/sessions", json: #"{"kernel":"\#(kernel)"}"#).response.headers["Location"] ?? ""
        let made = client.post(
            path + "/domains",
            json: #"{"id":"d","consumer":"iommufd","devices":[{"platform":"cut","device":"/pcie@4000"}]}"#)
        #expect(made.status == (isServed ? 201 : 409), "\(made.text)")
        let text = "vfio_dma_map(0x55, 0x8000000, 0x100000, 0x7f000) = -22 (Invalid argument)"
        let failed = client.post("/v1/map-failures", json: #"{\#(asked),"text":"\#(text)"}"#)
        let verdict = failed.list("items").first?["verdict"] as? String
        #expect(failed.status == 200, "\(failed.text)")
        #expect((verdict == "refused_attach") == !isServed, "\(failed.text)")
        // Placements and surveys are about VFIO and name what iommufd does.
        let host = #"{"platform":"cut","devices":["/pcie@4000"]}"#
        let placed = client.post(
            "/v1/placements", json: #"{"hosts":[\#(host)],"vm":{"memory_map":[]},"kernel":"\#(kernel)"}"#)
        let survey = client.post("/v1/surveys", json: #"{"platforms":["cut"],"kernel":"\#(kernel)"}"#)
        for answer in [placed, survey] {
            let told = answer.list("warnings").first { $0["code"] as? String == "no_group" }
            let text = told?["detail"] as? String ?? ""
            #expect(text.contains("VFIO refuses the device."), "\(answer.text)")
            #expect(
                text.contains("Linux 7.3 serves it through iommufd even so") == isServed, "\(answer.text)")
        }
        guard isServed else { return }
        // Nothing is reserved, and nothing is translated.
        let mapped = client.post(
            path + "/domains/d/iovas", json: #"{"iova":"0x8000000","size":"0x1000","user_address":"0x1000"}"#)
        #expect(mapped.status == 201, "\(mapped.text)")
        let bell = client.post(path + "/domains/d/doorbells", json: #"{"physical":"0x8090040"}"#)
        #expect(bell.json["iova"] as? String == "0x8090040", "\(bell.text)")
        let state = client.get(path + "/state").text
        #expect(client.ask(.delete, path).status == 204)
        #expect(client.post("/v1/sessions", json: state).status == 201, "\(state)")
        #expect(client.get(path + "/state").text == state)
    }

    /// Where no device is active, placements and surveys have nothing to look at, and say why.
    @Test(arguments: [Case.cut, .disabled, .placeholder]) func machinesWithoutActiveDevices(what: Case) {
        let client = client(what)
        let survey = client.post("/v1/surveys", json: #"{"platforms":["cut"]}"#)
        #expect(survey.json["devices"] as? Int == 0, "\(survey.text)")
        check(detail(survey.json["warnings"]), what, survey.text)
        let guest = #""vm":{"vmm":"qemu-virt","ram":"0x40000000"}"#
        let placed = client.post("/v1/placements", json: #"{"hosts":[{"platform":"cut"}],\#(guest)}"#)
        #expect(placed.status == 422 && placed.text.contains(what.words), "\(placed.text)")
    }

    @Test(arguments: Case.allCases) func sessions(what: Case) {
        let client = client(what)
        for id in ["s", "t"] {
            #expect(client.post("/v1/sessions", json: #"{"id":"\#(id)","kernel":"7.2"}"#).status == 201)
        }
        let devices = #""devices":[{\#(named(what))}]"#
        let user = client.post(
            "/v1/sessions/s/domains", json: #"{"id":"u","consumer":"vfio_type1",\#(devices)}"#)
        #expect(user.status == (what.lacksIOMMU ? 409 : 201), "\(user.text)")
        if what.lacksIOMMU { #expect(user.text.contains(what.words), "\(user.text)") }
        let kernel = client.post(
            "/v1/sessions/t/domains", json: #"{"id":"k","consumer":"dma_api",\#(devices)}"#)
        #expect(kernel.status == 201, "\(kernel.text)")
        #expect((kernel.json["default_domain"] as? String == "no_group") == what.lacksIOMMU, "\(kernel.text)")
        check(detail(kernel.json["warnings"]), what, kernel.text)
    }
}
