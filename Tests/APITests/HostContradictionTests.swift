// What a host says of itself twice and differently: pages and the kernel's name, a list and what its kernel
// reads of firmware, a device or a group named again. Each is a finding or a problem, and answers stay.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct HostContradictionTests {
    private let client = ServiceClient()

    private func stored(_ members: String) -> ServiceClient.Answer {
        let host = #"{"collected":{"format":1,"notes":[]\#(members)}}"#
        return client.ask(.put, "/v1/platforms/h", Array(host.utf8), type: "application/json")
    }

    private func details(_ answer: ServiceClient.Answer, _ code: String) -> [String] {
        answer.list("findings").filter { $0["code"] as? String == code }.map { $0["detail"] as? String ?? "" }
    }

    private static let group =
        #","groups":[{"id":"0","devices":["0000:01:00.0"],"reserved_regions":"0x8000000 0x80fffff msi\n"}]"#

    private func iova() -> String? {
        client.decide(
            #"{"platform":"h","device":"0000:01:00.0","consumer":"dma_api","doorbells":["0x8090040"]}"#
        ).list("doorbells").first?["iova"] as? String
    }

    @Test(arguments: [
        ("6.12.0-4k", "65536", "", "0x10000", "0xffff0040"),
        ("6.12.0-64k", "4096", "", "0x1000", "0xfffff040"),
        (
            "6.12.0-16k", "null", #","config":"CONFIG_ARM64_4K_PAGES=y\n""#, "CONFIG_ARM64_4K_PAGES=y",
            "0xfffff040"
        ),
    ])
    func pagesAndTheName(release: String, size: String, more: String, counted: String, iova: String) {
        let answer = stored(#","kernel_release":"\#(release)","page_size":\#(size)\#(more)\#(Self.group)"#)
        let found = details(answer, "host-options-contradict")
        #expect(
            found.count == 1 && found[0].contains(release) && found[0].contains(counted), "\(answer.text)")
        #expect(self.iova() == iova)
    }

    @Test(arguments: ["8192", "0", "1"]) func pagesOfNoKernel(size: String) {
        let answer = stored(#","kernel_release":"6.12.0","page_size":\#(size)\#(Self.group)"#)
        #expect(details(answer, "page-size-unknown").count == 1, "\(answer.text)")
        #expect(details(answer, "collected-from") == ["Linux 6.12.0 was running."], "\(answer.text)")
        #expect(iova() == "0xfffff040")
        // The next that tells counts.
        _ = stored(#","kernel_release":"6.12.0-64k","page_size":\#(size)\#(Self.group)"#)
        #expect(iova() == "0xffff0040")
    }

    /// A list without a region that its kernel reads.
    @Test(arguments: [
        ("6.1.0-9-arm64", false), ("6.12.118", true), ("6.18.15", true), ("5.14.0-570.el9", false),
    ])
    func listsThatLackARegion(release: String, isFound: Bool) {
        let window = "0x0000000008000000 0x00000000080fffff msi\n"
        let tree = SharedGroupHost.tree
        for list in [window, SharedGroupHost.list] {
            let body = SharedGroupHost.collected(
                #""device_tree":"\#(tree.hexDigits)""#, release: release, list: list)
            let answer = client.ask(.put, "/v1/platforms/h", Array(body.utf8), type: "application/json")
            let found = details(answer, "list-lacks-region")
            #expect(found.count == (isFound && list == window ? 1 : 0), "\(answer.text)")
            #expect(found.allSatisfy { $0.contains("0xfff00000...0xffffffff for 0000:00:01.1") }, "\(found)")
        }
    }

    @Test func devicesAndGroupsNamedAgain() {
        let group = #"{"id":"1","devices":["a","b","a"],"reserved_regions":""}"#
        let twice = stored(#","groups":[\#(group)]"#)
        #expect(details(twice, "device-named-twice").count == 1, "\(twice.text)")
        #expect(details(twice, "device-in-two-groups").isEmpty, "\(twice.text)")
        let other = group.replacing("a", with: "c").replacing("b", with: "d")
        let groups = stored(#","groups":[\#(group),\#(other)]"#)
        #expect(groups.status == 422 && groups.pointers == ["/collected/groups/1/id"], "\(groups.text)")
        let text = client.ask(
            .put, "/v1/platforms/t",
            Array("IOMMU Group 1:\n0000:00:01.0 a\n0000:00:01.0 a\nIOMMU Group 2:\n0000:00:01.0 a\n".utf8),
            type: "text/plain")
        #expect(details(text, "device-named-twice").count == 1, "\(text.text)")
        #expect(details(text, "device-in-two-groups").count == 1, "\(text.text)")
    }

    /// A list that has a device again is odd; another list of the same group, and files of one device, are
    /// not.
    @Test(arguments: [
        ("IOMMU Group 1:\n0000:00:01.0 a\n0000:00:02.0 a\n0000:00:01.0 a\n0000:00:01.0 a\n", 1),
        ("IOMMU Group 1 0000:00:01.0 a\nIOMMU Group 1 0000:00:01.0 a\n", 1),
        ("/sys/kernel/iommu_groups/1/devices:\n0000:00:01.0\n0000:00:01.0\n", 1),
        (
            "IOMMU Group 1:\n0000:00:01.0 a\nIOMMU Group 2:\n0000:00:02.0 a\nIOMMU Group 1:\n0000:00:01.0 a\n",
            0
        ),
        (
            "/sys/kernel/iommu_groups/1/devices/0000:00:01.0/class\n/sys/kernel/iommu_groups/1/devices/0000:00:01.0/irq\n",
            0
        ),
        ("IOMMU Group 1 0000:00:01.0 a\nIOMMU Group 2:\n0000:00:02.0 a\n0000:00:01.0 b\n", 0),
    ])
    func devicesNamedAgainInTexts(text: String, count: Int) {
        let answer = client.ask(.put, "/v1/platforms/t", Array(text.utf8), type: "text/plain")
        #expect(details(answer, "device-named-twice").count == count, "\(answer.text)")
    }

    /// The device itself, by either of its names, its own group, and a mate that is named again.
    @Test(arguments: [
        (#""group_mates":{"after":["0000:00:01.1"]}"#, ["/group_mates/after/0"]),
        (#""group_mates":{"before":["/pcie@40000000/dev@1,1"]}"#, ["/group_mates/before/0"]),
        (#""group_mates":{"before":["group:3"]}"#, ["/group_mates/before/0"]),
        (#""group_mates":{"before":["0000:00:01.0"],"after":["0000:00:01.0"]}"#, ["/group_mates/after/0"]),
        (#""attached":["0000:00:01.1"]"#, ["/attached/0"]),
        (#""attached":["0000:00:01.0"]"#, ["/attached/0"]),
        (#""attached":["/pcie@40000000/dev@1,1"]"#, ["/attached/0"]),
        (#""attached":["group:3"]"#, ["/attached/0"]),
        (#""group_mates":{"before":["0000:00:01.0"]}"#, []),
    ])
    func matesNamedAgain(members: String, pointers: [String]) {
        let body = SharedGroupHost.collectedTree(release: "6.18.15")
        _ = client.ask(.put, "/v1/platforms/h", Array(body.utf8), type: "application/json")
        let question =
            #"{"platform":"h","device":"0000:00:01.1","consumer":"vfio_type1",\#(members)}"#
        let answer = client.decide(question)
        #expect(answer.pointers == pointers, "\(answer.text)")
        #expect(answer.status == (pointers.isEmpty ? 200 : 422), "\(answer.text)")
        let codes = Set(answer.list("errors").compactMap { $0["code"] as? String })
        #expect(codes == (pointers.isEmpty ? [] : ["duplicate-id"]), "\(answer.text)")
    }

    private static let groups =
        #","kernel_release":"6.12.0","groups":["#
        + [("3", "1"), ("4", "2"), ("5", "3")].map { group, bus in
            #"{"id":"\#(group)","devices":["0000:0\#(bus):00.0","0000:0\#(bus):00.1"],"reserved_regions":""}"#
        }.joined(separator: ",") + "]"

    /// A group is attached once, under whichever of its devices, and joins another as its devices do.
    @Test(arguments: [
        (#""attached":["0000:01:00.1"]"#, ["/attached/0"]),
        (#""attached":["group:3"]"#, ["/attached/0"]),
        (#""attached":["group:4","0000:02:00.1"]"#, ["/attached/1"]),
        (
            #""attached":["0000:02:00.0","group:5","0000:02:00.1","0000:03:00.0"]"#,
            ["/attached/2", "/attached/3"]
        ),
        (#""attached":["0000:02:00.0","0000:03:00.0"]"#, []),
        (#""attached":["group:4","group:5"]"#, []),
        (#""group_mates":{"before":["group:4"],"after":["0000:02:00.0"]}"#, ["/group_mates/after/0"]),
        (#""group_mates":{"before":["0000:02:00.0"],"after":["group:4"]}"#, ["/group_mates/after/0"]),
        (#""group_mates":{"before":["0000:02:00.0"],"after":["0000:02:00.1"]}"#, []),
        (#""group_mates":{"before":["0000:02:00.0"]},"attached":["0000:02:00.0"]"#, ["/attached/0"]),
        (#""group_mates":{"before":["0000:02:00.0"]},"attached":["0000:03:00.0"]"#, []),
    ])
    func groupsNamedAgain(members: String, pointers: [String]) {
        let made = stored(Self.groups)
        #expect(made.status < 300, "\(made.text)")
        let answer = client.decide(
            #"{"platform":"h","device":"0000:01:00.0","consumer":"vfio_type1",\#(members)}"#)
        #expect(answer.pointers == pointers, "\(answer.text)")
        #expect(answer.status == (pointers.isEmpty ? 200 : 422), "\(answer.text)")
    }

    /// A node that is a bus and a device is two.
    @Test(arguments: [
        ("", "#platform", true), ("", "#pci_host", false), ("", "", false), ("#platform", "", true),
        ("#pci_host", "#platform", true), ("#platform", "#platform", false),
    ])
    func nodesThatAreTwo(subject: String, other: String, areTwo: Bool) {
        let tree = DeviceTreeBuilder.board { root in
            root.pciHost("pcie@40000000") { node in
                node.cells("reg", 0, 0x4000_0000, 0, 0x1000_0000)
                node.cells("iommus", 1, 5)
            }
        }
        let made = client.ask(.put, "/v1/platforms/t", tree, type: "application/vnd.devicetree.blob")
        #expect(made.json["devices"] as? Int == 2, "\(made.text)")
        let node = "/pcie@40000000"
        for member in [
            #""attached":["\#(node)\#(other)"]"#, #""group_mates":{"after":["\#(node)\#(other)"]}"#,
        ] {
            let answer = client.decide(
                #"{"platform":"t","device":"\#(node)\#(subject)","consumer":"vfio_type1",\#(member)}"#)
            #expect(answer.status == (areTwo ? 200 : 422), "\(answer.text)")
        }
    }

    /// The device that firmware reserves the region for, and not the one that the fault is of.
    @Test func faultsNameTheOwner() {
        let list = SharedGroupHost.list.replacing(
            "0x00000000fff00000 0x00000000ffffffff", with: "0x0000000008000000 0x00000000080fffff")
        let tree = DeviceTreeBuilder.board { root in
            root.reservedMemory { memory in
                memory.child("fw") { node in
                    node.cells("phandle", 9)
                    node.cells("iommu-addresses", 5, 0, 0x800_0000, 0, 0x10_0000)
                }
            }
            for place in [UInt32(1), 2] {
                root.child("dma@\(place)") { node in
                    node.cells("reg", 0, place, 0, 1)
                    node.cells("phandle", place == 1 ? 5 : 6)
                    node.cells("iommus", 1, place)
                    if place == 1 { node.cells("memory-region", 9) }
                }
            }
        }
        let groups =
            #""groups":[{"id":"3","devices":["1.dma","2.dma"],"reserved_regions":"\#(list.replacing("\n", with: "\\n"))"}]"#
        let body =
            #","kernel_release":"6.18.15","page_size":4096,"device_tree":"\#(tree.hexDigits)",\#(groups)"#
        let answer = stored(body)
        #expect(answer.status < 300, "\(answer.text)")
        for (stream, name) in [
            (1, " of 1.dma at "), (2, " of 1.dma, which is in the group of 2.dma, at "),
        ] {
            let log = [
                "event 0x10 received:", "\t0x0000000\(stream)00000010", "\t0x0000020000000000",
                "\t0x0000000008000040", "\t0x0000000000000000",
            ].map { "arm-smmu-v3 arm-smmu-v3.0.auto: \($0)" }.joined(separator: "\n")
            let fault = client.ask(
                .post, "/v1/fault-explanations?platform=h", Array(log.utf8), type: "text/plain")
            let found = fault.list("items").first ?? [:]
            #expect((found["because"] as? String)?.contains(name) == true, "\(fault.text)")
        }
    }
}
