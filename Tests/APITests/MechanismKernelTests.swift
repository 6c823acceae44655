// No answer recommends a mechanism that its kernel does not have: every release of the catalogue, at every
// entrance that recommends one.

import LinuxReleases
import Testing

@testable import API

@Suite struct MechanismKernelTests {
    private let client = ServiceClient()

    @Test(arguments: KernelRelease.allCases)
    func whatTheKernelHas(release: KernelRelease) {
        let kernel = KernelProfile(release)
        let hosts = #""hosts":[{"platform":"example-qemu-virt"}],"kernel":"\#(release.rawValue)""#
        let nested = #"{\#(hosts),"vm":{"vmm":"qemu-virt","ram":"2G","viommu":"nested_smmuv3"}}"#
        let moved =
            #"{\#(hosts),"vm":{"vmm":"openvmm-uefi","ram":"4G"},"capabilities":["iommufd_sw_msi_options"]}"#
        for (body, kind, has) in [
            // Linux maps MSIs of nested guests by iommufd's own map.
            (nested, "guest_rmr", kernel.hasIOMMUFD && kernel.iommufdKeepsOwnMap),
            (moved, "iommufd_options", kernel.hasIOMMUFD),
        ] {
            let placement = client.post("/v1/placements", json: body).json
            let own = (placement["mechanism"] as? [String: Any])?["kind"] as? String
            #expect((own == kind) == has, "\(release) \(kind) \(own ?? "")")
            let proposal = client.post("/v1/agreements?dry_run=true", json: body).json
            #expect(proposal["possible"] as? Bool == has, "\(release) \(kind)")
        }
        // A cookie maps as many doorbells as there are.
        let many = moved.dropLast() + #","doorbell_count":65}"#
        let placement = client.post("/v1/placements", json: String(many))
        let warnings = placement.list("warnings").map { $0["code"] as? String }
        #expect(warnings.contains("iommufd_page_limit") == kernel.iommufdKeepsOwnMap, "\(release)")
        let means = placement.object("mechanism")["kind"] as? String
        #expect(
            (means == "iommufd_options") == (kernel.hasIOMMUFD && !kernel.iommufdKeepsOwnMap), "\(release)")
    }

    /// A survey judges an inline host by its own kernel as well.
    @Test func surveysTakeIt() {
        for own in ["", #","kernel":"6.5""#] {
            let body = #"{"hosts":[{"name":"a","reserved_regions":[]\#(own)}],"kernel":"6.12"}"#
            let survey = client.post("/v1/surveys", json: body)
            let codes = survey.list("warnings").map { $0["code"] as? String }
            #expect(codes.contains("kernel_not_modelled_exactly") == !own.isEmpty, "\(survey.text)")
        }
    }

    /// Where doorbells keep their addresses, a nested guest is not served all the same.
    @Test func nestingComesFirst() {
        let body =
            #"{"hosts":[{"reserved_regions":[{"start":"0x8090000","size":"0x10000","type":"msi"}]}],"#
            + #""vm":{"vmm":"openvmm-linux","ram":"4G","viommu":"nested_smmuv3"}}"#
        let placement = client.post("/v1/placements", json: body)
        #expect(placement.object("mechanism")["kind"] as? String == "none", "\(placement.text)")
        #expect(placement.list("remedies").map { $0["kind"] as? String } == ["without_nesting"])
        let proposal = client.post("/v1/agreements?dry_run=true", json: body)
        #expect(proposal.json["possible"] as? Bool == false, "\(proposal.text)")
    }
}
