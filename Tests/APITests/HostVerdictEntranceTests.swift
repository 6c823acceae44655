// A pool of one host and that host by itself have one verdict, whatever the guest's contract, and the default
// base is judged as every other base is.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct HostVerdictEntranceTests {
    static let vms = [
        #"{"vmm":"qemu-virt","ram":"0x100000000"}"#,
        #"{"vmm":"qemu-virt","ram":"0x100000000","viommu":"nested_smmuv3"}"#,
        #"{"vmm":"crosvm","ram":"0x100000000","viommu":"nested_smmuv3"}"#,
        #"{"vmm":"qemu-virt","ram":"0x100000000","viommu":"virtio_iommu"}"#,
        #"{"vmm":"qemu-virt","ram":"0x10000000000","ipa_bits":40}"#,
        #"{"memory_map":[]}"#,
    ]
    static let hosts = [
        #""reserved_regions":[{"start":"0x8000000","size":"0x100000","type":"msi"}]"#,
        #""reserved_regions":[{"start":"0x8000000","size":"0x200000","type":"reserved"}]"#,
        #""platform":"example-arm-juno""#,
        #""iova_ranges":[{"start":"0x0","last":"0x7ffffff"},{"start":"0x8100000","last":"0xffffffff"}]"#,
    ]
    static let windows = [
        "{}", #"{"movable":false}"#, #"{"size":"0x200000"}"#, #"{"alignment":"0x10000000"}"#,
    ]

    @Test(arguments: vms) func oneHostIsAPoolOfOne(vm: String) {
        let client = ServiceClient()
        for host in Self.hosts {
            for window in Self.windows {
                let body = #"{"hosts":[{\#(host)}],"vm":\#(vm),"window":\#(window)}"#
                let placed = client.post("/v1/placements", json: body)
                #expect(placed.status == 200, "\(placed.text)")
                let own = placed.list("per_host").first ?? [:]
                #expect(own["verdict"] as? String == placed.json["verdict"] as? String, "\(body)")
                #expect(
                    (own["picks"] as? [String: Any])?["lowest"] as? String
                        == placed.object("picks")["lowest"] as? String, "\(body)")
                let option = placed.json["iommufd_options"] as? [String: Any]
                if placed.json["verdict"] as? String == "default_works" {
                    #expect(option?["sw_msi_start"] as? String == "0x8000000", "\(body)")
                }
                if let verdict = placed.json["verdict"] as? String, verdict == "none" {
                    #expect(option == nil, "\(body)")
                }
            }
        }
    }

    /// Asking for the default base by its number gives what the default gives.
    @Test func theDefaultIsABaseLikeOthers() {
        let client = ServiceClient()
        for host in Self.hosts {
            for window in [#""size":"0x100000""#, #""size":"0x400000""#, #""alignment":"0x10000000""#] {
                let placed = client.post(
                    "/v1/placements",
                    json: #"{"hosts":[{\#(host)}],"vm":{"memory_map":[]},"#
                        + #""window":{\#(window),"requested":"0x8000000"}}"#)
                #expect(
                    placed.object("requested")["works"] as? Bool
                        == placed.object("default")["works"] as? Bool, "\(host) \(window): \(placed.text)")
            }
        }
    }
}
