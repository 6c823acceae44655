// No answer recommends a mechanism that its kernel does not have: every release of the catalogue, at every
// entrance that recommends one.

import LinuxReleases
import Testing

@testable import API

@Suite struct MechanismKernelTests {
    private let client = ServiceClient()

    @Test(arguments: KernelRelease.allCases)
    func kernelsWithoutIOMMUFD(release: KernelRelease) {
        let has = KernelProfile(release).hasIOMMUFD
        let hosts = #""hosts":[{"platform":"example-qemu-virt"}],"kernel":"\#(release.rawValue)""#
        let nested = #"{\#(hosts),"vm":{"vmm":"qemu-virt","ram":"2G","viommu":"nested_smmuv3"}}"#
        let moved =
            #"{\#(hosts),"vm":{"vmm":"openvmm-uefi","ram":"4G"},"capabilities":["iommufd_sw_msi_options"]}"#
        for (body, kind) in [(nested, "guest_rmr"), (moved, "iommufd_options")] {
            let placement = client.post("/v1/placements", json: body).json
            let own = (placement["mechanism"] as? [String: Any])?["kind"] as? String
            #expect((own == kind) == has, "\(release) \(kind) \(own ?? "")")
            let proposal = client.post("/v1/agreements?dry_run=true", json: body).json
            #expect(proposal["possible"] as? Bool == has, "\(release) \(kind)")
        }
    }
}
