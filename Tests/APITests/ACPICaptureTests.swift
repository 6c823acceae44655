// Boots with ACPI: the raw tables of each capture go up in parts, with /proc/iomem and without, and every
// device's reserved_regions and PCI windows come back as the kernel had them.

import Foundation
import HTTP
import TestSupport
import Testing

@Suite(.enabled(if: SharedShelf.isPresent)) struct ACPICaptureTests {
    private static let folder = "data/linux-captures"

    private static var names: [String] {
        guard SharedShelf.isPresent else { return [] }
        return SharedShelf.names(in: folder).filter {
            FileManager.default.fileExists(
                atPath: SharedShelf.root!.appendingPathComponent("\(folder)/\($0)/IORT.aml").path)
        }
    }

    private func form(_ name: String, _ parts: [String]) -> [UInt8] {
        (["IORT.aml", "APIC.aml", "MCFG.aml", "DSDT.aml"] + parts).flatMap { part in
            Array("--B\r\nContent-Disposition: form-data; name=\"\(part)\"\r\n\r\n".utf8)
                + SharedShelf.bytes("\(Self.folder)/\(name)/\(part)") + [0x0d, 0x0a]
        } + Array("--B--\r\n".utf8)
    }

    @Test func capturesAreThere() { #expect(Self.names.count >= 12) }

    /// With /proc/iomem, and with the tables alone: the DSDT has the same windows.
    @Test(arguments: Self.names, [["iomem.txt"], []])
    func regionsAreTheKernels(name: String, parts: [String]) throws {
        let truth = try #require(
            try JSONSerialization.jsonObject(
                with: Data(SharedShelf.bytes("\(Self.folder)/\(name)/truth.json"))) as? [String: Any])
        let client = ServiceClient()
        let upload = client.ask(
            .post, "/v1/platforms?id=c", form(name, parts), type: "multipart/form-data; boundary=B")
        #expect(upload.status == 201, "\(upload.text)")
        // The folder's name says what `_DSM` function 5 returns (README: `p`).
        let preserves = name.split(separator: "-")[0].hasSuffix("p")
        #expect(upload.json["devices"] as? Int == 0 || upload.json["preserve_config"] as? Bool == preserves)
        let codes = upload.list("findings").compactMap { $0["code"] as? String }
        #expect(!codes.contains("windows-contradict") && !codes.contains("pci-windows-unknown"))
        let knobs = truth["knobs"] as! [String: Any]
        let kernel = knobs["kernel"] as! String
        let groups = truth["groups"] as! [String: [String: Any]]
        let domains = truth["domains"] as? [String: [String: Any]] ?? [:]
        guard upload.json["devices"] as? Int != 0 else {
            // A virtio-iommu is not in IORT, so nothing is behind an SMMU.
            #expect(upload.list("findings").contains { $0["code"] as? String == "no-smmu" })
            return
        }
        for (number, group) in groups {
            let device = (group["devices"] as! [String])[0]
            let query = "device=\(device)&kernel=\(kernel)"
            let text =
                client.get("/v1/platforms/c/reserved-regions?\(query)&view=sysfs").json["text"] as? String
            let lines = group["reserved_regions"] as! [String]
            #expect(text == lines.map { $0 + "\n" }.joined(), "\(name) group \(number)")
            guard let reserves = domains[number]?["reserves"] as? [[String]], !reserves.isEmpty else {
                continue
            }
            let items = client.get("/v1/platforms/c/reserved-regions?\(query)&view=dma").list("items")
            let got = items.filter { $0["kind"] as? String != "page_zero" }
                .filter { $0["kind"] as? String == "pci_window" || $0["advertised"] as? Bool == true }
                .map { "\($0["start"]!) \($0["last"]!)" }
            #expect(Set(got) == Set(reserves.map { "\($0[0]) \($0[1])" }), "\(name) group \(number)")
        }
    }

    /// What a host with a virtio-iommu sends when its VIOT is left out: the groups' lists have hardware's
    /// region, and the MADT the doorbell in it.
    @Test func hardwareRegionsTakeTheDoorbellWithoutVIOT() throws {
        let name = "i-viommu-acpi-7.2"
        let truth = try #require(
            try JSONSerialization.jsonObject(
                with: Data(SharedShelf.bytes("\(Self.folder)/\(name)/truth.json"))) as? [String: Any])
        let groups = try #require(truth["groups"] as? [String: [String: Any]])
        let devices = try #require(truth["devices"] as? [String: [String: Any]])
        let host: [String: Any] = [
            "format": 1, "kernel_release": "7.2.13+deb14-arm64", "page_size": 4096,
            "acpi": ["IORT": "IORT.aml", "APIC": "APIC.aml"].mapValues {
                SharedShelf.bytes("\(Self.folder)/\(name)/\($0)").hexDigits
            },
            "groups": groups.map { number, group in
                [
                    "id": number, "type": group["type"]!, "devices": group["devices"]!,
                    "reserved_regions": (group["reserved_regions"] as! [String]).map { $0 + "\n" }.joined(),
                ]
            },
        ]
        let client = ServiceClient()
        let body = try JSONSerialization.data(withJSONObject: ["collected": host])
        let stored = client.ask(.put, "/v1/platforms/c", Array(body), type: "application/json")
        #expect(stored.status == 201, "\(stored.text)")
        var checked = 0
        for (device, facts) in devices {
            guard let captured = (facts["msi_addrs"] as? [String])?.first else { continue }
            let answer = client.decide(#"{"platform":"c","device":"\#(device)","consumer":"dma_api"}"#)
            #expect(answer.list("doorbells").map { $0["iova"] as? String } == [captured], "\(answer.text)")
            checked += 1
        }
        #expect(checked > 4)
    }
}
