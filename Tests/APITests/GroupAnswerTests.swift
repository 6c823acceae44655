// A group and its members answer alike: what firmware reserves for any of them and the host's list lacks, the
// facts of a group's only device, and members of groups whose IOMMU the tree calls disabled or leaves to boot
// firmware.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct GroupAnswerTests {
    private let client = ServiceClient()
    private static let window = "0x0000000008000000 0x00000000080fffff msi\n"

    private func store(_ body: String) {
        let answer = client.ask(.put, "/v1/platforms/h", Array(body.utf8), type: "application/json")
        #expect(answer.status < 300, "\(answer.text)")
    }

    /// One group with a list.
    private func store(
        _ tree: [UInt8], _ devices: [String], list: String = window, release: String = "6.1.0-9-arm64",
        hasPaths: Bool = true
    ) {
        let names = devices.map { "\"\($0)\"" }.joined(separator: ",")
        let paths = devices.map { device in
            let bridge = device.contains(":") ? "40000000.pcie/pci0000:00/" : ""
            return "\"../../../../devices/platform/\(bridge)\(device)\""
        }
        let places = hasPaths ? #""paths":[\#(paths.joined(separator: ","))],"# : ""
        store(
            #"{"collected":{"format":1,"kernel_release":"\#(release)","page_size":4096,"#
                + #""device_tree":"\#(tree.hexDigits)","groups":[{"id":"3","type":"DMA","devices":[\#(names)],"#
                + #"\#(places)"reserved_regions":"\#(list.replacing("\n", with: "\\n"))"}],"notes":[]}}"#)
    }

    private func decided(_ device: String, _ consumer: String, _ members: String = "") -> ServiceClient.Answer
    {
        client.decide(
            #"{"platform":"h","device":"\#(device)","consumer":"\#(consumer)"\#(members)}"#)
    }

    private func placed(_ devices: String, _ members: String = "") -> ServiceClient.Answer {
        client.post(
            "/v1/placements",
            json: #"{"hosts":[{"platform":"h"\#(devices)}],"vm":{"memory_map":[]}\#(members)}"#)
    }

    private func view(_ device: String, _ view: String) -> [[String: Any]] {
        client.get("/v1/platforms/h/reserved-regions?device=\(device)&view=\(view)").list("items")
    }

    private func highest(_ device: String) -> String? {
        client.get("/v1/platforms/h/available-windows?device=\(device)&below=0x100000000").object("picks")[
            "highest"] as? String
    }

    /// What two answers have to agree about.
    private func gist(_ answer: ServiceClient.Answer) -> [String] {
        let doorbells = answer.list("doorbells").map { "\($0["physical"] ?? "") \($0["iova"] ?? "")" }
        let codes = answer.list("warnings").compactMap { $0["code"] as? String }
        return ["\(answer.json["outcome"] ?? "")", "\(answer.json["reachable"] ?? "")"] + doorbells + codes
    }

    /// Of whichever device of the group somebody asks: its own list lacks a region of the second one.
    @Test func regionsThatTheListLacks() {
        store(SharedGroupHost.tree, SharedGroupHost.functions)
        let requested = #","window":{"requested":"0xfff00000"}"#
        for name in SharedGroupHost.functions + SharedGroupHost.nodes.suffix(1) + ["group:3"] {
            let answer = placed(#","devices":["\#(name)"]"#, requested)
            #expect(answer.object("requested")["works"] as? Bool == false, "\(name): \(answer.text)")
            #expect(highest(name) == "0xffe00000", "\(name)")
            let isFirst = name == SharedGroupHost.functions[0]
            let items = view(name, "dma")
            // The first device's domain is without it; user space gets the group whole.
            #expect(
                items.contains { $0["start"] as? String == "0xfff00000" } == !isFirst, "\(name): \(items)")
        }
        let device = client.get("/v1/platforms/h/devices/\(SharedGroupHost.functions[0])").json
        #expect(device["group"] as? String == "group:3", "\(device)")
        let rows = client.post("/v1/surveys", json: #"{"platforms":["h"]}"#)
        #expect(rows.json["devices"] as? Int == 3, "\(rows.text)")
    }

    /// A tree with a device whose own region is the window, behind an SMMU of this status.
    private func tree(smmu status: String = "okay", mapLength: UInt32 = 0x1_0000) -> [UInt8] {
        DeviceTreeBuilder.board(smmuStatus: status) { root in
            root.its(at: 0x808_0000)
            root.child("fw") { node in
                node.cells("phandle", 9)
                node.cells("iommu-addresses", 5, 0, 0x800_0000, 0, 0x10_0000)
            }
            root.child("dma@a000000") { node in
                node.cells("reg", 0, 0xa00_0000, 0, 0x1000)
                node.cells("phandle", 5)
                node.cells("iommus", 1, 7)
                node.cells("memory-region", 9)
                node.cells("msi-parent", 2, 5)
            }
            root.child("pcie@40000000") { node in
                node.strings("device_type", "pci")
                node.cells("#address-cells", 3)
                node.cells("#size-cells", 2)
                node.cells("reg", 0, 0x4000_0000, 0, 0x1000_0000)
                node.cells("ranges", 0x0200_0000, 0, 0x1000_0000, 0, 0x1000_0000, 0, 0x2000_0000)
                node.cells("linux,pci-domain", 0)
                node.cells("msi-map", 0, 2, 0, 0x1_0000)
                node.cells("iommu-map", 0, 1, 0, mapLength)
            }
        }
    }

    /// A group of one device is that device.
    @Test(arguments: ["a000000.dma", "0000:00:05.0"], [true, false])
    func groupOfOne(name: String, hasPaths: Bool) {
        store(tree(), [name], hasPaths: hasPaths)
        for consumer in ["dma_api", "vfio_type1", "iommufd"] {
            for mates in ["", #","group_mates":{}"#] {
                let (own, group) = (decided(name, consumer, mates), decided("group:3", consumer, mates))
                #expect(own.status == 200, "\(own.text)")
                #expect(gist(own) == gist(group), "\(consumer): \(own.text) \(group.text)")
            }
        }
        let isReached = name != "a000000.dma"
        #expect(decided("group:3", "vfio_type1").json["reachable"] as? Bool == isReached)
        for kind in ["dma", "sysfs", "vfio"] {
            func starts(_ device: String) -> [String] {
                view(device, kind).map {
                    "\($0["start"] ?? "") \($0["kind"] ?? "") \($0["provenance"] ?? "")"
                }
            }
            #expect(!starts(name).isEmpty && starts(name) == starts("group:3"), "\(kind)")
        }
        let verdicts = [name, "group:3"].map { placed(#","devices":["\#($0)"]"#).json["verdict"] as? String }
        #expect(verdicts[0] == verdicts[1] && (verdicts[0] == "default_works") == isReached, "\(verdicts)")
        #expect(highest(name) != nil && highest(name) == highest("group:3"))
    }

    /// The host has the device in a group, so that it has an IOMMU.
    @Test(arguments: ["a000000.dma", "0000:00:05.0"], [true, false])
    func groupsBehindWhatTheTreeDisables(name: String, hasPaths: Bool) {
        // The second tree has its other device behind an IOMMU anyway.
        for (blob, isAlone) in [(tree(smmu: "disabled"), true), (tree(mapLength: 0), false)] {
            store(blob, [name], release: "6.18.15", hasPaths: hasPaths)
            let device = client.get("/v1/platforms/h/devices/\(name)").json
            #expect(device["active"] as? Bool == true && device["no_group"] == nil, "\(device)")
            let items = client.get("/v1/platforms/h/devices").list("items")
            let survey = client.post("/v1/surveys", json: #"{"platforms":["h"]}"#)
            let count = items.filter { item in
                item["active"] as? Bool == true && item["sysfs_name"] == nil
                    && item["id"] as? String != "group:3"
            }.count
            #expect(survey.json["devices"] as? Int == count && count > 0, "\(survey.text)")
            let isReached = name != "a000000.dma"
            #expect(decided(name, "vfio_type1").json["reachable"] as? Bool == isReached)
            let verdict = placed("").json["verdict"] as? String
            #expect((verdict == "default_works") == (isReached && isAlone), "\(placed("").text)")
            guard isReached else { continue }
            // The bridge above it has one as well.
            let bridge = client.get("/v1/platforms/h/devices/%2Fpcie@40000000").json
            #expect(bridge["no_group"] == nil, "\(bridge)")
            #expect(device["host_bridge"] as? String == "/pcie@40000000", "\(device)")
        }
    }

    /// The root complex maps bus 0 only, and the host has a function of bus 1 in a group: it has the windows
    /// and doorbells of that root complex all the same.
    @Test func functionsThatNoMappingHolds() {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let smmu = builder.smmuV3(base: 0x1000, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 0, limit: 64, [.init(0, 0xff, 0, to: smmu)])
        let madt = ACPITableBuilder.madt(its: [(0, 0x808_0000)])
        let tables =
            #""acpi":{"IORT":"\#(builder.table().hexDigits)","APIC":"\#(madt.hexDigits)"},"#
            + #""iomem":"08000000-0fffffff : PCI Bus 0000:00\n""#
        for name in ["0000:00:05.0", "0000:01:00.0"] {
            store(
                #"{"collected":{"format":1,"kernel_release":"6.18.15","page_size":4096,\#(tables),"groups":["#
                    + #"{"id":"3","type":"DMA","devices":["\#(name)"],"reserved_regions":"#
                    + #""\#(Self.window.replacing("\n", with: "\\n"))"}],"notes":[]}}"#)
            let device = client.get("/v1/platforms/h/devices/\(name)").json
            #expect(device["host_bridge"] as? String == "rc:0", "\(device)")
            for asked in [name, "group:3"] {
                let items = view(asked, "dma")
                #expect(items.contains { $0["kind"] as? String == "pci_window" }, "\(asked): \(items)")
                let answer = decided(asked, "vfio_type1")
                #expect(answer.json["reachability"] as? String == "conditional", "\(asked): \(answer.text)")
            }
        }
    }
}
