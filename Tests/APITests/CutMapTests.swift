// An iommu-map that Linux cannot read leaves the devices behind it without an IOMMU: no answer lists
// stream IDs of it, and answers about such a device warn.

import HTTP
import TestSupport
import Testing

@Suite struct CutMapTests {
    /// A host bridge whose second entry ends early, or is whole.
    private func tree(isCut: Bool) -> [UInt8] {
        DeviceTreeBuilder.board { root in
            root.child("pcie@4000") { node in
                node.strings("device_type", "pci")
                node.cells("#address-cells", 3)
                node.cells("#size-cells", 2)
                if isCut {
                    node.cells("iommu-map", 0, 1, 0, 0x100, 0x100, 1)
                } else {
                    node.cells("iommu-map", 0, 1, 0, 0x100, 0x100, 1, 0x100, 0x100)
                }
            }
        }
    }

    @Test(arguments: [true, false])
    func answersWarn(isCut: Bool) {
        let client = ServiceClient()
        let made = client.ask(
            .post, "/v1/platforms?id=cut", tree(isCut: isCut), type: "application/vnd.devicetree.blob")
        #expect(made.status == 201, "\(made.text)")
        let device = client.get("/v1/platforms/cut/devices/%2Fpcie@4000")
        #expect(device.list("stream_ids").isEmpty == isCut, "\(device.text)")
        func check(_ warnings: Any?, _ text: String) {
            let codes = (warnings as? [[String: Any]] ?? []).compactMap { $0["code"] as? String }
            #expect(codes.contains("no_group") == isCut, "\(text)")
        }
        let named = #""platform":"cut","device":"/pcie@4000""#
        for consumer in ["vfio_type1", "iommufd", "dma_api"] {
            let decision = client.post("/v1/decisions", json: #"{\#(named),"consumer":"\#(consumer)"}"#)
            check(decision.json["warnings"], decision.text)
        }
        let failure = "QEMU: vfio_dma_map(0x5, 0x8000000, 0x1000, 0x7f) = -22 (Invalid argument)"
        let maps = client.post("/v1/map-failures", json: #"{"text":"\#(failure)",\#(named)}"#)
        check(maps.json["warnings"], maps.text)
    }
}
