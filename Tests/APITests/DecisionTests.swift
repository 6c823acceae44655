// Decisions, comparisons, policies and rules as a client sees them: every consumer and source by its words,
// what is refused as a request, and what is answered because Linux itself gets it wrong.

import API
import Foundation
import HTTP
import LinuxReleases
import MSIWindows
import TestSupport
import Testing

@Suite struct DecisionTests {
    let client = ServiceClient()
    static let virt = #""platform":"example-qemu-virt","device":"/pcie@10000000""#
    static let juno = #""platform":"example-arm-juno","device":"/pcie@40000000""#

    private func ask(_ members: String) -> ServiceClient.Answer { client.decide("{\(members)}") }

    private func message(_ answer: ServiceClient.Answer) -> String? {
        answer.list("doorbells").first?["iova"] as? String
    }

    private func codes(_ answer: ServiceClient.Answer) -> [String] {
        answer.list("warnings").compactMap { $0["code"] as? String }
    }

    @Test func consumersAndSources() {
        #expect(message(ask(Self.virt + #","consumer":"dma_api""#)) == "0xfffff040")
        let forced = ask(Self.virt + #","consumer":"dma_api","forcedac":true"#)
        #expect(message(forced) == "0xfffffffff040")
        #expect(
            message(ask(Self.virt + #","consumer":"dma_api","dma_mask":"0x1fffffff""#)) == "0xffff040")
        #expect(message(ask(Self.virt + #","consumer":"iommufd""#)) == "0x8000040")
        let user =
            #","consumer":"iommufd","window_source":{"kind":"user","start":"0x70000000","size":"0x100000"}"#
        #expect(message(ask(Self.virt + user)) == "0x70000040")
        let dynamic = #","consumer":"vfio_type1","window_source":{"kind":"dynamic","prefer":"lowest"}"#
        #expect(message(ask(Self.juno + dynamic)) == "0x80100040")
        #expect(
            message(ask(Self.juno + #","consumer":"vfio_type1","window_source":"dynamic""#)) == "0x80100040")
        let none = ask(Self.virt + #","consumer":"vfio_type1","window_source":"none""#)
        #expect(none.json["outcome"] as? String == "none" && none.json["errno"] as? String == "ENOSPC")
        let must = ask(
            Self.juno + #","consumer":"iommufd","window_source":{"kind":"candidates","#
                + #""bases":["0x8000000"],"avoid":"unreachable","if_none":"caller_must_allocate"}"#)
        #expect(
            must.json["outcome"] as? String == "refused" && must.json["errno"] as? String == "EADDRNOTAVAIL")
    }

    @Test func theOptionIsIOMMUFDs() {
        for consumer in ["vfio_type1", "dma_api", "iommufd"] {
            let answer = ask(
                Self.virt
                    + #","consumer":"\#(consumer)","window_source":{"kind":"user","start":"0x70000000"}"#)
            #expect(codes(answer).contains("option_not_for_consumer") == (consumer != "iommufd"))
            #expect((message(answer) == "0x70000040") == (consumer == "iommufd"))
        }
    }

    /// Equally near places: the higher one, wherever a nearest window is named.
    @Test func nearestIsNearestEverywhere() {
        let regions = #""reserved_regions":[{"start":"0x8000000","size":"0x100000"}]"#
        let decided = ask(
            #""consumer":"iommufd",\#(regions),"doorbells":["0x63c30040"],"window_source":"dynamic""#)
        #expect(message(decided) == "0x8100040")
        let placed = client.post(
            "/v1/placements", json: #"{"hosts":[{\#(regions)}],"vm":{"vmm":"qemu-virt","ram":"0x40000000"}}"#)
        #expect(placed.object("picks")["nearest_default"] as? String == "0x8100000")
    }

    /// Linux compares the option with no aperture: the posted series takes a window that the SMMU does not
    /// translate, and interrupts fail later; the series as intended refuses it.
    @Test func aWindowBeyondTheApertureIsAQuestionAboutLinux() {
        func source(_ reading: String, _ start: String) -> String {
            #""window_source":{"kind":"user","start":"\#(start)","reading":"\#(reading)"}"#
        }
        let rest = #""reserved_regions":[],"aperture_bits":27,"doorbells":["0x8090040"]"#
        let posted = ask(#""consumer":"iommufd",\#(rest),\#(source("as_posted", "0x8000000"))"#)
        #expect(posted.status == 200 && posted.json["outcome"] as? String == "window")
        #expect(posted.json["errno"] as? String == "ENOSPC" && message(posted) == nil)
        let intended = ask(#""consumer":"iommufd",\#(rest),\#(source("as_intended", "0x8000000"))"#)
        #expect(intended.status == 200 && intended.json["outcome"] as? String == "refused")
        let inside = ask(#""consumer":"iommufd",\#(rest),\#(source("as_posted", "0x7000000"))"#)
        #expect(message(inside) == "0x7000040")
        let cell = client.post(
            "/v1/comparisons",
            json: #"{"policies":[{\#(source("as_posted", "0x8000000")),"consumer":"iommufd"}],\#(rest)}"#)
        #expect(cell.list("items").first?["errno"] as? String == "ENOSPC")
    }

    /// vfio_iommu_replay maps what is there already into the new domain.
    @Test func mappingsThatTheFirstDomainCannotHold() {
        let rest =
            #""consumer":"vfio_type1","reserved_regions":[],"aperture_bits":32,"doorbells":["0x8090040"]"#
        let beyond = ask(rest + #","mappings":[{"start":"0xffff0000","last":"0x10000ffff"}]"#)
        #expect(
            beyond.json["outcome"] as? String == "refused" && beyond.json["errno"] as? String == "ERANGE")
        let within = ask(rest + #","mappings":[{"start":"0xffff0000","last":"0xffffffff"}]"#)
        #expect(message(within) == "0x8000040")
    }

    /// What the caller measured on the host bounds what is usable; the host's own window is no gap.
    @Test(arguments: ["vfio_type1", "iommufd"]) func knownRangesBoundTheAnswer(consumer: String) {
        let answer = ask(
            #""consumer":"\#(consumer)","iova_ranges":[{"start":"0x0","last":"0x7ffffff"},"#
                + #"{"start":"0x8100000","last":"0x9fffffff"}],"map_checks":[{"iova":"0x9ffff000","size":"0x1000"},"#
                + #"{"iova":"0x9ffff000","size":"0x2000"},{"iova":"0xa0000000","size":"0x1000"}]"#)
        #expect(answer.json["reachable"] as? Bool == true)
        #expect(
            answer.list("iova_ranges").map { $0["last"] as? String } == ["0x7ffffff", "0x9fffffff"])
        #expect(answer.list("map_checks").map { $0["errno"] as? String } == [nil, "EINVAL", "EINVAL"])
    }

    /// Ranges that were read before a device was attached are wider than what is usable.
    @Test(arguments: [("0xffffffffffffffff", true), ("0xffffffffffff", false)])
    func rangesReadTooEarly(last: String, isTold: Bool) {
        for consumer in ["vfio_type1", "iommufd"] {
            let answer = ServiceClient().post(
                "/v1/decisions",
                json: #"{"consumer":"\#(consumer)","reserved_regions":[],"#
                    + #""iova_ranges":[{"start":"0x0","last":"\#(last)"}]}"#)
            #expect(answer.status == 200)
            let codes = answer.list("warnings").map { $0["code"] as? String }
            #expect(codes.contains("iova_ranges_before_attach") == isTold)
        }
    }

    /// A group has one window, so a reservation of any of its devices makes it unreachable, and every
    /// sentence says so.
    @Test(arguments: [("vfio_type1", "0x8000000"), ("iommufd", "0x8000000"), ("dma_api", "0xfff00000")])
    func reservationsOfMatesCount(consumer: String, start: String) {
        let answer = ask(
            #""consumer":"\#(consumer)","doorbells":["0x8090040"],"reserved_regions":[],"group_mates":"#
                + #"{"after":[{"reserved_regions":[{"start":"\#(start)","size":"0x100000"}]}]}"#)
        #expect(answer.json["outcome"] as? String == "window")
        #expect(answer.json["reachable"] as? Bool == false)
        #expect((answer.json["because"] as? String)?.contains("outside everything") == false)
        #expect(codes(answer).contains("group_mate_reservations"))
    }

    @Test func earlierMappings() {
        let answer = ask(
            Self.virt
                + #","consumer":"dma_api","dma_mask":"0xffffffff","earlier_mappings":[{"size":"0x1000"},"#
                + #"{"size":"0x40000"},{"size":"0x3000"},{"free":0},{"size":1,"dma_mask":"0xffffffffffff"}]"#)
        // The freed page is in the cache, and serves the next single page.
        #expect(
            (answer.json["earlier_mappings"] as? [Any])?.map { $0 as? String }
                == ["0xfffff000", "0xfff80000", "0xfff7c000", nil, "0xfffff000"])
        #expect(message(answer) == "0xfff7b040")
        let wrong = ask(
            Self.virt
                + #","consumer":"dma_api","dma_mask":0,"earlier_mappings":[{"size":0},{"free":7},{"free":-1},{}]"#
        )
        #expect(
            Set(wrong.pointers) == [
                "/dma_mask", "/earlier_mappings/0/size", "/earlier_mappings/1/free",
                "/earlier_mappings/2/free", "/earlier_mappings/3/size",
            ])
    }

    @Test func isolationComesFromThePlatform() {
        let silent = ask(Self.juno + #","consumer":"vfio_type1""#)
        #expect(silent.json["outcome"] as? String == "window" && codes(silent).contains("unsafe_interrupts"))
        let off = ask(Self.juno + #","consumer":"iommufd","allow_unsafe_interrupts":false"#)
        #expect(off.json["outcome"] as? String == "refused" && off.json["errno"] as? String == "EPERM")
        let on = ask(Self.juno + #","consumer":"vfio_type1","allow_unsafe_interrupts":true"#)
        #expect(on.json["outcome"] as? String == "window" && !codes(on).contains("unsafe_interrupts"))
        let stated = ask(Self.juno + #","consumer":"vfio_type1","isolated_msi":true"#)
        #expect(!codes(stated).contains("unsafe_interrupts"))
    }

    @Test func userSpace() {
        let answer = ask(
            Self.virt + #","consumer":"iommufd","map_checks":[{"iova":"0x8000000","size":"0x1000"},"#
                + #"{"size":"0x1000","user_address":"0x7f0000001000"},{"iova":"0x100000","size":"0x1000"}]"#)
        #expect(answer.list("map_checks").map { $0["errno"] as? String } == ["EINVAL", nil, nil])
        #expect(answer.list("map_checks").map { $0["allowed"] as? Bool } == [false, true, true])
        #expect(answer.list("map_checks")[1]["iova"] as? String == "0x1000")
        #expect(codes(answer) == ["mapping_on_window"])
        #expect(answer.list("iova_ranges").map { $0["last"] as? String } == ["0x7ffffff", "0xffffffffffff"])
        // iommu_map takes whole pages, after all that iommufd itself looks at.
        let parts = ask(
            Self.virt + #","consumer":"iommufd","map_checks":[{"iova":"0x100000","size":"0x800"},"#
                + #"{"size":"0x1800","user_address":"0x7f0000002000"},{"iova":"0x100000","size":"0x2000"}]"#)
        #expect(parts.list("map_checks").map { $0["errno"] as? String } == ["EINVAL", "EINVAL", nil])
        let taken = ask(
            Self.virt + #","consumer":"iommufd","mappings":[{"start":"0x8000000","size":"0x1000"}]"#)
        #expect(taken.json["errno"] as? String == "EADDRINUSE")
        let held = ask(
            Self.virt + #","consumer":"iommufd","allowed_iovas":[{"start":"0x8000000","size":"0x1000"}]"#)
        #expect(held.json["errno"] as? String == "EADDRINUSE")
        let incoherent = ask(Self.virt + #","consumer":"iommufd","cache_coherent":false"#)
        #expect(incoherent.json["errno"] as? String == "EINVAL")
    }

    @Test func groupsAndContainers() {
        let region = #"{"reserved_regions":[{"start":"0xfff00000","size":"0x100000"}]}"#
        let mate = ask(
            Self.virt + #","consumer":"dma_api","group_mates":{"after":[\#(region)]}"#)
        #expect(message(mate) == "0xfffff040" && mate.json["reachable"] as? Bool == false)
        #expect(codes(mate) == ["group_mate_reservations"])
        let first = ask(
            Self.virt + #","consumer":"dma_api","group_mates":{"before":[\#(region)]}"#)
        #expect(message(first) == "0xffeff040")
        let shared = client.decide(
            #"{"reserved_regions":[{"start":"0x8000000","size":"0x100000"}],"consumer":"vfio_type1","#
                + #""window_source":"candidates","doorbells":["0x8090040"],"attached":[{"reserved_regions":[]}]}"#
        )
        #expect(message(shared) == "0x8000040" && codes(shared).contains("cookie_of_first_group"))
        let lost = ask(
            Self.virt
                + #","consumer":"iommufd","attached":["/nope"],"group_mates":{"before":["/gone"],"x":1}"#)
        #expect(
            Set(lost.pointers) == ["/attached/0", "/group_mates/before/0", "/group_mates/x"])
    }

    @Test func inlineDevicesArePCI() {
        let region =
            #""reserved_regions":[{"start":"0xfff00000","size":"0x100000"}],"doorbells":["0x8090040"]"#
        #expect(message(ask(region + #","consumer":"dma_api""#)) == "0xffeff040")
        #expect(message(ask(region + #","consumer":"dma_api","pci":false"#)) == "0xfffffffff040")
        let virtio =
            #""reserved_regions":[{"start":"0x8090000","size":"0x10000","type":"msi"}],"doorbells":["0x8090040"]"#
        let old = ask(virtio + #","consumer":"vfio_type1","iommu":"virtio","kernel":"6.12""#)
        #expect(message(old) == "0x8090040" && old.json["outcome"] as? String == "hardware")
        let new = ask(virtio + #","consumer":"vfio_type1","iommu":"virtio","kernel":"6.18""#)
        #expect(new.json["errno"] as? String == "ENOSPC" && codes(new).contains("hardware_msi_only"))
        let identity = ask(virtio + #","consumer":"dma_api","default_domain":"identity""#)
        #expect(identity.json["outcome"] as? String == "identity" && message(identity) == "0x8090040")
        let pages = ask(
            #""reserved_regions":[],"doorbells":["0x8090040"],"consumer":"dma_api","page_size":"0x10000","#
                + #""smmu_page_sizes":["0x1000"]"#)
        #expect(message(pages) == "0xfffff040")
    }

    @Test(
        arguments: [
            (#""consumer":"dma_api","map_checks":[]"#, ["/map_checks"]),
            (#""consumer":"vfio_type1","dma_mask":1,"allowed_iovas":[]"#, ["/dma_mask", "/allowed_iovas"]),
            (
                #""consumer":"vfio_type1","map_checks":[{"size":1,"user_address":1},{"iova":1},{"iova":1,"size":1,"user_address":2}]"#,
                ["/map_checks/0/user_address", "/map_checks/1/size", "/map_checks/2/iova"]
            ),
            (#""consumer":"iommufd","kernel":"linux""#, ["/kernel"]),
            (
                #""consumer":"iommufd","window_source":{"kind":"dynamic","prefer":"best","size":0}"#,
                ["/window_source/prefer", "/window_source/size"]
            ),
            (
                #""consumer":"iommufd","window_source":{"kind":"user","driver":{"kind":"user"}}"#,
                ["/window_source/driver"]
            ),
            (#""consumer":"iommufd","mappings":[{"start":1,"size":0}]"#, ["/mappings/0/size"]),
            (#""consumer":"iommufd","smmu_page_sizes":[]"#, ["/smmu_page_sizes"]),
            (#""consumer":"iommufd","iommu":"v4","default_domain":"x""#, ["/iommu", "/default_domain"]),
        ] as [(String, [String])])
    func wrongQuestions(members: String, pointers: [String]) {
        let answer = ask(#""reserved_regions":[],"# + members)
        #expect(answer.status == 422 && Set(answer.pointers) == Set(pointers), "\(answer.text)")
    }

    @Test func comparisons() {
        let answer = client.post(
            "/v1/comparisons",
            json: "{\(Self.juno),\"policies\":[\"i\",\"must_allocate_r3\",\"dma_iommu\",{\"name\":\"mine\","
                + #""window_source":{"kind":"user","start":"0xa0000000","size":"0x100000"},"consumer":"iommufd"}],"#
                + #""kernels":["6.12","7.2"]}"#)
        #expect(answer.status == 200, "\(answer.text)")
        let items = answer.list("items")
        #expect(items.count == 8)
        #expect(items.compactMap { $0["policy"] as? String }.suffix(2) == ["mine", "mine"])
        let windows = items.map { ($0["window"] as? [String: Any])?["start"] as? String }
        #expect(windows[0] == "0x8000000" && windows[2] == "0xa0000000" && windows[6] == "0xa0000000")
        #expect(
            items.map { ($0["model"] as? [String: Any])?["kernel"] as? String }.prefix(2) == ["6.12", "7.2"])
        // Each cell is the decision that is given for it alone.
        let alone = ask(Self.juno + #","consumer":"vfio_type1","window_source":"fixed","kernel":"6.12""#).json
        var cell = items[0]
        for name in ["policy", "window_source", "consumer"] { cell[name] = nil }
        var expected = alone
        expected["explanation"] = nil
        #expect(cell as NSDictionary == expected as NSDictionary)
        let all = client.post("/v1/comparisons", json: "{\(Self.virt)}")
        #expect(all.list("items").count == Policy.all.count)
        let wrong = client.post(
            "/v1/comparisons", json: "{\(Self.virt),\"policies\":[\"x\"],\"kernels\":[],\"kernel\":\"7.2\"}")
        #expect(Set(wrong.pointers) == ["/policies/0", "/kernels", "/kernel"])
        let many = Array(repeating: "\"i\"", count: 33).joined(separator: ",")
        let tooMany = client.post(
            "/v1/comparisons", json: "{\(Self.virt),\"policies\":[\(many)],\"kernels\":[\"6.12\",\"7.2\"]}")
        #expect(tooMany.pointers == ["/policies"])
        let regions = (0...Limits.comparisonRegionsMax).map { "{\"start\":\($0 * 0x2000),\"size\":1}" }
        let mates = "\"group_mates\":{\"after\":[{\"reserved_regions\":[\(regions.joined(separator: ","))]}]}"
        let heavy = client.post("/v1/comparisons", json: "{\(Self.virt),\(mates)}")
        #expect(heavy.status == 422 && heavy.list("errors").first?["code"] as? String == "too-many")
    }

    @Test func catalogues() {
        let policies = client.get("/v1/policies").list("items")
        #expect(policies.compactMap { $0["id"] as? String } == Policy.all.map(\.id))
        #expect(
            Set(["i", "ii", "iii", "iv", "v", "vi", "vii"]).isSubset(
                of: policies.compactMap { $0["numeral"] as? String }))
        for policy in Policy.all {
            #expect(client.get("/v1/policies/\(policy.id)").json["title"] as? String == policy.title)
        }
        #expect(client.get("/v1/policies/vii").json["id"] as? String == "iommufd_user_window")
        #expect(client.get("/v1/policies/viii").status == 404)
        let rules = client.get("/v1/rules").list("items")
        #expect(rules.compactMap { $0["id"] as? String } == Rule.allCases.map(\.rawValue))
        #expect(rules.allSatisfy { ($0["sentence"] as? String)?.isEmpty == false })
        #expect(rules.allSatisfy { ($0["citation"] as? String)?.isEmpty == false })
    }

    /// Every hazard that a request can bring about, by the code of its warning. Regions of no bytes and
    /// skipped RMRs come from ACPI tables only.
    @Test(
        arguments: [
            (
                "window_in_reserved_region", "vfio_type1",
                #""reserved_regions":[{"start":"0x8000000","size":1}]"#
            ),
            ("window_beyond_aperture", "vfio_type1", #""reserved_regions":[],"aperture_bits":27"#),
            ("window_in_dma_ranges_gap", "vfio_type1", Self.juno),
            ("window_above_dma_limit", "iommufd", #""dma_limit":"0x7ffffff""#),
            (
                "window_in_pci_window", "iommufd",
                Self.virt + #","window_source":{"kind":"user","start":"0x10000000","size":"0x100000"}"#
            ),
            (
                "mapping_on_window", "iommufd",
                Self.virt + #","map_checks":[{"iova":"0x8000000","size":"0x1000"}]"#
            ),
            (
                "doorbells_past_window", "vfio_type1",
                #""reserved_regions":[],"page_size":"0x10000","doorbells":["#
                    + (0..<17).map { "\($0 << 16)" }.joined(separator: ",") + "]"
            ),
            (
                "doorbell_pages_exhausted", "iommufd",
                #""reserved_regions":[],"doorbells":["#
                    + (0..<65).map { "\($0 << 12)" }.joined(separator: ",") + "]"
            ),
            (
                "group_mate_reservations", "dma_api",
                Self.virt
                    + #","group_mates":{"after":[{"reserved_regions":[{"start":"0xfff00000","size":"0x100000"}]}]}"#
            ),
            ("inbound_window_loses_granule", "dma_api", Self.juno),
            (
                "hardware_msi_only", "vfio_type1",
                #""reserved_regions":[{"start":"0x8090000","size":"0x10000","type":"msi"}],"iommu":"virtio""#
            ),
            (
                "hardware_and_software_msi", "iommufd",
                #""iommu":"v3","reserved_regions":[{"start":"0xc6010000","size":"0x10000","type":"msi"}]"#
            ),
            (
                "base_zero", "vfio_type1",
                #""reserved_regions":[{"start":0,"size":"0x100000","type":"software_msi"}],"doorbells":[64]"#
            ),
            (
                "cookie_of_first_group", "vfio_type1",
                #""reserved_regions":[{"start":"0x8000000","size":1}],"window_source":"candidates","#
                    + #""attached":[{"reserved_regions":[]}]"#
            ),
            ("direct_region", "iommufd", #""reserved_regions":[{"start":1,"size":1,"type":"direct"}]"#),
            ("no_group", "vfio_type1", Self.virt + #","default_domain":"no_group""#),
        ] as [(String, String, String)])
    func hazardsAreNamed(code: String, consumer: String, members: String) {
        let answer = ask(#""consumer":"\#(consumer)","# + members)
        #expect(answer.status == 200 && codes(answer).contains(code), "\(answer.text)")
    }

    @Test(
        arguments: [
            (
                "dma_domain_setup_fails",
                #"[{"bus":"0x9000","cpu":0,"size":4096},{"bus":0,"cpu":4096,"size":4096}]"#
            ),
            ("inbound_window_to_the_top", #"[{"bus":"0x8000000000000000","size":"0x8000000000000000"}]"#),
        ])
    func inboundWindowsOfAnUploadedPlatform(code: String, ranges: String) {
        let platform = #"{"devices":[{"id":"d","kind":"pci_host","dma_ranges":\#(ranges)}]}"#
        #expect(client.post("/v1/platforms?id=p", json: platform).status == 201)
        let answer = ask(
            #""platform":"p","device":"d","consumer":"dma_api","aperture_bits":64,"doorbells":[64]"#)
        #expect(codes(answer).contains(code), "\(answer.text)")
    }

    /// One path decides, so the level of explanation cannot matter.
    @Test func explainLevelsAgreeOnEveryMachineAndConsumer() {
        for (machine, _) in [(Self.virt, 0), (Self.juno, 1)] {
            for consumer in Consumer.allCases {
                for source in ["fixed", "candidates", "dynamic", "none"] {
                    let body =
                        "{\(machine),\"consumer\":\"\(consumer.rawValue)\",\"window_source\":\"\(source)\"}"
                    let answers = ["none", "summary", "full"].map { level -> NSDictionary in
                        var json = client.post("/v1/decisions?explain=\(level)", json: body).json
                        json["explanation"] = nil
                        return json as NSDictionary
                    }
                    #expect(answers[0] == answers[1] && answers[1] == answers[2])
                }
            }
        }
    }
}
