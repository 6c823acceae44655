// Members of groups of which it is not known what firmware says: every entrance warns, and no answer takes
// them for devices that firmware says nothing of. Functions that no ID mapping of an IORT holds have no
// IOMMU, at every entrance as with a tree; nodes of one path can each be asked about.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct FirmwareUnknownTests {
    private let client = ServiceClient()
    private static let window = "0x0000000008000000 0x00000000080fffff msi\\n"

    private func store(_ firmware: String, _ devices: [String], groups: String? = nil) {
        let names = devices.map { "\"\($0)\"" }.joined(separator: ",")
        let group = groups ?? #"{"id":"1","devices":[\#(names)],"reserved_regions":"\#(Self.window)"}"#
        let json =
            #"{"collected":{"format":1,"kernel_release":"6.18.15",\#(firmware),"groups":[\#(group)],"notes":[]}}"#
        let answer = client.ask(.put, "/v1/platforms/w", Array(json.utf8), type: "application/json")
        #expect(answer.status < 300, "\(answer.text)")
    }

    private static let tree: String = {
        let blob = DeviceTreeBuilder.board { root in
            root.its(at: 0x808_0000)
            for number in [4, 5] { root.pciHost("pcie@\(number)0000000", firstStream: 0) }
            root.child("dma@60000000") { node in
                node.cells("reg", 0, 0x6000_0000, 0, 0x1000)
                node.cells("iommus", 1, 9)
            }
        }
        return #""device_tree":"\#(blob.hexDigits)""#
    }()

    /// Of two bridges without segments nobody knows which one a function is behind.
    @Test func functionsWithoutABridge() {
        store(Self.tree, ["0001:00:01.0"])
        for (entrance, codes, text) in client.warnings(of: "0001:00:01.0") {
            #expect(codes.contains("pci_windows_unknown"), "\(entrance): \(text)")
            #expect(codes.contains("firmware_unknown"), "\(entrance): \(text)")
        }
        for view in client.views(of: "0001:00:01.0") {
            #expect(view.json["pci_windows_known"] as? Bool == false, "\(view.text)")
            #expect(view.json["firmware_known"] as? Bool == false, "\(view.text)")
        }
    }

    @Test func platformDevicesThatFirmwareLacks() {
        store(Self.tree, ["1000.dma"])
        for device in ["1000.dma", "group:1"] {
            // Of a fault the stream tells the device.
            for (entrance, codes, text) in client.warnings(of: device) where entrance != "fault" {
                #expect(codes.contains("firmware_unknown"), "\(device) \(entrance): \(text)")
                #expect(!codes.contains("pci_windows_unknown"), "\(device) \(entrance): \(text)")
            }
            for view in client.views(of: device) {
                #expect(view.json["firmware_known"] as? Bool == false, "\(device): \(view.text)")
            }
        }
        store(Self.tree, ["60000000.dma"])
        for (entrance, codes, text) in client.warnings(of: "60000000.dma") {
            #expect(!codes.contains("firmware_unknown"), "\(entrance): \(text)")
        }
    }

    // MARK: No mapping

    /// Buses above 0 have no mapping.
    private static let table: String = {
        var builder = IORTBuilder()
        let its = builder.itsGroup([0])
        let smmu = builder.smmuV3(base: 0x1000, [.init(0, 0xffff, 0, to: its)])
        builder.rootComplex(segment: 0, limit: 64, [.init(0, 0xff, 0, to: smmu)])
        return #""acpi":{"IORT":"\#(builder.table().hexDigits)"}"#
    }()

    @Test func functionsThatNoMappingHolds() {
        store(Self.table, [], groups: "")
        let device = "0000:01:00.0"
        for (entrance, codes, text) in client.warnings(of: device) where entrance != "survey" {
            let isRefused = entrance.hasSuffix("domain") || entrance == "placement"
            // The line of a fault shows that the device has an IOMMU.
            let isRefuted = entrance == "fault"
            #expect(codes.contains("no_group") == !isRefuted || isRefused, "\(entrance): \(text)")
        }
        let vfio = client.decide(#"{"platform":"w","device":"\#(device)","consumer":"vfio_type1"}"#)
        #expect(vfio.json["outcome"] as? String == "refused", "\(vfio.text)")
        #expect((vfio.json["because"] as? String)?.contains("in the IORT or VIOT") == true, "\(vfio.text)")
        let placed = client.post(
            "/v1/placements",
            json: #"{"hosts":[{"platform":"w","devices":["\#(device)"]}],"vm":{"memory_map":[]}}"#)
        #expect(
            placed.json["verdict"] as? String == "none" && placed.text.contains("no_group"), "\(placed.text)")
        for view in client.views(of: device) { #expect(view.json["no_group"] != nil, "\(view.text)") }
        // A host that has it in a group says that there is one.
        store(Self.table, [device])
        let grouped = client.decide(#"{"platform":"w","device":"\#(device)","consumer":"vfio_type1"}"#)
        #expect(grouped.json["outcome"] as? String == "window", "\(grouped.text)")
        // Other segments have no root complex that could say anything.
        #expect(
            client.decide(#"{"platform":"w","device":"0001:00:00.0","consumer":"vfio_type1"}"#).status == 422)
    }

    // MARK: Nodes of one path

    @Test func everyDeviceOfAListCanBeAskedAbout() throws {
        let blob = DeviceTreeBuilder.board { root in
            root.reservedMemory { memory in
                memory.child("fw") { node in
                    node.cells("phandle", 9)
                    node.cells("iommu-addresses", 5, 0, 0x800_0000, 0, 0x10_0000)
                }
            }
            root.child("dma@a000000") { $0.cells("iommus", 1, 1) }
            root.child("dma@a000000") { node in
                node.cells("phandle", 5)
                node.cells("iommus", 1, 2)
                node.cells("memory-region", 9)
            }
            root.child("host1x") { node in
                node.cells("iommus", 1, 7)
                node.cells("iommu-map", 0, 1, 8, 8)
            }
        }
        let answer = client.ask(.put, "/v1/platforms/w", blob, type: "application/vnd.devicetree.blob")
        #expect(answer.status == 201, "\(answer.text)")
        let devices = client.get("/v1/platforms/w/devices").list("items")
        let ids = devices.compactMap { $0["id"] as? String }
        #expect(ids.count == 4 && Set(ids).count == 4, "\(ids)")
        for (id, listed) in zip(ids, devices) {
            let path = try #require(id.addingPercentEncoding(withAllowedCharacters: .alphanumerics))
            let one = client.get("/v1/platforms/w/devices/\(path)").json
            #expect(NSDictionary(dictionary: one) == NSDictionary(dictionary: listed), "\(id): \(one)")
        }
        let reached = ids.map { id in
            client.decide(
                #"{"platform":"w","device":"\#(id)","consumer":"vfio_type1","kernel":"6.18"}"#
            ).json["reachable"] as? Bool
        }
        #expect(reached == [true, false, true, true], "\(ids)")
    }
}
