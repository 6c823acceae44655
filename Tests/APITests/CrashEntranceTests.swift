// What a release does with iommu-addresses that no bus translates is said wherever the device is asked about,
// for the release that the request names; and one that does not read them is silent.

import HTTP
import TestSupport
import Testing

@Suite struct CrashEntranceTests {
    private static let named = #""platform":"crash","device":"/bus/device@0""#

    /// A device whose window carries nothing of what it has reserved.
    private static var tree: [UInt8] {
        DeviceTreeBuilder.board { root in
            root.reservedMemory { node in
                node.child("msi") { node in
                    node.cells("phandle", 3)
                    node.cells("iommu-addresses", 2, 0, 0x800_0000, 0, 0x10_0000)
                }
            }
            root.child("bus") { bus in
                bus.cells("#address-cells", 2)
                bus.cells("#size-cells", 2)
                bus.cells("dma-ranges", 0, 0x8000_0000, 0, 0x8000_0000, 0, 0x1000)
                bus.child("device@0") { node in
                    node.cells("phandle", 2)
                    node.cells("iommus", 1, 5)
                    node.cells("memory-region", 3)
                }
            }
        }
    }

    private func client() -> ServiceClient {
        let client = ServiceClient()
        let type = "application/vnd.devicetree.blob"
        #expect(client.ask(.post, "/v1/platforms?id=crash", Self.tree, type: type).status == 201)
        return client
    }

    @Test(
        arguments: [
            ("5.10", nil), ("6.1", nil), ("6.12", "oopses when the device's driver binds"),
            ("6.18", "panics at boot"), ("7.3", "panics at boot"),
        ] as [(String, String?)])
    func everyEntranceSaysIt(kernel: String, effect: String?) {
        let client = client()
        func expect(_ detail: String?, _ place: String) {
            #expect(
                effect.map { detail?.contains($0) == true } ?? (detail == nil), "\(place): \(detail ?? "-")")
        }
        func warning(_ answer: ServiceClient.Answer) -> String? {
            answer.list("warnings").first { $0["code"] as? String == "kernel_crashes" }?["detail"] as? String
        }
        func member(_ answer: ServiceClient.Answer) -> String? { answer.json["kernel_crashes"] as? String }
        let rest = #""kernel":"\#(kernel)""#
        for consumer in ["dma_api", "vfio_type1"] {
            expect(
                warning(client.decide(#"{\#(Self.named),"consumer":"\#(consumer)",\#(rest)}"#)), consumer)
        }
        let query = "device=%2Fbus%2Fdevice@0&kernel=\(kernel)"
        for view in ["dma", "sysfs", "vfio"] {
            expect(member(client.get("/v1/platforms/crash/reserved-regions?\(query)&view=\(view)")), view)
        }
        expect(member(client.get("/v1/platforms/crash/available-windows?\(query)")), "windows")
        let vm = #""vm":{"vmm":"qemu-virt","ram":"0x40000000"}"#
        expect(
            warning(
                client.post("/v1/placements", json: #"{"hosts":[{"platform":"crash"}],\#(vm),\#(rest)}"#)),
            "placement")
        expect(warning(client.post("/v1/surveys", json: #"{"platforms":["crash"],\#(rest)}"#)), "survey")
        _ = client.post("/v1/sessions", json: #"{"id":"s",\#(rest)}"#)
        expect(
            warning(client.post("/v1/sessions/s/domains", json: #"{"devices":[{\#(Self.named)}]}"#)),
            "session"
        )
        let text = #""text":"vfio_dma_map(0x1, 0x8000000, 0x1000, 0x7000) = -22""#
        expect(warning(client.post("/v1/map-failures", json: #"{\#(text),\#(Self.named),\#(rest)}"#)), "maps")
    }
}
