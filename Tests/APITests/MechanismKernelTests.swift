// No answer recommends a mechanism that its kernel does not have: every release of the catalogue, at every
// entrance that recommends one.

import LinuxReleases
import Testing

@testable import API

@Suite struct MechanismKernelTests {
    private let client = ServiceClient()

    /// The catalogue, and kernels between its releases that have iommufd or its own map of doorbells.
    private static let releases =
        KernelRelease.allCases.map(\.rawValue) + [
            "6.0.12", "6.2.0-39-generic", "6.3.13", "6.4.0-150600.23.17-default", "6.5.0-45-generic",
            "6.14.0-37-generic",
            "6.15.3", "6.16", "6.17.0-8-generic", "7.0.1", "9.9",
        ]

    /// When iommufd came, and when it began to map doorbells by itself: of the text, not of the profile.
    private static func has(_ release: String) -> (iommufd: Bool, ownMap: Bool) {
        let numbers = release.split { !$0.isNumber }.prefix(2).compactMap { Int($0) }
        let version = numbers[0] * 100 + numbers[1]
        return (version >= 602, version >= 615)
    }

    @Test(arguments: Self.releases)
    func whatTheKernelHas(release: String) throws {
        let (hasIOMMUFD, hasOwnMap) = Self.has(release)
        let kernel = try #require(KernelProfile(releaseString: release))
        #expect(kernel.hasIOMMUFD == hasIOMMUFD && kernel.iommufdKeepsOwnMap == hasOwnMap)
        let hosts = #""hosts":[{"platform":"example-qemu-virt"}],"kernel":"\#(release)""#
        let nested = #"{\#(hosts),"vm":{"vmm":"qemu-virt","ram":"2G","viommu":"nested_smmuv3"}}"#
        let moved =
            #"{\#(hosts),"vm":{"vmm":"openvmm-uefi","ram":"4G"},"capabilities":["iommufd_sw_msi_options"]}"#
        for (body, kind, has) in [
            // Linux maps MSIs of nested guests by iommufd's own map.
            (nested, "guest_rmr", hasOwnMap), (moved, "iommufd_options", hasIOMMUFD),
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
        #expect(warnings.contains("iommufd_page_limit") == hasOwnMap, "\(release)")
        let means = placement.object("mechanism")["kind"] as? String
        #expect((means == "iommufd_options") == (hasIOMMUFD && !hasOwnMap), "\(release)")
    }

    /// Over pairs of hosts with kernels of their own: a pool has what both have, the answer has each host's
    /// own, and a remedy keeps the VM off a host whose kernel lacks it.
    @Test(arguments: Self.releases)
    func ofPools(release: String) {
        for other in Self.releases {
            let hosts =
                #""hosts":[{"name":"a","platform":"example-qemu-virt","kernel":"\#(release)"},"#
                + #"{"name":"b","platform":"example-qemu-virt","kernel":"\#(other)"}]"#
            let body = #"{\#(hosts),"vm":{"vmm":"qemu-virt","ram":"2G","viommu":"nested_smmuv3"}}"#
            let placed = client.post("/v1/placements", json: body)
            let (one, two) = (Self.has(release).ownMap, Self.has(other).ownMap)
            let kind = placed.object("mechanism")["kind"] as? String
            #expect((kind == "guest_rmr") == (one && two), "\(release) \(other): \(placed.text)")
            #expect(placed.list("per_host").map { $0["kernel"] as? String } == [release, other])
            let remedies = placed.list("remedies")
            let kept = remedies.first { $0["kind"] as? String == "without_hosts" }?["hosts"] as? [String]
            let lacking = [("a", one), ("b", two)].filter { !$0.1 }.map(\.0)
            #expect(kept == (lacking.count == 1 ? lacking : nil), "\(release) \(other): \(placed.text)")
            if lacking.count == 2 {
                let because = placed.object("mechanism")["because"] as? String ?? ""
                #expect(because.contains("of a") && because.contains("of b"), "\(because)")
            }
        }
    }

    /// Pairs of remedies keep to what the kernel has: where it does not nest, one of two is to do without.
    @Test(arguments: Self.releases)
    func ofPairs(release: String) {
        let body =
            #"{"hosts":[{"platform":"example-qemu-virt"}],"kernel":"\#(release)","#
            + #""vm":{"vmm":"openvmm-uefi","ram":"4G","viommu":"nested_smmuv3"}}"#
        let placed = client.post("/v1/placements", json: body)
        let kinds = placed.list("remedies").map { remedy in
            (remedy["parts"] as? [[String: Any]] ?? [remedy]).compactMap { $0["kind"] as? String }
        }
        #expect(!kinds.isEmpty, "\(release): \(placed.text)")
        if Self.has(release).ownMap {
            #expect(
                kinds.contains(["other_mode"]) && kinds.allSatisfy { $0.count == 1 }, "\(release) \(kinds)")
        } else {
            #expect(
                kinds.allSatisfy { $0.count == 2 && $0.contains("without_nesting") }, "\(release) \(kinds)")
        }
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
