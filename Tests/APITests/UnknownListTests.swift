// What an upload could not say of the list of a group is a warning of every answer that rests on it: the list
// was not sent, nobody knows whose its entries are, or reservations of a mate are missing.

import AddressSpaces
import HTTP
import Machines
import TestSupport
import Testing

@Suite struct UnknownListTests {
    private let client = ServiceClient()

    private func store(_ firmware: String?, _ devices: [String], list: String?) {
        let names = devices.map { "\"\($0)\"" }.joined(separator: ",")
        let regions = list.map { "\"\($0.replacing("\n", with: "\\n"))\"" } ?? "null"
        let tree = firmware.map { "\"\($0)\"" } ?? "null"
        let json =
            #"{"collected":{"format":1,"kernel_release":"6.18.15","device_tree":\#(tree),"#
            + #""groups":[{"id":"1","type":"DMA","devices":[\#(names)],"reserved_regions":\#(regions)}],"notes":[]}}"#
        let answer = client.ask(.put, "/v1/platforms/w", Array(json.utf8), type: "application/json")
        #expect(answer.status < 300, "\(answer.text)")
    }

    /// Platform devices, each with `regions` of its own.
    private static func tree(_ devices: Int, regions: Int) -> String {
        DeviceTreeBuilder.board { root in
            root.its(at: 0x808_0000)
            for place in 0..<devices {
                root.child("fw-\(place)") { node in
                    node.cells("phandle", UInt32(0x10_0000 + place))
                    node.cells(
                        "iommu-addresses",
                        (0..<regions).flatMap {
                            [
                                UInt32(0x100 + place), 0,
                                0xf000_0000 + UInt32((place * regions + $0) * 0x2000), 0, 0x1000,
                            ]
                        })
                }
                root.child("dma@\(String(0x6000_0000 + place * 0x1000, radix: 16))") { node in
                    node.cells("reg", 0, UInt32(0x6000_0000 + place * 0x1000), 0, 0x1000)
                    node.cells("phandle", UInt32(0x100 + place))
                    node.cells("iommus", 1, UInt32(0x80 + place))
                    node.cells("memory-region", UInt32(0x10_0000 + place))
                }
            }
        }.hexDigits
    }

    private static func list(_ count: Int) -> String {
        "0x0000000008000000 0x00000000080fffff msi\n"
            + (0..<count).map { place in
                let start = UInt64(0xf000_0000 + place * 0x2000)
                return "\(HexLiteral.padded(start)) \(HexLiteral.padded(start + 0xfff)) reserved\n"
            }.joined()
    }

    /// Every entrance warns of each device, and every view says so.
    private func expect(_ code: String, _ member: String, of devices: [String], isOpen: Bool = true) {
        for device in devices {
            // Of a fault the stream tells the device.
            for (entrance, codes, text) in client.warnings(of: device) where entrance != "fault" {
                #expect(codes.contains(code) == isOpen, "\(device) \(entrance): \(text.prefix(2000))")
            }
            for view in client.views(of: device) {
                #expect(view.json[member] as? Bool == (isOpen ? false : nil), "\(view.text.prefix(2000))")
            }
        }
    }

    @Test func listsThatWereNotSent() {
        let devices = ["60000000.dma", "60001000.dma", "group:1"]
        for tree in [Self.tree(2, regions: 1), nil] {
            store(tree, Array(devices.prefix(2)), list: nil)
            expect("reserved_regions_unknown", "reserved_regions_known", of: devices)
            store(tree, Array(devices.prefix(2)), list: Self.list(2))
            expect("reserved_regions_unknown", "reserved_regions_known", of: devices, isOpen: false)
        }
        store(nil, [], list: nil)
        expect("reserved_regions_unknown", "reserved_regions_known", of: ["group:1"])
    }

    /// A text that names members, or the group alone.
    @Test func textsWithoutLists() {
        for text in [
            "/sys/kernel/iommu_groups/1/devices/0000:00:01.0\n/sys/kernel/iommu_groups/1/devices/0000:00:01.1\n",
            "IOMMU Group 1 0000:00:01.0 Ethernet controller [0200]\n",
        ] {
            let answer = client.ask(.put, "/v1/platforms/w", Array(text.utf8), type: "text/plain")
            #expect(answer.status < 300 && answer.text.contains("reserved-regions-unknown"), "\(answer.text)")
            expect("reserved_regions_unknown", "reserved_regions_known", of: ["0000:00:01.0", "group:1"])
        }
    }

    @Test func listsThatWereNotJoined() {
        let (devices, regions) = (64, 32)
        let names = (0..<devices).map { "\(String(0x6000_0000 + $0 * 0x1000, radix: 16)).dma" }
        store(Self.tree(devices, regions: regions), names, list: Self.list(devices * regions))
        expect("group_not_joined", "group_joined", of: [names[0], names[63], "group:1"])
        store(Self.tree(2, regions: 1), Array(names.prefix(2)), list: Self.list(2))
        expect("group_not_joined", "group_joined", of: [names[0], "group:1"], isOpen: false)
    }

    /// What firmware reserves for a mate that was not found in it may be missing, unless a list has it.
    @Test func matesThatFirmwareLacks() {
        let tree = Self.tree(2, regions: 1)
        let known = ["60000000.dma", "/dma@60000000"]
        store(tree, ["60000000.dma", "stranger"], list: nil)
        for device in known {
            for (entrance, codes, text) in client.warnings(of: device) where entrance != "fault" {
                #expect(codes.contains("firmware_unknown"), "\(device) \(entrance): \(text)")
                let says = text.contains("the others of group:1")
                #expect(says || entrance == "survey", "\(device) \(entrance): \(text)")
            }
        }
        for view in client.views(of: "60000000.dma") {
            #expect(view.json["group_mates_known"] as? Bool == false, "\(view.text)")
            #expect(view.json["firmware_known"] == nil, "\(view.text)")
        }
        expect("firmware_unknown", "firmware_known", of: ["stranger"])
        store(tree, ["60000000.dma", "stranger"], list: Self.list(1))
        for view in client.views(of: "60000000.dma") {
            #expect(view.json["group_mates_known"] == nil, "\(view.text)")
        }
        store(tree, ["60000000.dma", "60001000.dma"], list: nil)
        expect("firmware_unknown", "group_mates_known", of: ["60000000.dma"], isOpen: false)
    }

    /// Sessions name whose a region of the group is, as explained faults do.
    @Test func regionsNameTheirOwner() {
        store(Self.tree(2, regions: 1), ["60000000.dma", "60001000.dma"], list: Self.list(2))
        #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        func provenances(_ session: String) -> [String] {
            client.get("/v1/sessions/\(session)/domains/v/reserved-regions").list("items")
                .compactMap { $0["provenance"] as? String }
        }
        let device = #"{"platform":"w","device":"60000000.dma"}"#
        let made = client.post(
            "/v1/sessions/s/domains", json: #"{"id":"v","consumer":"vfio_type1","devices":[\#(device)]}"#)
        #expect(made.status == 201, "\(made.text)")
        let told = provenances("s")
        #expect(told.contains("60000000.dma: reserved_regions of group 1"), "\(told)")
        #expect(
            told.contains("60000000.dma: reserved_regions of group 1, of 60001000.dma in its group"),
            "\(told)")
        let state = client.get("/v1/sessions/s/state").text
        #expect(client.post("/v1/sessions?id=t", json: state).status == 201, "\(state)")
        #expect(provenances("t") == told)
    }

    /// Of a group of which not every device is looked at, no region is taken for the device's own.
    @Test func regionsOfLargeGroups() {
        let count = IOMMUGroup.devicesMax + 8
        let names = (0..<count).map { "\(String(0x6000_0000 + $0 * 0x1000, radix: 16)).dma" }
        store(Self.tree(count, regions: 1), names, list: Self.list(count))
        #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        let device = #"{"platform":"w","device":"\#(names[0])"}"#
        let made = client.post(
            "/v1/sessions/s/domains", json: #"{"id":"v","consumer":"vfio_type1","devices":[\#(device)]}"#)
        #expect(made.status == 201, "\(made.text)")
        let told = client.get("/v1/sessions/s/domains/v/reserved-regions?limit=1000").list("items")
            .compactMap { $0["provenance"] as? String }.filter { $0.contains("reserved_regions") }
        #expect(told.filter { $0.hasSuffix(" in its group") }.count == count - 1, "\(told)")
        #expect(told.contains { $0.hasSuffix(", of another device in its group") }, "\(told)")
    }

    /// What an old kernel does not list is withheld from a session's user space as from a decision's.
    @Test func regionsThatNobodyLists() {
        let host = SharedGroupHost.collected(
            #""device_tree":"\#(SharedGroupHost.tree.hexDigits)""#, release: "6.1.0-9-arm64",
            list: Self.list(0))
        let answer = client.ask(.put, "/v1/platforms/w", Array(host.utf8), type: "application/json")
        #expect(answer.status < 300, "\(answer.text)")
        let text =
            "reserved region /reserved-memory/fw, not applied: the kernel's list of the group does not have it"
        for (device, owner) in zip(SharedGroupHost.functions, [", of 0000:00:01.1 in its group", ""]) {
            _ = client.ask(.delete, "/v1/sessions/s")
            #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
            let attached = #"{"platform":"w","device":"\#(device)"}"#
            let made = client.post(
                "/v1/sessions/s/domains",
                json: #"{"id":"v","consumer":"vfio_type1","devices":[\#(attached)]}"#)
            #expect(made.status == 201, "\(made.text)")
            let regions = client.get("/v1/sessions/s/domains/v/reserved-regions").list("items")
            #expect(regions.map { $0["start"] as? String } == ["0xfff00000"], "\(regions)")
            #expect(regions.first?["provenance"] as? String == "\(device): \(text)\(owner)", "\(regions)")
            // It is mapped all the same.
            let mapped = client.post(
                "/v1/sessions/s/domains/v/iovas", json: #"{"iova":"0xfff00000","size":"0x1000"}"#)
            #expect(mapped.status == 201, "\(mapped.text)")
        }
    }
}
