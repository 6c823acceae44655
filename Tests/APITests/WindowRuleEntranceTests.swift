// Rules about places of a window that several entrances apply: what keeps no window out, where picks begin,
// which driver reports a list, and IOMMUs whose pages are larger than the CPU's.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct WindowRuleEntranceTests {
    private let client = ServiceClient()
    private static let vm = #""vm":{"memory_map":[]}"#

    private func upload(_ regions: String) {
        let platform =
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_function","smmus":["s"],"#
            + #""reserved_regions":[\#(regions)]}]}"#
        let stored = client.ask(.put, "/v1/platforms/p", Array(platform.utf8), type: "application/json")
        #expect(stored.status == 201, "\(stored.text)")
    }

    /// Nothing keeps a relaxable region in user space, and a window is for user space.
    @Test(arguments: [
        ("direct_relaxable", "0x8000000"), ("direct-relaxable", "0x8000000"), ("reserved", "0x8100000")])
    func onlyHardRegionsKeepAWindowOut(kind: String, base: String) {
        let region = #"{"start":"0x8000000","last":"0x80fffff","type":"\#(kind)"}"#
        upload(region)
        let hosts = [#""platform":"p""#, #""reserved_regions":[\#(region)]"#]
        let subjects = [#""platform":"p","device":"d""#, hosts[1]]
        let picks = client.get("/v1/platforms/p/available-windows?device=d").object("picks")
        #expect(picks["nearest_default"] as? String == base)
        for subject in subjects {
            for consumer in ["vfio_type1", "iommufd"] {
                let decided = client.decide(
                    #"{\#(subject),"consumer":"\#(consumer)","window_source":"dynamic"}"#)
                #expect(decided.object("window")["start"] as? String == base, "\(decided.text)")
                #expect(decided.json["reachable"] as? Bool == true, "\(decided.text)")
            }
        }
        for host in hosts {
            let placed = client.post("/v1/placements", json: #"{"hosts":[{\#(host)}],\#(Self.vm)}"#)
            #expect(placed.object("picks")["nearest_default"] as? String == base, "\(placed.text)")
            let surveyed = client.post("/v1/surveys", json: #"{"hosts":[{\#(host)}]}"#)
            let search = surveyed.list("policies").first { $0["policy"] as? String == "nearest_default" }
            #expect(search?["not_at_default"] as? Int == (base == "0x8000000" ? 0 : 1), "\(surveyed.text)")
        }
    }

    /// 0 and what stray DMA hits first is no base to use, whatever the alignment; it is reachable even so.
    @Test func picksBeginAtOneMebibyte() {
        upload("")
        let windows = client.get("/v1/platforms/p/available-windows?device=d&alignment=0x1000")
        #expect(windows.list("items").first?["start"] as? String == "0x1000", "\(windows.text)")
        #expect(windows.object("picks")["lowest"] as? String == "0x100000", "\(windows.text)")
        let placed = client.post(
            "/v1/placements",
            json: #"{"hosts":[{"platform":"p"}],\#(Self.vm),"window":{"alignment":"0x1000"}}"#)
        #expect(placed.object("picks")["lowest"] as? String == "0x100000", "\(placed.text)")
    }

    /// Hardware's MSI region without a software window: only virtio-iommu's driver reports such a list.
    @Test(arguments: ["vfio_type1", "iommufd"])
    func aListWithHardwareMSIOnlyIsOfVirtio(consumer: String) {
        let list = #""reserved_regions":[{"start":"0xfee00000","last":"0xfeefffff","type":"msi"}]"#
        let decided = client.decide(#"{\#(list),"consumer":"\#(consumer)"}"#)
        #expect(decided.json["outcome"] as? String == "hardware", "\(decided.text)")
        let lines = "0x00000000fee00000 0x00000000feefffff msi\n"
        let stored = client.ask(.put, "/v1/platforms/g", Array(lines.utf8), type: "text/plain")
        #expect(stored.status == 201, "\(stored.text)")
        let named = client.decide(#"{"platform":"g","device":"group:0","consumer":"\#(consumer)"}"#)
        #expect(named.json["outcome"] as? String == "hardware", "\(named.text)")
        for host in [list, #""platform":"g""#] {
            let placed = client.post("/v1/placements", json: #"{"hosts":[{\#(host)}],\#(Self.vm)}"#)
            #expect(placed.list("warnings").contains { $0["code"] as? String == "hardware_msi_only" })
            let surveyed = client.post("/v1/surveys", json: #"{"hosts":[{\#(host)}]}"#)
            let posted = surveyed.list("policies").first { $0["policy"] as? String == "posted" }
            #expect(
                posted?["fits"] as? Int == 1 && posted?["not_at_default"] as? Int == 0, "\(surveyed.text)")
        }
        // The caller's word counts more.
        let smmu = client.decide(#"{\#(list),"consumer":"iommufd","iommu":"v3"}"#)
        #expect(smmu.json["errno"] as? String == "EINVAL", "\(smmu.text)")
    }

    @Test func noDMADomainHasPagesAboveTheCPUs() {
        let host = #""reserved_regions":[],"page_size":"0x1000","smmu_page_sizes":["0x10000"]"#
        let decided = client.decide(#"{\#(host),"consumer":"dma_api"}"#)
        #expect(decided.json["outcome"] as? String == "none", "\(decided.text)")
        let refused = client.decide(#"{\#(host),"consumer":"iommufd"}"#)
        #expect(refused.json["errno"] as? String == "EINVAL", "\(refused.text)")
        #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        let pages = #""granule":"0x10000","page_size":"0x1000""#
        let domain = client.post("/v1/sessions/s/domains", json: #"{"consumer":"dma_api",\#(pages)}"#)
        #expect(domain.status == 422, "\(domain.text)")
        let attached = client.post(
            "/v1/sessions/s/domains",
            json: #"{"consumer":"iommufd",\#(pages),"devices":[{"description":{"id":"d"}}]}"#)
        #expect(attached.status == 409 && attached.text.contains("EINVAL"), "\(attached.text)")
    }
}
