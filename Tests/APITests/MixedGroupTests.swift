// A group whose members are behind different drivers, or of which only one is described: every entrance
// prepares it under the conditions of the device that is asked about.

import HTTP
import TestSupport
import Testing

@Suite struct MixedGroupTests {
    private let client = ServiceClient()

    /// `1.dma` behind an SMMUv2 with a region of its own, and what else the group has.
    private func store(_ devices: [String]) {
        let tree = DeviceTreeBuilder.board { root in
            root.child("smmu@2000") { node in
                node.strings("compatible", "arm,mmu-500")
                node.cells("reg", 0, 0x2000, 0, 0x1000)
                node.cells("#iommu-cells", 1)
                node.cells("phandle", 3)
            }
            root.child("fw") { node in
                node.cells("phandle", 9)
                node.cells("iommu-addresses", 5, 0, 0xa000_0000, 0, 0x10_0000)
            }
            for (place, phandle) in [(UInt32(1), UInt32(5)), (2, 6)] {
                root.child("dma@\(place)") { node in
                    node.cells("reg", 0, place, 0, 1)
                    node.cells("phandle", phandle)
                    node.cells("iommus", place == 1 ? 3 : 1, 7)
                    if place == 1 { node.cells("memory-region", 9) }
                }
            }
        }
        let names = devices.map { "\"\($0)\"" }.joined(separator: ",")
        let list = #"0x8000000 0x80fffff msi\n0xa0000000 0xa00fffff reserved\n"#
        let host =
            #"{"collected":{"format":1,"kernel_release":"6.18.15","page_size":4096,"device_tree":"\#(tree.hexDigits)","#
            + #""groups":[{"id":"0","type":"DMA","devices":[\#(names)],"reserved_regions":"\#(list)"}],"notes":[]}}"#
        let stored = client.ask(.put, "/v1/platforms/h", Array(host.utf8), type: "application/json")
        #expect(stored.status < 300, "\(stored.text)")
    }

    /// A domain of the device alone.
    private func domain(_ consumer: String, _ subject: String) -> [String: Any] {
        let session = client.post("/v1/sessions", json: "{}").response.headers["Location"] ?? ""
        let made = client.post(
            session + "/domains", json: #"{"consumer":"\#(consumer)","devices":[{\#(subject)}]}"#)
        #expect(made.status == 201, "\(made.text)")
        return made.json
    }

    @Test(arguments: [["1.dma", "foo"], ["foo", "1.dma"], ["1.dma", "2.dma"], ["2.dma", "1.dma"]])
    func everyEntranceAnswers(devices: [String]) {
        store(devices)
        for device in devices {
            let subject = #""platform":"h","device":"\#(device)""#
            for consumer in ["dma_api", "vfio_type1", "iommufd"] {
                let decided = client.decide(
                    #"{\#(subject),"consumer":"\#(consumer)","doorbells":["0x8090040"]}"#)
                let page = consumer == "dma_api" ? "0xfffffffff000" : "0x8000000"
                #expect(decided.list("doorbells").first?["page"] as? String == page, "\(decided.text)")
                guard consumer != "dma_api" else { continue }
                #expect(decided.json["outcome"] as? String == "window", "\(decided.text)")
                // The driver of the device that is asked about, whoever comes first in the group.
                let made = domain(consumer, subject)
                #expect(made["iommu"] as? String == (device == "1.dma" ? "v2" : "v3"), "\(made)")
                let window = made["window"] as? [String: Any]
                #expect(window?["start"] as? String == "0x8000000", "\(made)")
            }
            let view = client.get("/v1/platforms/h/reserved-regions?device=\(device)&view=dma")
            let region = view.list("items").filter { $0["start"] as? String == "0xa0000000" }
            #expect(region.count == (device == "1.dma" ? 1 : 0), "\(device): \(view.text)")
        }
        let fault =
            #"arm-smmu 2000.smmu: Unhandled context fault: fsr=0x402, iova=0xfffff040, fsynr=0x11, cbfrsynra=0x7, cb=0"#
        for text in [fault, fault.replacing("0x7", with: "0x8")] {
            let explained = client.post(
                "/v1/fault-explanations", json: #"{"platform":"h","text":"\#(text)\n"}"#)
            #expect(explained.status == 200 && explained.list("items").count == 1, "\(explained.text)")
        }
        let placed = client.post(
            "/v1/placements", json: #"{"hosts":[{"platform":"h"}],"vm":{"memory_map":[]}}"#)
        #expect(placed.status == 200, "\(placed.text)")
        #expect(client.post("/v1/surveys", json: #"{"platforms":["h"]}"#).status == 200)
    }
}
