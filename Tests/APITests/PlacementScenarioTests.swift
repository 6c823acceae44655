// The worked scenarios of the placement specification, through the API, with exact values.

import Foundation
import TestSupport
import Testing

@Suite struct PlacementScenarioTests {
    let client = ServiceClient()

    /// The software window, as sysfs lists it.
    static let plainLine = #"{"start":"0x8000000","size":"0x100000","type":"msi"}"#

    private func host(_ name: String, _ regions: [String] = [], bits: Int = 48) -> String {
        let lines = ([Self.plainLine] + regions).joined(separator: ",")
        return #"{"name":"\#(name)","reserved_regions":[\#(lines)],"aperture_bits":\#(bits)}"#
    }

    private func reserved(_ start: String, _ last: String, _ type: String = "reserved") -> String {
        #"{"start":"\#(start)","last":"\#(last)","type":"\#(type)"}"#
    }

    private func place(_ hosts: [String], _ vm: String, _ rest: String = "") -> ServiceClient.Answer {
        let body = #"{"hosts":[\#(hosts.joined(separator: ","))],"vm":{\#(vm)}\#(rest)}"#
        let answer = client.post("/v1/placements", json: body)
        #expect(answer.status == 200, "\(answer.text)")
        return answer
    }

    /// "nearest / lowest / highest below 4 GiB"
    private func picks(_ answer: ServiceClient.Answer) -> String {
        let picks = answer.object("picks")
        return ["nearest_default", "lowest", "highest_below_4g"].map { picks[$0] as? String ?? "null" }
            .joined(separator: " / ")
    }

    /// What lies below 4 GiB, which is what the specification lists; a range may go on above.
    private func low(_ answer: ServiceClient.Answer, _ key: String = "candidates") -> [String] {
        answer.list(key).compactMap { range in
            let (start, last) = (range["start"] as! String, range["last"] as! String)
            guard number(start) < 1 << 32 else { return nil }
            return "\(start)-\(number(last) < 1 << 32 ? last : "0xffffffff")"
        }
    }

    private func number(_ text: some StringProtocol) -> UInt64 { UInt64(text.dropFirst(2), radix: 16)! }

    private func warnings(_ answer: ServiceClient.Answer) -> [String: String] {
        Dictionary(
            answer.list("warnings").map { ($0["code"] as! String, $0["severity"] as! String) },
            uniquingKeysWith: { first, _ in first })
    }

    private static let qemu64 = #""vmm":"qemu-virt","ram":"0x1000000000""#

    @Test func scenario1PlainHost() {
        let answer = place([host("plain")], Self.qemu64)
        #expect(answer.json["verdict"] as? String == "default_works")
        #expect(picks(answer) == "0x8000000 / 0x100000 / 0x3ff00000")
        #expect(
            low(answer) == [
                "0x100000-0x8ffffff", "0x9100000-0xbffffff", "0xe000000-0xfffffff", "0x3f000000-0x3fffffff",
            ])
    }

    @Test func scenario2FirmwareReservesTheDefault() {
        let answer = place([host("h", [reserved("0x8000000", "0x80fffff")])], Self.qemu64)
        #expect(answer.json["verdict"] as? String == "movable")
        #expect(answer.object("default")["works"] as? Bool == false)
        let blockers = answer.object("default")["blockers"] as! [[String: Any]]
        #expect(blockers.count == 1 && blockers[0]["host"] as? String == "h")
        #expect(picks(answer) == "0x8100000 / 0x100000 / 0x3ff00000")
        #expect(answer.object("iommufd_options")["sw_msi_start"] as? String == "0x8100000")
        #expect(answer.object("iommufd_options")["sw_msi_size_mib"] as? Int == 1)
        let wider = place([host("h", [reserved("0x8000000", "0x8ffffff")])], Self.qemu64)
        #expect(picks(wider) == "0x7f00000 / 0x100000 / 0x3ff00000")
    }

    @Test func scenario3WhereTheSecondConstantMeetsRAM() throws {
        let limits: [(vmms: [String], ram: UInt64)] = [
            (["qemu-virt", "cloud-hypervisor", "xen-arm-guest", "openvmm-linux"], 0x6000_0000),
            (["crosvm", "firecracker", "kvmtool"], 0x2000_0000), (["openvmm-uefi"], 0xa000_0000),
        ]
        for (vmms, ram) in limits {
            for vmm in vmms {
                for (size, isFree) in [(ram, true), (ram + 1, false)] {
                    let map = client.get("/v1/vmms/\(vmm)?ram=\(size)")
                    #expect(
                        map.object("second_constant_free")["always"] as? Bool == isFree, "\(vmm) \(size)")
                }
            }
        }
        let sbsa = client.get("/v1/vmms/qemu-sbsa-ref?ram=2T").object("second_constant_free")
        #expect(sbsa["always"] as? Bool == true && sbsa["strict"] as? Bool == false)
    }

    @Test func scenario4OpenVMMOverTheDefault() {
        let vm = #""vmm":"openvmm-uefi","ram":"0x100000000""#
        let answer = place([host("plain")], vm)
        #expect(answer.json["verdict"] as? String == "movable")
        #expect(low(answer) == ["0xc0000000-0xeaffffff", "0xef000000-0xffffffff"])
        #expect(picks(answer) == "0xc0000000 / 0xc0000000 / 0xfff00000")
        let blockers = answer.object("default")["blockers"] as! [[String: Any]]
        #expect(blockers.count == 1 && blockers[0]["vm"] as? String == "openvmm-uefi")
        let today = place([host("plain")], vm, #","window":{"movable":false}"#)
        #expect(today.json["verdict"] as? String == "none" && picks(today) == "null / null / null")
        let split = place([host("plain")], #""vmm":"openvmm-uefi-split","ram":"0x100000000""#)
        #expect(split.json["verdict"] as? String == "default_works")
    }

    @Test func scenario5HardwareMSIInTheMiddle() {
        let hip07 = host("hip07", [reserved("0xc6010000", "0xc601ffff", "msi")])
        let answer = place([hip07], #""vmm":"qemu-virt","ram":"0x100000000""#)
        #expect(answer.json["verdict"] as? String == "ram_unmappable")
        #expect(low(answer, "unmappable") == ["0xc6010000-0xc601ffff"])
        #expect(answer.json["max_ram"] as? String == "0x86010000")
        let smaller = place([hip07], #""vmm":"qemu-virt","ram":2248146944"#)
        #expect(smaller.json["verdict"] as? String == "default_works")
        #expect(warnings(smaller)["type1_only"] != nil)
        let kvmtool = place([hip07], #""vmm":"kvmtool","ram":"0x80000000""#)
        #expect(kvmtool.json["verdict"] as? String == "ram_unmappable")
        #expect(low(kvmtool, "unmappable") == ["0xc6010000-0xc601ffff"])
        let fine = place([hip07], #""vmm":"kvmtool","ram":"0x40000000""#)
        #expect(fine.json["verdict"] as? String == "default_works")
        #expect(
            low(fine) == [
                "0x100000-0x1ffffff", "0x3000000-0x7fffffff", "0xc0000000-0xc5ffffff",
                "0xc6100000-0xffffffff",
            ])
    }

    @Test func scenario6LargePages() {
        let answer = place(
            [host("plain")], Self.qemu64, #","page_size":"0x10000","doorbell_count":20"#)
        #expect(answer.json["size"] as? String == "0x200000")
        #expect(answer.object("iommufd_options")["sw_msi_size_mib"] as? Int == 2)
        #expect(picks(answer) == "0x8000000 / 0x100000 / 0x3fe00000")
        let warning = answer.list("warnings").first { $0["code"] as? String == "default_window_too_small" }
        let range = warning?["range"] as? [String: Any]
        #expect(range?["start"] as? String == "0x8130000" && range?["last"] as? String == "0x813ffff")
    }

    @Test func scenario7Pool() {
        let hosts = [
            host("A"), host("B", [reserved("0x8000000", "0xfffffff")]),
            host("C", [reserved("0x10000000", "0x1fffffff")], bits: 36),
        ]
        let vm = #""vmm":"cloud-hypervisor","ram":"0x80000000","ipa_bits":36,"p2p":"#
        let answer = place(hosts, vm + "false")
        #expect(answer.json["verdict"] as? String == "movable")
        #expect(
            low(answer) == [
                "0x100000-0x7ffffff", "0x20000000-0x3fffffff", "0xc0000000-0xffffffff",
            ])
        #expect(picks(answer) == "0x7f00000 / 0x100000 / 0xfff00000")
        let starts = answer.list("per_host").map { "\($0["host"]!) \($0["start"]!)" }
        #expect(starts == ["A 0x8000000", "B 0x7f00000", "C 0x8000000"])
        #expect(
            answer.list("per_host").map { $0["verdict"] as! String }
                == ["default_works", "movable", "default_works"])
        let peer = place(hosts, vm + "true")
        #expect(
            low(peer) == ["0x100000-0x7ffffff", "0x30000000-0x3fffffff", "0xc0000000-0xffffffff"])
        #expect(picks(peer) == picks(answer) && peer.json["verdict"] as? String == "movable")
    }

    @Test func scenario8HotPlug() {
        let hosts = [host("h", [reserved("0x8000000", "0x8ffffff")])]
        let boot = #""vmm":"qemu-virt","ram":"0x80000000""#
        let plug = boot + #","maxmem":"0x2000000000","slots":4"#
        let asked = #","window":{"requested":"0xd0000000"}"#
        let ignoring = place(hosts, boot, asked)
        #expect(low(ignoring).contains("0xc0000000-0xffffffff"))
        #expect(ignoring.object("iommufd_options")["sw_msi_start"] as? String == "0xd0000000")
        #expect(picks(ignoring) == "0x7f00000 / 0x100000 / 0xfff00000")
        let planned = place(hosts, plug, asked)
        #expect(planned.object("requested")["works"] as? Bool == false)
        #expect(planned.object("iommufd_options")["sw_msi_start"] as? String == "0x7f00000")
        #expect(picks(planned) == "0x7f00000 / 0x100000 / 0x3ff00000")
        let blockers = planned.object("requested")["blockers"] as! [[String: Any]]
        #expect(blockers.map { $0["provenance"] as! String } == ["DEVICE_MEMORY"])
    }

    @Test func scenario9AboveFourGiB() {
        let vm = #""vmm":"firecracker","ram":"0x4b00000000""#
        let plain = place([host("plain")], vm)
        #expect(plain.json["verdict"] as? String == "default_works")
        #expect(low(plain) == ["0x100000-0x3fffffff", "0x70000000-0x7fffffff"])
        let low4 = [host("h", [reserved("0x0", "0x7fffffff")])]
        let high = place(low4, vm)
        #expect(high.json["verdict"] as? String == "movable" && low(high).isEmpty)
        #expect(picks(high) == "0x8b80000000 / 0x8b80000000 / null")
        let narrow = place(low4, vm, #","window":{"msi_32bit_only":true}"#)
        #expect(narrow.json["verdict"] as? String == "none" && narrow.list("candidates").isEmpty)
    }

    @Test func scenario10NarrowAperture() {
        let answer = place([host("h", bits: 39)], Self.qemu64)
        #expect(answer.json["verdict"] as? String == "default_works")
        #expect(warnings(answer)["bar_outside_mappable"] == "warning")
        let fatal = place([host("h", bits: 39)], #""vmm":"cloud-hypervisor","ram":"0x1000000000""#)
        #expect(fatal.json["verdict"] as? String == "bar_unmappable")
        #expect(warnings(fatal)["bar_outside_mappable"] == "fatal")
        let off = place(
            [host("h", bits: 39)], #""vmm":"cloud-hypervisor","ram":"0x1000000000","p2p":false"#)
        #expect(off.json["verdict"] as? String == "default_works")
        let large = place([host("h", bits: 39)], #""vmm":"qemu-virt","ram":"0x8000000000""#)
        #expect(large.json["verdict"] as? String == "ram_unmappable")
        #expect(
            large.list("unmappable").map { "\($0["start"]!)-\($0["last"]!)" }
                == ["0x8000000000-0x803fffffff"])
        #expect(large.json["max_ram"] as? String == "0x7fc0000000")
    }

    @Test func scenario11NestedSMMU() {
        let hosts = [host("h", [reserved("0x8000000", "0x80fffff")])]
        let answer = place(hosts, Self.qemu64 + #","viommu":"nested_smmuv3""#)
        #expect(answer.json["verdict"] as? String == "guest_contract_violation")
        #expect(warnings(answer)["contract_fixed"] == "fatal")
        // OpenVMM's RMR follows the window, on every host the same.
        let follows = place(
            hosts + [host("plain")],
            #""vmm":"openvmm-linux","ram":"0x1000000000","viommu":"nested_smmuv3""#)
        #expect(follows.json["verdict"] as? String == "movable")
        #expect(follows.list("per_host").allSatisfy { $0["start"] as? String == "0x8100000" })
        #expect(follows.object("guest_rmr")["start"] as? String == "0x8100000")
        let plain = place([host("plain")], Self.qemu64 + #","viommu":"nested_smmuv3""#)
        #expect(plain.json["verdict"] as? String == "default_works")
    }

    /// The options are the means where every host states that it has them, or shows it by having set them.
    @Test(arguments: [
        ("", "", "", "vmm_layout"), (able, "", "", "vmm_layout"), ("", able, "", "vmm_layout"),
        (able, able, "", "iommufd_options"), ("", "", able, "iommufd_options"),
        (able, set, "", "iommufd_options"), (able, #","options":[{"device":"d"}]"#, "", "vmm_layout"),
    ])
    func meansOfThePool(first: String, second: String, all: String, means: String) {
        let hosts = [first, second].map { #"{"reserved_regions":[\#(Self.plainLine)]\#($0)}"# }
        let answer = place(hosts, #""vmm":"openvmm-uefi","ram":"0x100000000""#, all)
        #expect(answer.object("mechanism")["kind"] as? String == means)
        #expect((warnings(answer)["mechanism_not_available"] == nil) == (means == "iommufd_options"))
        let remedies = answer.list("remedies").compactMap { $0["kind"] as? String }
        #expect(remedies == ["other_mode", "ram_at_most"])
    }

    private static let able = #","capabilities":["iommufd_sw_msi_options"]"#
    private static let set = #","options":[{"device":"d","sw_msi_start":"0xc0000000"}]"#

    @Test func scenario12OptionOnOneDeviceOnly() {
        let host =
            #"{"name":"h","reserved_regions":[\#(Self.plainLine)],"options":[{"device":"d1","#
            + #""sw_msi_start":"0xc0000000","sw_msi_size_mib":1},{"device":"d2"}]}"#
        let answer = place([host], #""vmm":"openvmm-uefi","ram":"0x100000000""#)
        #expect(answer.json["verdict"] as? String == "ram_unmappable")
        #expect(low(answer, "unmappable") == ["0x8000000-0x80fffff"])
        #expect(warnings(answer)["option_missing_on_device"] != nil)
        #expect((answer.json["because"] as? String)?.contains("all devices") == true)
        // Told to both, nothing is in the way.
        let both = host.replacingOccurrences(
            of: #"{"device":"d2"}"#, with: #"{"device":"d2","sw_msi_start":"0xc0000000"}"#)
        #expect(
            place([both], #""vmm":"openvmm-uefi","ram":"0x100000000""#).json["verdict"] as? String
                == "movable")
    }
}
