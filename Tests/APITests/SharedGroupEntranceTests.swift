// A host that sends both its firmware and its groups: the kernel's list of a group is of all its devices, and
// firmware says whose an entry is. Every entrance joins the two: the DMA domain has the reservations of the
// group's first device, and user space gets all of them.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct SharedGroupEntranceTests {
    private let client = ServiceClient()
    private static let doorbell = "0x8090040"
    private static let top = "0xfffff040"
    private static let below = "0xffeff040"

    private func store(_ body: String, as id: String = "h") {
        let answer = client.ask(.put, "/v1/platforms/\(id)", Array(body.utf8), type: "application/json")
        #expect(answer.status < 300, "\(answer.text)")
    }

    private func decided(_ device: String, _ members: String = "", on platform: String = "h")
        -> ServiceClient.Answer
    {
        client.decide(
            #"{"platform":"\#(platform)","device":"\#(device)","consumer":"dma_api"\#(members)}"#)
    }

    private func iova(_ answer: ServiceClient.Answer) -> String? {
        answer.list("doorbells").first?["iova"] as? String
    }

    private func codes(_ answer: ServiceClient.Answer) -> [String] {
        answer.list("warnings").compactMap { $0["code"] as? String }
    }

    private func detail(_ answer: ServiceClient.Answer, _ code: String) -> String {
        answer.list("warnings").first { $0["code"] as? String == code }?["detail"] as? String ?? ""
    }

    // MARK: Decisions

    /// The same as with mates that are typed.
    @Test func busOrder() {
        store(SharedGroupHost.collectedTree(release: "6.18.15"))
        let tree = client.ask(
            .put, "/v1/platforms/t", SharedGroupHost.tree, type: "application/vnd.devicetree.blob")
        #expect(tree.status == 201)
        let mates = [
            #""after":["\#(SharedGroupHost.nodes[1])"]"#, #""before":["\#(SharedGroupHost.nodes[0])"]"#,
        ]
        for (place, function) in SharedGroupHost.functions.enumerated() {
            let joined = decided(function)
            let typed = decided(
                SharedGroupHost.nodes[place], #","kernel":"6.18.15","group_mates":{\#(mates[place])}"#,
                on: "t")
            for answer in [joined, typed] {
                #expect(iova(answer) == Self.top, "\(function): \(answer.text)")
                #expect(answer.json["reachable"] as? Bool == false, "\(answer.text)")
            }
            #expect(codes(joined) == codes(typed), "\(joined.text) \(typed.text)")
            #expect(codes(joined).contains("group_mate_reservations"), "\(joined.text)")
        }
        // The node is the same device, and so is the group its first one.
        #expect(iova(decided(SharedGroupHost.nodes[1])) == Self.top)
        #expect(iova(decided("group:3")) == Self.top)
        // A request says otherwise.
        #expect(iova(decided("0000:00:01.1", #","group_mates":{}"#)) == Self.below)
        #expect(
            iova(decided("0000:00:01.0", #","group_mates":{"before":["0000:00:01.1"]}"#)) == Self.below)
    }

    /// Whichever driver binds first: both addresses.
    @Test func bindOrder() {
        store(SharedGroupHost.collectedTree(release: "6.12.118"))
        for function in SharedGroupHost.functions {
            let answer = decided(function)
            let told = detail(answer, "group_order")
            #expect(told.contains("with 0000:00:01.0 first, MSIs go to \(Self.top)"), "\(answer.text)")
            #expect(told.contains("with 0000:00:01.1 first, MSIs go to \(Self.below)"), "\(answer.text)")
        }
    }

    /// ACPI finds devices in bus order on every kernel.
    @Test(arguments: ["6.12.118", "6.18.15"]) func memoryRangesOfTables(release: String) {
        store(SharedGroupHost.collectedTables(release: release))
        for function in SharedGroupHost.functions {
            let answer = decided(function)
            #expect(iova(answer) == Self.top && !codes(answer).contains("group_order"), "\(answer.text)")
        }
        let first = client.get("/v1/platforms/h/reserved-regions?device=0000:00:01.0").list("items")
        #expect(!first.contains { $0["start"] as? String == "0xfff00000" }, "\(first)")
        // One device of the group is refused with all of it.
        let refused = client.decide(
            #"{"platform":"h","device":"0000:00:01.0","consumer":"vfio_type1"}"#)
        #expect(refused.json["outcome"] as? String == "refused", "\(refused.text)")
    }

    /// A kernel that does not look at a region does not list it; firmware withholds the place all the same.
    @Test func regionsThatNobodyLists() throws {
        let list = "0x0000000008000000 0x00000000080fffff msi\n"
        store(
            SharedGroupHost.collected(
                #""device_tree":"\#(SharedGroupHost.tree.hexDigits)""#, release: "6.1.0-9-arm64", list: list))
        let second = SharedGroupHost.functions[1]
        let answer = decided(second)
        #expect(iova(answer) == Self.top && answer.json["reachable"] as? Bool == false, "\(answer.text)")
        #expect(codes(decided(SharedGroupHost.functions[0])).contains("group_mate_reservations"))
        let view = client.get("/v1/platforms/h/reserved-regions?device=\(second)").list("items")
        let item = try #require(view.first { $0["start"] as? String == "0xfff00000" })
        #expect(item["advertised"] as? Bool == false, "\(item)")
        #expect((item["provenance"] as? String)?.contains("the kernel's list of the group") == true)
        let windows = client.get("/v1/platforms/h/available-windows?device=\(second)&below=0x100000000")
        #expect(windows.object("picks")["highest"] as? String == "0xffe00000", "\(windows.text)")
    }

    @Test func comparisons() {
        store(SharedGroupHost.collectedTree(release: "6.18.15"))
        let answer = client.post(
            "/v1/comparisons",
            json:
                #"{"platform":"h","device":"0000:00:01.1","policies":["dma_iommu"],"kernels":["6.12","6.18"]}"#
        )
        let items = answer.list("items")
        let addresses = items.map { ($0["doorbells"] as? [[String: Any]])?.first?["iova"] as? String }
        #expect(addresses == [Self.top, Self.top], "\(answer.text)")
        let warned = items.map { item in
            (item["warnings"] as? [[String: Any]] ?? []).contains { $0["code"] as? String == "group_order" }
        }
        #expect(warned == [true, false], "\(answer.text)")
    }

    // MARK: Views, placements, surveys

    @Test func views() {
        store(SharedGroupHost.collectedTree(release: "6.18.15"))
        for (place, function) in SharedGroupHost.functions.enumerated() {
            let view = "/v1/platforms/h/reserved-regions?device=\(function)"
            func hasRegion(_ items: [[String: Any]]) -> Bool {
                items.contains { $0["start"] as? String == "0xfff00000" }
            }
            #expect(hasRegion(client.get(view).list("items")) == (place == 1), "\(function)")
            #expect(
                client.get(view + "&view=sysfs").json["text"] as? String == SharedGroupHost.list)
            // User space gets the group whole.
            let vfio = client.get(view + "&view=vfio").list("items")
            #expect(vfio.contains { $0["last"] as? String == "0xffefffff" }, "\(function): \(vfio)")
            let windows = client.get(
                "/v1/platforms/h/available-windows?device=\(function)&below=0x100000000")
            #expect(windows.object("picks")["highest"] as? String == "0xffe00000", "\(windows.text)")
            let device = client.get("/v1/platforms/h/devices/\(function)").json
            #expect(device["group"] as? String == "group:3", "\(device)")
            let placed = client.post(
                "/v1/placements",
                json: #"{"hosts":[{"platform":"h","devices":["\#(function)"]}],"vm":{"memory_map":[]},"#
                    + #""window":{"requested":"0xfff00000"}}"#)
            #expect(placed.object("requested")["works"] as? Bool == false, "\(placed.text)")
            let mapped = client.decide(
                #"{"platform":"h","device":"\#(function)","consumer":"vfio_type1","mappings":[],"#
                    + #""map_checks":[{"iova":"0xfff00000","size":"0x1000"}]}"#)
            #expect(
                mapped.list("map_checks").first?["allowed"] as? Bool == false, "\(mapped.text)")
        }
        let node = client.get("/v1/platforms/h/devices/%2Fpcie@40000000%2Fdev@1,1").json
        #expect(node["sysfs_name"] as? String == "0000:00:01.1", "\(node)")
    }

    /// Neither the group nor the node is another device.
    @Test func surveysCountEachDeviceOnce() throws {
        store(SharedGroupHost.collectedTree(release: "6.18.15"))
        let answer = client.ask(
            .post, "/v1/surveys", Array(#"{"platforms":["h"]}"#.utf8), type: "application/json",
            headers: [.init("Accept", "application/x-ndjson")]
        ).drained().answer
        let rows = try answer.text.split(separator: "\n").map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
        }
        #expect(
            rows.compactMap { $0["device"] as? String } == ["/pcie@40000000"] + SharedGroupHost.functions,
            "\(answer.text)")
        let cells = rows.dropLast().compactMap {
            ($0["policies"] as? [String: [String: Any]])?["highest_below_4g"]
        }
        #expect(cells.map { $0["base"] as? String } == ["0xfff00000", "0xffe00000", "0xffe00000"])
        // A group without known members stands for itself.
        store(
            #"{"collected":{"format":1,"groups":[{"id":"1","devices":[],"reserved_regions":""},"#
                + #"{"id":"2","devices":["0000:00:01.0"],"reserved_regions":""}],"notes":[]}}"#)
        let counted = client.post("/v1/surveys", json: #"{"platforms":["h"],"active_only":false}"#)
        #expect(counted.json["devices"] as? Int == 2, "\(counted.text)")
    }

    // MARK: Sessions, faults, traces

    @Test(arguments: [("6.18.15", top), ("6.12.118", below)])
    func sessions(release: String, second: String) {
        store(SharedGroupHost.collectedTree(release: release))
        for (function, expected) in zip(SharedGroupHost.functions, [Self.top, second]) {
            let path = client.post("/v1/sessions", json: "{}").response.headers["Location"] ?? ""
            let device = #"{"platform":"h","device":"\#(function)"}"#
            let made = client.post(path + "/domains", json: #"{"id":"d","devices":[\#(device)]}"#)
            #expect(made.status == 201, "\(made.text)")
            let mapped = client.post(
                path + "/domains/d/doorbells",
                json: #"{"physical":"\#(Self.doorbell)","device":"\#(function)"}"#)
            #expect(mapped.json["iova"] as? String == expected, "\(function): \(mapped.text)")
            let user = client.post(
                path + "/domains", json: #"{"id":"v","consumer":"vfio_type1"}"#)
            #expect(user.status == 201, "\(user.text)")
            #expect(client.ask(.delete, path + "/domains/d").status == 204)
            #expect(client.post(path + "/domains/v/devices", json: device).status == 201)
            let refused = client.post(
                path + "/domains/v/iovas", json: #"{"iova":"0xfff00000","size":"0x1000"}"#)
            #expect(refused.json["code"] as? String == "reserved-region-overlap", "\(refused.text)")
            // All of it goes out and comes in again.
            let group = #"{"platform":"h","device":"group:3"}"#
            let again = client.post(path + "/domains/v/devices", json: group)
            #expect(again.status == 201, "\(again.text)")
            let state = client.get(path + "/state").text
            #expect(client.ask(.delete, path).status == 204)
            #expect(client.post("/v1/sessions", json: state).status == 201, "\(state)")
            #expect(client.get(path + "/state").text == state)
        }
    }

    /// An access to the page of the second function's doorbell.
    @Test func faultsAndTraces() {
        store(SharedGroupHost.collectedTree(release: "6.18.15"))
        let log = [
            "event 0x10 received:", "\t0x0000000900000010", "\t0x0000020000000000", "\t0x00000000fffff040",
            "\t0x0000000000000000",
        ].map { "arm-smmu-v3 arm-smmu-v3.0.auto: \($0)" }.joined(separator: "\n")
        let fault = client.ask(
            .post, "/v1/fault-explanations?platform=h", Array(log.utf8), type: "text/plain")
        let found = fault.list("items").first ?? fault.list("faults").first ?? [:]
        #expect(found["doorbell"] as? String == Self.doorbell, "\(fault.text)")
        #expect(found["devices"] as? [String] == ["0000:00:01.1"], "\(fault.text)")
        let trace = "  k-1 [000] d..1. 1.0: map: IOMMU: iova=0xfffff000 paddr=0x8090000 size=4096\n"
        let replayed = client.ask(
            .post, "/v1/replays?platform=h&device=0000:00:01.1", Array(trace.utf8), type: "text/plain")
        let domain = replayed.list("domains").first?["doorbells"] as? [[String: Any]]
        #expect(domain?.first?["expected"] as? String == "0xfffff000", "\(replayed.text)")
    }

    /// Nor where a log says who is in the groups of a list.
    @Test func surveysOfListsWithALog() {
        let list = "==> /sys/kernel/iommu_groups/3/reserved_regions <==\n" + SharedGroupHost.list
        let log =
            "PCI host bridge to bus 0000:00\n"
            + SharedGroupHost.functions.map { "pci \($0): Adding to iommu group 3\n" }.joined()
        let stored = upload([
            ("groups", "text/plain", Array(list.utf8)), ("dmesg", "text/plain", Array(log.utf8)),
        ])
        #expect(stored.status < 300 && stored.json["devices"] as? Int == 3, "\(stored.text)")
        let survey = client.post("/v1/surveys", json: #"{"platforms":["h"]}"#)
        #expect(survey.json["devices"] as? Int == 2, "\(survey.text)")
    }

    /// What names the groups of functions beside firmware: a boot log, lspci, or a collection that has no
    /// list. The members are mates, and the node's reservation is the function's, whatever names them.
    @Test(arguments: ["dmesg", "lspci", "collection"], ["tree", "tables"])
    func membersWithoutAList(source: String, firmware: String) {
        let log = SharedGroupHost.functions.map { "pci \($0): Adding to iommu group 3\n" }.joined()
        let listing = SharedGroupHost.functions.map {
            "\($0) Ethernet controller: Example Adapter\n\tIOMMU group: 3\n\n"
        }.joined()
        let members = SharedGroupHost.functions.map { "\"\($0)\"" }.joined(separator: ",")
        let bare =
            #"{"collected":{"format":1,"groups":[{"id":"3","devices":[\#(members)],"reserved_regions":null}],"#
            + #""notes":[]}}"#
        let (iort, madt) = SharedGroupHost.tables
        let described: [(name: String, type: String, bytes: [UInt8])] =
            firmware == "tree"
            ? [("tree", "application/vnd.devicetree.blob", SharedGroupHost.tree)]
            : [("iort", "application/octet-stream", iort), ("apic", "application/octet-stream", madt)]
        let named: (name: String, type: String, bytes: [UInt8]) =
            switch source {
            case "dmesg": ("dmesg", "text/plain", Array(log.utf8))
            case "lspci": ("lspci", "text/plain", Array(listing.utf8))
            default: ("c", "application/json", Array(bare.utf8))
            }
        let stored = client.ask(
            .put, "/v1/platforms/h?preserve_config=true", form(described + [named]),
            type: "multipart/form-data; boundary=B")
        #expect(stored.status < 300, "\(stored.text)")
        // Whoever names them, firmware's devices are found, and no source contradicts another.
        let told = Set(stored.list("findings").compactMap { $0["code"] as? String })
        #expect(
            told.isDisjoint(with: ["firmware-unknown", "log-groups-differ", "listing-groups-differ"]),
            "\(stored.text)")
        for function in SharedGroupHost.functions {
            let answer = decided(function, #","kernel":"6.18.15""#)
            #expect(iova(answer) == Self.top, "\(function): \(answer.text)")
            #expect(answer.json["reachable"] as? Bool == false, "\(function): \(answer.text)")
            let user = client.decide(
                #"{"platform":"h","device":"\#(function)","consumer":"vfio_type1","kernel":"6.18.15"}"#)
            let outcome = user.json["outcome"] as? String
            #expect(outcome == (firmware == "tree" ? "window" : "refused"), "\(function): \(user.text)")
            let vfio = client.get("/v1/platforms/h/reserved-regions?device=\(function)&view=vfio")
            #expect(
                vfio.list("items").contains { $0["last"] as? String == "0xffefffff" },
                "\(function): \(vfio.text)")
        }
        #expect(client.get("/v1/platforms/h/devices/group:3").status == 200)
        #expect(iova(decided("group:3", #","kernel":"6.18.15""#)) == Self.top)
        if firmware == "tree" {
            let node = client.get("/v1/platforms/h/devices/%2Fpcie@40000000%2Fdev@1,1").json
            #expect(node["sysfs_name"] as? String == "0000:00:01.1", "\(node)")
        }
        let survey = client.post("/v1/surveys", json: #"{"platforms":["h"]}"#)
        #expect(survey.json["devices"] as? Int == 3, "\(survey.text)")
    }

    // MARK: Parts

    private func upload(_ parts: [(name: String, type: String, bytes: [UInt8])]) -> ServiceClient.Answer {
        client.ask(.put, "/v1/platforms/h", form(parts), type: "multipart/form-data; boundary=B")
    }

    /// The tree or the tables in one part, and the groups in another: a collection without a description, or
    /// what the shell prints.
    @Test func partsOfOneMachine() {
        let bare = SharedGroupHost.collected(
            #""device_tree":null,"acpi":null,"iomem":"10000000-2fffffff : PCI Bus 0000:00\n""#,
            release: "6.18.15")
        let direct = bare.replacing("reserved\\n", with: "direct\\n")
        let (iort, madt) = SharedGroupHost.tables
        let folder = "/sys/kernel/iommu_groups/3"
        let text =
            SharedGroupHost.functions.map { "\(folder)/devices/\($0)\n" }.joined()
            + "==> \(folder)/reserved_regions <==\n" + SharedGroupHost.list
        let tree = ("tree", "application/vnd.devicetree.blob", SharedGroupHost.tree)
        for (parts, source) in [
            ([tree, ("c", "application/json", Array(bare.utf8))], "device_tree"),
            ([("c", "application/json", Array(bare.utf8)), tree], "device_tree"),
            (
                [
                    ("iort", "application/octet-stream", iort), ("apic", "application/octet-stream", madt),
                    ("c", "application/json", Array(direct.utf8)),
                ], "acpi"
            ),
            ([tree, ("groups", "text/plain", Array(text.utf8))], "device_tree"),
        ] {
            let stored = upload(parts)
            #expect(stored.status < 300 && stored.json["source"] as? String == source, "\(stored.text)")
            #expect(!stored.text.contains("nothing-described"), "\(stored.text)")
            for function in SharedGroupHost.functions {
                let answer = decided(function, #","kernel":"6.18.15""#)
                #expect(iova(answer) == Self.top, "\(source) \(function): \(answer.text)")
            }
            if source == "acpi" {
                let items = client.get("/v1/platforms/h/reserved-regions?device=0000:00:01.0").list("items")
                #expect(items.contains { $0["kind"] as? String == "pci_window" }, "\(items)")
            }
        }
        let twice = upload([
            tree, ("c", "application/json", Array(bare.utf8)), ("d", "application/json", Array(bare.utf8)),
        ])
        #expect(twice.status == 422 && twice.text.contains("describe the same thing"), "\(twice.text)")
    }
}
