// What `iovad collect` gathers, as a platform: firmware's description, and the kernel's own lists on top.

import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct CollectedTests {
    private let client = ServiceClient()

    private func upload(_ members: String) -> ServiceClient.Answer {
        client.ask(
            .put, "/v1/platforms/h", Array("{\"collected\":{\"format\":1\(members)}}".utf8),
            type: "application/json")
    }

    private func codes(_ answer: ServiceClient.Answer) -> [String] {
        answer.list("findings").map { $0["code"] as? String ?? "" }
    }

    private let window = "0x0000000008000000 0x00000000080fffff msi\\n"

    @Test func machineWithoutSMMU() {
        let answer = upload(
            """
            ,"kernel_release":"6.1.0","page_size":4096,"device_tree":null,"acpi":{"IORT":null,"APIC":null},\
            "iomem":"0-fff : Reserved\\n","groups":[],"notes":["no IOMMU groups: no IOMMU is driven here"]
            """)
        #expect(answer.status == 201, "\(answer.text)")
        #expect(answer.json["devices"] as? Int == 0)
        #expect(
            Set(codes(answer)).isSuperset(of: [
                "nothing-described", "no-iommu-groups", "collector-note", "collected-from",
            ]))
    }

    /// Tables of a host without a device tree: the DSDT's windows are its root complexes'.
    @Test func tablesOfAML() {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x905_0000)
        builder.rootComplex(segment: 0, [.init(0, 0xffff, 0, to: smmu)])
        let dsdt = ACPITableBuilder.table("DSDT", revision: 2, [])
        let ssdt = ACPITableBuilder.table("SSDT", revision: 2, [0x02])
        let acpi = { (more: String) in
            ",\"acpi\":{\"IORT\":\"\(builder.table().hexDigits)\",\"APIC\":null\(more)},\"groups\":[]"
        }
        // As older collectors wrote it.
        #expect(upload(acpi("")).status == 201)
        #expect(upload(acpi(#","DSDT":null,"SSDT":null"#)).status == 200)
        let answer = upload(
            acpi(",\"DSDT\":\"\(dsdt.hexDigits)\",\"SSDT\":[\"\(dsdt.hexDigits)\"]"))
        #expect(answer.status == 422 && answer.text.contains("DSDT"), "two DSDTs: \(answer.text)")
        let read = upload(
            acpi(",\"DSDT\":\"\(dsdt.hexDigits)\",\"SSDT\":[\"\(ssdt.hexDigits)\"]"))
        #expect(read.status == 200, "\(read.text)")
        #expect(codes(read).contains("aml-unreadable") && codes(read).contains("pci-windows-unknown"))
        #expect(upload(acpi(#","SSDT":["4g"]"#)).status == 422)
        // A table that is not there has no place in the list.
        #expect(upload(acpi(#","SSDT":[null]"#)).pointers == ["/collected/acpi/SSDT/0"])
    }

    /// EFI hands a tree over on machines that boot with ACPI too: one that describes nothing is not read.
    @Test func treesOfEFI() {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x905_0000)
        builder.rootComplex(segment: 0, [.init(0, 0xffff, 0, to: smmu)])
        let table = builder.table().hexDigits
        func source(_ tree: [UInt8], _ acpi: String) -> ServiceClient.Answer {
            upload(",\"device_tree\":\"\(tree.hexDigits)\"\(acpi),\"groups\":[]")
        }
        let acpi = ",\"acpi\":{\"IORT\":\"\(table)\",\"APIC\":null}"
        let bare = DeviceTreeBuilder.blob { root in
            root.child("chosen") { $0.strings("bootargs", "quiet") }
            root.child("hypervisor") { $0.strings("compatible", "xen,xen-4.19", "xen,xen") }
        }
        let read = source(bare, acpi)
        #expect(read.json["source"] as? String == "acpi" && codes(read).contains("device-tree-of-efi"))
        #expect(source(bare, "").json["source"] as? String == "device_tree")
        let other = DeviceTreeBuilder.blob { root in root.child("memory@0") { _ in } }
        #expect(source(other, acpi).json["source"] as? String == "device_tree")
        #expect(source(twoBridges(), acpi).json["source"] as? String == "device_tree")
    }

    /// Without privileges every file of every group may be noted.
    @Test func manyNotesAndNoNames() {
        let notes = (0..<600).map { "\"cannot read /sys/kernel/iommu_groups/\($0)/type: run as root\"" }
        let answer = upload(
            ",\"groups\":[{\"id\":\"0\",\"devices\":[\"\",\"x\"],\"reserved_regions\":null}],\"notes\":[\(notes.joined(separator: ","))]"
        )
        #expect(answer.status == 201 && answer.json["devices"] as? Int == 2, "\(answer.text)")
        #expect(codes(answer).contains("collector-note") && codes(answer).contains("more-findings"))
    }

    /// Two host bridges, of which one carries DMA from 2 GiB on only, and a device that is none of theirs.
    private func twoBridges() -> [UInt8] {
        DeviceTreeBuilder.board { root in
            for (name, isNarrow) in [("pcie@4000", false), ("pcie@5000", true)] {
                root.pciHost(name) { node in
                    node.cells("reg", 0, isNarrow ? 0x5000 : 0x4000, 0, 0x1000)
                    guard isNarrow else { return }
                    node.cells("dma-ranges", 0x0200_0000, 0, 0x8000_0000, 0, 0x8000_0000, 0, 0x8000_0000)
                }
            }
            root.child("usb@6000") { node in
                node.strings("compatible", "test,usb")
                node.cells("reg", 0, 0x6000, 0, 0x1000)
                node.cells("iommus", 1, 7)
            }
        }
    }

    /// Where sysfs has a function tells which bridge it is behind; without that, two bridges leave it open.
    @Test func placesTellBridgesApart() throws {
        let place = "../../../../devices/platform"
        func group(_ id: Int, _ device: String, _ path: String?) -> String {
            #"{"id":"\#(id)","devices":["\#(device)"],"#
                + (path.map { #""paths":["\#($0)"],"# } ?? "") + #""reserved_regions":"\#(window)"}"#
        }
        let groups = [
            group(1, "0000:01:00.0", "\(place)/4000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0"),
            group(2, "0001:01:00.0", "\(place)/5000.pcie/pci0001:00/0001:00:00.0/0001:01:00.0"),
            group(3, "0002:01:00.0", nil), group(4, "6000.usb", "\(place)/6000.usb"),
        ]
        let answer = upload(
            #","device_tree":"\#(twoBridges().hexDigits)","groups":[\#(groups.joined(separator: ","))]"#)
        #expect(answer.status == 201, "\(answer.text)")
        func gaps(_ device: String) -> Int {
            client.get("/v1/platforms/h/reserved-regions?device=\(device)").list("items")
                .filter { $0["kind"] as? String == "dma_ranges_gap" }.count
        }
        #expect(gaps("0000:01:00.0") == 0 && gaps("0001:01:00.0") > 0 && gaps("0002:01:00.0") == 0)
        let kinds = ["0000:01:00.0", "0001:01:00.0", "0002:01:00.0", "6000.usb"].map {
            client.get("/v1/platforms/h/devices/\($0)").json["kind"] as? String
        }
        #expect(kinds == ["pci_function", "pci_function", "pci_function", "platform"])
        let wrong = upload(#","groups":[{"id":"1","devices":["a","b"],"paths":[null]}]"#)
        #expect(wrong.status == 422 && wrong.pointers == ["/collected/groups/0/paths"])
    }

    @Test func groupsOverTables() {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let smmu = builder.smmuV3(base: 0x905_0000, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 0, limit: 40, [.init(0, 0xffff, 0, to: smmu)])
        let answer = upload(
            """
            ,"acpi":{"IORT":"\(builder.table().hexDigits)","APIC":"\(ACPITableBuilder.madt(its: [(0, 0x808_0000)]).hexDigits)"},\
            "iomem":"10000000-3efeffff : PCI Bus 0000:00\\n","groups":[{"id":"4","type":"DMA",\
            "devices":["0000:00:10.0","serial8250"],"reserved_regions":"\(window)"},{"id":"5","devices":[],\
            "reserved_regions":null}]
            """)
        #expect(answer.status == 201, "\(answer.text)")
        #expect(answer.json["source"] as? String == "acpi" && answer.json["devices"] as? Int == 5)
        // The function has the bridge's windows and limit, and the kernel's list.
        let function = client.get("/v1/platforms/h/devices/0000:00:10.0").json
        #expect(
            function["dma_limit"] as? String == "0xffffffffff"
                && function["kind"] as? String == "pci_function")
        #expect(function["doorbells"] as? [String] == ["0x8090040"])
        for device in ["0000:00:10.0", "group:4", "serial8250"] {
            let view = client.get("/v1/platforms/h/reserved-regions?device=\(device)&view=sysfs").json
            #expect(view["text"] as? String == "0x0000000008000000 0x00000000080fffff msi\n", "\(device)")
        }
        // A list that was not collected is not an empty one.
        let unknown = client.get("/v1/platforms/h/reserved-regions?device=group:5&view=sysfs").json
        #expect(unknown["text"] as? String == "0x0000000008000000 0x00000000080fffff msi\n")
        #expect(codes(answer).filter { $0 == "reserved-regions-unknown" }.count == 1)
        let dma = client.get("/v1/platforms/h/reserved-regions?device=0000:00:10.0").list("items")
        #expect(dma.contains { $0["kind"] as? String == "pci_window" })
    }

    /// The kernel's lines bring the ITS's address and the windows that tables and an unprivileged iomem lack.
    @Test func logBesideTables() throws {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let smmu = builder.smmuV3(base: 0x905_0000, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 2, limit: 40, [.init(0, 0xffff, 0, to: smmu)])
        let log = [
            "ITS [mem 0x08080000-0x0809ffff]", "PCI host bridge to bus 0002:00",
            "pci_bus 0002:00: root bus resource [mem 0x08000000-0x0fffffff window]",
            "pci 0002:01:00.0: Adding to iommu group 3",
        ]
        let rest =
            ",\"acpi\":{\"IORT\":\"\(builder.table().hexDigits)\"},\"groups\":[{\"id\":\"3\","
            + "\"devices\":[\"0002:01:00.0\"],\"reserved_regions\":\"\(window)\"}]"
        let answer = upload(rest + ",\"dmesg\":\"\(log.joined(separator: "\\n"))\\n\"")
        #expect(answer.status == 201, "\(answer.text)")
        let function = client.get("/v1/platforms/h/devices/0002:01:00.0").json
        #expect(function["doorbells"] as? [String] == ["0x8090040"], "\(function)")
        let decision = client.decide(#"{"platform":"h","device":"0002:01:00.0","consumer":"vfio_type1"}"#)
        #expect(decision.json["reachability"] as? String == "conditional", "\(decision.text)")
        // Collections of before have no log.
        for old in [rest, rest + ",\"dmesg\":null"] { #expect(upload(old).status == 200) }
    }

    @Test func groupsOverATree() {
        let blob = DeviceTreeBuilder.board(smmuBase: 0x905_0000) { root in
            root.pciHost("pcie@10000000") { node in
                node.cells("ranges", 0x0200_0000, 0, 0x1000_0000, 0, 0x1000_0000, 0, 0x2eff_0000)
            }
        }
        let answer = upload(
            ",\"device_tree\":\"\(blob.hexDigits)\","
                + "\"groups\":[{\"id\":\"0\",\"devices\":[\"0000:00:01.0\"],\"reserved_regions\":\"\(window)\"}]"
        )
        #expect(answer.status == 201 && answer.json["source"] as? String == "device_tree", "\(answer.text)")
        let function = client.get("/v1/platforms/h/devices/0000:00:01.0").json
        #expect(function["host_bridge"] as? String == "/pcie@10000000")
        let windows = client.get("/v1/platforms/h/reserved-regions?device=0000:00:01.0").list("items")
        #expect(
            windows.contains {
                $0["start"] as? String == "0x10000000" && $0["kind"] as? String == "pci_window"
            })
    }

    /// The same line in every group is doubted once: a host's other findings have room.
    @Test func doubtsAreToldOnce() {
        let groups = (0..<300).map { "{\"id\":\"\($0)\",\"devices\":[],\"reserved_regions\":\"\(window)\"}" }
        let answer = upload(",\"groups\":[\(groups.joined(separator: ","))]")
        #expect(answer.status == 201, "\(answer.text)")
        #expect(
            codes(answer).filter { $0 == "msi-ambiguous" }.count == 1
                && !codes(answer).contains("more-findings"))
    }

    /// Where firmware describes an SMMU, its driver's window is known for what it is; other regions are not.
    @Test func windowsOfSMMUsAreNotDoubted() {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x905_0000)
        builder.rootComplex(segment: 0, [.init(0, 0xffff, 0, to: smmu)])
        let tables = ",\"acpi\":{\"IORT\":\"\(builder.table().hexDigits)\",\"APIC\":null}"
        let other = "0x00000000a0000000 0x00000000a00fffff msi\\n"
        for (text, count) in [(window, 0), (other, 1)] {
            let answer = upload(
                "\(tables),\"groups\":[{\"id\":\"1\",\"devices\":[],\"reserved_regions\":\"\(text)\"}]")
            #expect(codes(answer).filter { $0 == "msi-ambiguous" }.count == count, "\(answer.text)")
        }
    }

    /// A device is in one group; lists that repeat names cost no more than their length.
    @Test(.timeLimit(.minutes(10))) func devicesInTwoGroups() {
        let answer = upload(
            """
            ,"groups":[{"id":"1","devices":["a","b"],"reserved_regions":"\(window)"},\
            {"id":"2","devices":["a","c","c"],"reserved_regions":"0x0 0xfff reserved\\n"}]
            """)
        #expect(answer.status == 201 && answer.json["devices"] as? Int == 5, "\(answer.text)")
        #expect(codes(answer).filter { $0 == "device-in-two-groups" }.count == 1)
        #expect(codes(answer).filter { $0 == "device-named-twice" }.count == 1)
        let view = client.get("/v1/platforms/h/reserved-regions?device=a&view=sysfs").json
        #expect(view["text"] as? String == "0x0000000008000000 0x00000000080fffff msi\n")
        let names = (0..<4_000).map { "\"n\($0)\"" }.joined(separator: ",")
        let groups = (0..<40).map { "{\"id\":\"\($0)\",\"devices\":[\(names)],\"reserved_regions\":\"\"}" }
        let many = upload(",\"groups\":[\(groups.joined(separator: ","))]")
        #expect(many.status == 200 && many.json["devices"] as? Int == 4_040, "\(many.text.prefix(500))")
    }

    /// Where the kernel's list is missing, each function has firmware's memory ranges; not without end.
    @Test func firmwareRegionsOfManyFunctions() {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let smmu = builder.smmuV3(base: 0x905_0000, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 0, limit: 40, [.init(0, 0xffff, 0, to: smmu)])
        builder.memoryRanges(
            (0..<500).map { (0x1_0000_0000 + $0 * 0x1_0000, 0x1_0000) }, [.init(0, 0xffff, 0, to: smmu)])
        let table = builder.table().hexDigits
        for (list, status) in [("\"\"", 201), ("null", 422)] {
            let groups = (0..<200).map {
                "{\"id\":\"\($0)\",\"devices\":[\"0000:\(10 + $0 / 8 % 90):00.\($0 % 8)\"],\"reserved_regions\":\(list)}"
            }
            let answer = upload(
                ",\"acpi\":{\"IORT\":\"\(table)\"},\"groups\":[\(groups.joined(separator: ","))]")
            #expect(answer.status == status, "\(list): \(answer.text.prefix(300))")
        }
    }

    @Test func moreDevicesThanAPlatformMayHave() {
        let groups = (0..<3_000).map {
            "{\"id\":\"\($0)\",\"devices\":[\"n\($0)\"],\"reserved_regions\":\"\"}"
        }
        let answer = upload(",\"groups\":[\(groups.joined(separator: ","))]")
        #expect(answer.status == 422 && answer.json["code"] as? String == "unreadable-input")
        #expect(answer.text.contains("each group counts as one"), "\(answer.text)")
    }

    @Test func refusals() {
        #expect(upload(",\"device_tree\":\"d0\"").json["code"] as? String == "unreadable-device-tree")
        #expect(upload(",\"acpi\":{\"IORT\":\"00\"}").json["code"] as? String == "unreadable-iort")
        #expect(
            upload(",\"iomem\":\"x\",\"acpi\":{\"IORT\":\"\(IORTBuilder().table().hexDigits)\"}").json["code"]
                as? String == "unreadable-input")
        let text = upload(",\"groups\":[{\"id\":\"1\",\"reserved_regions\":\"nonsense\\n\"}]")
        #expect(text.json["code"] as? String == "unreadable-input" && text.text.contains("groups/1"))
        let wrong = upload(
            ",\"device_tree\":\"abc\",\"acpi\":{\"IORT\":\"0g\",\"GTDT\":\"\"},\"groups\":[{\"id\":\"x\"},{}],\"more\":1"
        )
        #expect(
            Set(wrong.pointers) == [
                "/collected/device_tree", "/collected/acpi/IORT", "/collected/acpi/GTDT",
                "/collected/groups/0/id",
                "/collected/groups/1/id", "/collected/more",
            ], "\(wrong.text)")
        let format = client.post("/v1/platforms", json: "{\"collected\":{\"format\":2}}")
        #expect(format.pointers == ["/collected/format"])
    }
}
