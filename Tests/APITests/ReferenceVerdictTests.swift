// Every reference tree through the API: reservations, limits and all verdicts of every master equal the
// expected analysis; the first differences are named.

import Foundation
import HTTP
import TestSupport
import Testing

@Suite(.enabled(if: SharedShelf.isPresent)) struct ReferenceVerdictTests {
    static let folder = "data/device-trees"
    static var names: [String] {
        guard SharedShelf.isPresent else { return [] }
        return SharedShelf.names(in: folder).filter { $0.hasSuffix(".dtb") }.map { String($0.dropLast(4)) }
    }

    @Test(arguments: names)
    func verdictsAreAsExpected(name: String) throws {
        let client = ServiceClient()
        let blob = SharedShelf.bytes("\(Self.folder)/\(name).dtb")
        #expect(
            client.ask(.post, "/v1/platforms?id=t", blob, type: "application/vnd.devicetree.blob").status
                == 201)
        let expected = try #require(
            try JSONSerialization.jsonObject(with: Data(SharedShelf.bytes("\(Self.folder)/\(name).json")))
                as? [String: Any])
        for master in expected["masters"] as? [[String: Any]] ?? [] {
            // A node may be a bus and a device: its plain id is the bus.
            let path = master["path"] as! String
            let id = master["kind"] as? String == "platform" ? "\(path)#platform" : path
            checkReserved(client, name, id, master)
            // Masters behind disabled SMMUs have verdicts too: what would hold if they were enabled.
            let isBehindDisabled = (master["smmu_status_ok"] as! [Bool]).contains(false)
            checkPolicies(
                client, name, id, master["policies"] as! [String: [String: Any]],
                isBehindDisabled ? #""default_domain":"translated","# : "")
        }
    }

    private func checkReserved(_ client: ServiceClient, _ name: String, _ id: String, _ master: [String: Any])
    {
        let query = "device=\(RequestTarget.encoded(id))"
        let view = client.get("/v1/platforms/t/reserved-regions?\(query)&view=dma")
        let kinds = [
            "iova-page-0": "page_zero", "pci-window": "pci_window", "dma-ranges-gap": "dma_ranges_gap",
            "iommu-addresses": "iommu_addresses", "iommu-addresses-on-host-bridge": "iommu_addresses",
        ]
        let got = view.list("items").map {
            "\($0["start"]!) \($0["last"]!) \($0["kind"]!) \($0["advertised"] as! Bool)"
        }
        let want = (master["reserved"] as! [[String: Any]]).map {
            "\($0["start"]!) \($0["end"]!) \(kinds[$0["cause"] as! String]!) \($0["visible_to_vfio"] as! Bool)"
        }
        #expect(got == want, "\(name) \(id) reserved")
        #expect(view.json["dma_limit"] as? String == master["dma_limit"] as? String, "\(name) \(id)")
        #expect((view.json["errno"] is NSNull) == (master["linux_error"] is NSNull), "\(name) \(id) errno")
        let free = client.get("/v1/platforms/t/available-windows?\(query)&size=1&alignment=1").list("items")
        #expect(
            free.map { [$0["start"] as! String, $0["last"] as! String] } == master["free"] as! [[String]],
            "\(name) \(id)")
    }

    private func checkPolicies(
        _ client: ServiceClient, _ name: String, _ id: String, _ policies: [String: [String: Any]],
        _ behind: String
    ) {
        let sources = [
            "fixed": #""fixed""#, "v4_pick": #""candidates""#,
            "v4_pick_if_all_reservations_were_visible": #"{"kind":"candidates","avoid":"everything"}"#,
        ]
        for (policy, source) in sources {
            let answer = client.decide(
                #"{"platform":"t","device":"\#(id)","consumer":"vfio_type1",\#(behind)"window_source":\#(source)}"#
            )
            #expect(
                answer.object("window")["start"] as? String == policies[policy]!["base"] as? String,
                "\(name) \(id) \(policy)")
            #expect(
                answer.json["reachable"] as? Bool == policies[policy]!["ok"] as? Bool,
                "\(name) \(id) \(policy)")
        }
        let second = client.decide(
            #"{"platform":"t","device":"\#(id)","consumer":"vfio_type1",\#(behind)"window_source":"#
                + #"{"kind":"candidates","bases":["0xa0000000"],"avoid":"everything"}}"#
        )
        #expect(
            (second.json["outcome"] as? String == "window") == policies["second"]!["ok"] as? Bool,
            "\(name) \(id) second")
        let picks = client.get(
            "/v1/platforms/t/available-windows?device=\(RequestTarget.encoded(id))&below=0x100000000"
        ).object("picks")
        #expect(
            picks["lowest"] as? String == policies["lowest_1mib_below_4g"]!["base"] as? String,
            "\(name) \(id) lowest")
        #expect(
            picks["highest"] as? String == policies["highest_1mib_below_4g"]!["base"] as? String,
            "\(name) \(id) highest")
    }
}
