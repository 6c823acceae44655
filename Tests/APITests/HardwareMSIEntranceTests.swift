// Groups with a hardware MSI region, whose doorbell the machine knows or nobody: no entrance answers kernel
// drivers with a page of the allocator. Linux passes a doorbell in the region untranslated.

import HTTP
import TestSupport
import Testing

@Suite struct HardwareMSIEntranceTests {
    private static let line = "0x0000000008090000 0x000000000809ffff msi\\n"
    private static let inline =
        #""reserved_regions":[{"start":"0x8090000","last":"0x809ffff","type":"msi"}]"#
    private static let vm = #""vm":{"vmm":"qemu-virt","ram":"0x40000000"}"#
    private static let policy = #"{"name":"own","consumer":"dma_api","window_source":"fixed"}"#
    private static let names = ["0000:00:01.0", "group:4"]

    /// A collected guest whose VIOT is not there: nothing says which controller its functions have.
    private func store(_ client: ServiceClient, its: UInt64?) {
        var table = IORTBuilder()
        let group = table.itsGroup([0])
        table.rootComplex(segment: 0, [.init(0, 0xffff, 0, to: group)])
        let madt = ACPITableBuilder.madt(its: its.map { [(UInt32(0), $0)] } ?? [])
        let host =
            #"{"collected":{"format":1,"kernel_release":"7.2.13-arm64","page_size":4096,"acpi":{"IORT":"\#(table.table().hexDigits)","#
            + #""APIC":"\#(madt.hexDigits)"},"groups":[{"id":"4","type":"DMA","devices":["0000:00:01.0"],"#
            + #""paths":["../pci0000:00/0000:00:01.0"],"reserved_regions":"\#(Self.line)"}]}}"#
        let stored = client.ask(.put, "/v1/platforms/h", Array(host.utf8), type: "application/json")
        #expect((200..<300).contains(stored.status), "\(stored.text)")
    }

    private func codes(_ answer: [String: Any]) -> [String] {
        (answer["warnings"] as? [[String: Any]] ?? []).compactMap { $0["code"] as? String }
    }

    /// Answers of kernel drivers by name of the entrance.
    private func decisions(_ client: ServiceClient) throws -> [(String, [String: Any])] {
        var found: [(String, [String: Any])] = []
        for name in Self.names {
            let subject = #""platform":"h","device":"\#(name)","consumer":"dma_api""#
            found.append(("decision of \(name)", client.decide("{\(subject)}").json))
            let compared = client.post(
                "/v1/comparisons",
                json: #"{\#(subject),"kernels":["7.3","6.1"],"policies":[\#(Self.policy)]}"#)
            #expect(compared.list("items").count > 1, "\(compared.text)")
            found += compared.list("items").map { ("comparison of \(name)", $0) }
        }
        return found
    }

    @Test func theMachinesDoorbellIsTaken() throws {
        let client = ServiceClient()
        store(client, its: 0x808_0000)
        for (entrance, answer) in try decisions(client) {
            #expect(
                answer["outcome"] as? String == "hardware" && answer["window"] == nil,
                "\(entrance): \(answer)")
            let doorbell = (answer["doorbells"] as? [[String: Any]])?.first
            #expect(doorbell?["iova"] as? String == "0x8090040", "\(entrance): \(answer)")
            // The table of an IOMMU that would name its devices is not there.
            #expect(codes(answer) == ["firmware_unknown"], "\(entrance): \(answer)")
        }
        for name in Self.names {
            let device = client.get("/v1/platforms/h/devices/\(name)")
            #expect(device.json["doorbells"] as? [String] == ["0x8090040"], "\(device.text)")
        }
        let inside = try Offline.run(
            "decide", input: #"{\#(Self.inline),"consumer":"dma_api","doorbells":["0x8090040"]}"#)
        #expect(
            (inside["doorbells"] as? [[String: Any]])?.first?["iova"] as? String == "0x8090040", "\(inside)")
    }

    /// One in no region of the device says nothing of it.
    @Test(arguments: [nil, 0x3000_0000] as [UInt64?]) func anUnknownDoorbellIsSaid(its: UInt64?) throws {
        let client = ServiceClient()
        store(client, its: its)
        var answers = try decisions(client)
        answers.append(("inline", client.decide(#"{\#(Self.inline),"consumer":"dma_api"}"#).json))
        answers.append(
            ("command line", try Offline.run("decide", input: #"{\#(Self.inline),"consumer":"dma_api"}"#)))
        for (entrance, answer) in answers {
            #expect(
                answer["outcome"] as? String == "hardware" && answer["window"] == nil,
                "\(entrance): \(answer)")
            #expect((answer["doorbells"] as? [Any])?.isEmpty == true, "\(entrance): \(answer)")
            // Only of a host with tables can what they say of its devices be unknown.
            let isStored = !["inline", "command line"].contains(entrance)
            #expect(
                codes(answer) == ["doorbell_unknown"] + (isStored ? ["firmware_unknown"] : []),
                "\(entrance): \(answer)")
        }
        // With a doorbell elsewhere it is a page, as for every group.
        let elsewhere = client.decide(#"{\#(Self.inline),"consumer":"dma_api","doorbells":["0x30090040"]}"#)
        #expect(elsewhere.list("doorbells").first?["iova"] as? String == "0xfffff040", "\(elsewhere.text)")
    }

    /// Without a cookie nobody maps a doorbell, and one outside the region does not pass untranslated.
    @Test(arguments: [("vfio_type1", "6.12"), ("iommufd", "6.12"), ("iommufd", "7.3")])
    func aDoorbellOutsideTheRegionIsLost(consumer: String, kernel: String) {
        let client = ServiceClient()
        for (doorbell, isReached) in [("0x8090040", true), ("0x30090040", false)] {
            let answer = client.decide(
                #"{\#(Self.inline),"consumer":"\#(consumer)","kernel":"\#(kernel)","doorbells":["\#(doorbell)"]}"#
            )
            #expect(answer.json["outcome"] as? String == "hardware", "\(answer.text)")
            #expect(answer.json["reachable"] as? Bool == isReached, "\(answer.text)")
            #expect(codes(answer.json).contains("physical_doorbell") != isReached, "\(answer.text)")
            #expect((answer.json["because"] as? String)?.contains(doorbell) != isReached, "\(answer.text)")
        }
    }

    @Test func otherEntrancesAgree() throws {
        let client = ServiceClient()
        store(client, its: 0x808_0000)
        for consumer in ["vfio_type1", "iommufd"] {
            let answer = client.decide(
                #"{"platform":"h","device":"group:4","consumer":"\#(consumer)","kernel":"6.12"}"#)
            #expect(answer.json["outcome"] as? String == "hardware", "\(answer.text)")
            #expect(answer.list("doorbells").first?["iova"] as? String == "0x8090040", "\(answer.text)")
        }
        let view = client.get("/v1/platforms/h/reserved-regions?device=group:4&view=dma")
        #expect(view.list("items").contains { $0["kind"] as? String == "hw_msi" }, "\(view.text)")
        let placed = client.post("/v1/placements", json: #"{"hosts":[{"platform":"h"}],\#(Self.vm)}"#)
        #expect(codes(placed.json).contains("hardware_msi_only"), "\(placed.text)")
        _ = client.post("/v1/sessions", json: #"{"id":"s"}"#)
        let made = client.post(
            "/v1/sessions/s/domains",
            json: #"{"id":"d","consumer":"dma_api","devices":[{"platform":"h","device":"group:4"}]}"#)
        #expect(made.status == 201, "\(made.text)")
        let mapped = client.post(
            "/v1/sessions/s/domains/d/doorbells", json: #"{"physical":"0x8090040","device":"group:4"}"#)
        #expect(mapped.json["iova"] as? String == "0x8090040", "\(mapped.text)")
        let words = ["0x0000000800000010", "0x0000020000000000", "0x0000000008090040", "0x0000000000000000"]
        let fault = (["event 0x10 received:"] + words.map { " " + $0 })
            .map { "arm-smmu-v3 a.smmu: \($0)\\n" }.joined()
        let explained = client.post(
            "/v1/fault-explanations", json: #"{"platform":"h","text":"\#(fault)"}"#)
        let item = explained.list("items").first
        #expect(item?["iova"] as? String == "0x8090040", "\(explained.text)")
        #expect(!explained.text.contains("0xfffff0"), "\(explained.text)")
    }
}
