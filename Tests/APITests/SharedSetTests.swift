// A group of many devices with a long list: what is prepared is counted in ranges, and one set serves all
// members, whichever entrance asks. What is shared must be what each would have by itself, and goes when the
// platform goes.

import HTTP
import LinuxReleases
import Machines
import TestSupport
import Testing

@testable import API
@testable import MSIWindows

@Suite struct SharedSetTests {
    private static let members = 48
    private static let regions = 400
    private static let names = (0..<members).map { place in
        let slot = String(place >> 3, radix: 16)
        return "0000:00:\(slot.count < 2 ? "0" : "")\(slot).\(place & 7)"
    }

    private static let list =
        "0x0000000008000000 0x00000000080fffff msi\n"
        + (0..<regions).map { place in
            let start = String(0xf000_0000 + place * 0x2000, radix: 16)
            let last = String(0xf000_0fff + place * 0x2000, radix: 16)
            return "0x00000000\(start) 0x00000000\(last) reserved\n"
        }.joined()

    /// Every member has a node with one reservation of its own, which the list has too.
    private static let tree = DeviceTreeBuilder.board { root in
        root.its(at: 0x808_0000)
        root.reservedMemory { memory in
            for place in 0..<members {
                memory.child("fw\(place)") { node in
                    node.cells("phandle", UInt32(1000 + place))
                    node.cells(
                        "iommu-addresses", UInt32(100 + place), 0x0200_0000, 0,
                        UInt32(0xf000_0000 + place * 0x2000), 0, 0x1000)
                }
            }
        }
        root.pciHost("pcie@40000000") { node in
            node.cells("reg", 0, 0x4000_0000, 0, 0x1000_0000)
            node.cells("linux,pci-domain", 0)
            node.cells("msi-map", 0, 2, 0, 0x1_0000)
            for place in 0..<members {
                node.child("dev@\(String(place >> 3, radix: 16)),\(place & 7)") { function in
                    function.cells("reg", UInt32(place << 8), 0, 0, 0, 0)
                    function.cells("phandle", UInt32(100 + place))
                    function.cells("memory-region", UInt32(1000 + place))
                }
            }
        }
    }

    /// The same of platform devices, which have other names in sysfs than each other.
    private static let platformTree = DeviceTreeBuilder.board { root in
        root.its(at: 0x808_0000)
        for place in 0..<members {
            root.child("fw\(place)") { node in
                node.cells("phandle", UInt32(1000 + place))
                node.cells(
                    "iommu-addresses", UInt32(100 + place), 0, UInt32(0xf000_0000 + place * 0x2000), 0, 0x1000
                )
            }
            root.child("dma@\(String(0x6000_0000 + place * 0x1000, radix: 16))") { node in
                node.cells("reg", 0, UInt32(0x6000_0000 + place * 0x1000), 0, 0x1000)
                node.cells("iommus", 1, UInt32(place))
                node.cells("phandle", UInt32(100 + place))
                node.cells("memory-region", UInt32(1000 + place))
            }
        }
    }

    /// What is known of the members beside the list.
    enum Firmware: CaseIterable {
        case none
        case functions
        case platformDevices

        fileprivate var names: [String] {
            switch self {
            case .none, .functions: SharedSetTests.names
            case .platformDevices:
                (0..<SharedSetTests.members).map { "\(String(0x6000_0000 + $0 * 0x1000, radix: 16)).dma" }
            }
        }

        fileprivate var blob: [UInt8]? {
            switch self {
            case .none: nil
            case .functions: SharedSetTests.tree
            case .platformDevices: SharedSetTests.platformTree
            }
        }
    }

    private static func body(with firmware: Firmware) -> String {
        let devices = firmware.names.map { "\"\($0)\"" }.joined(separator: ",")
        let tree = firmware.blob.map { "\"\($0.hexDigits)\"" } ?? "null"
        return
            #"{"collected":{"format":1,"kernel_release":"6.12.118","page_size":4096,"device_tree":\#(tree),"#
            + #""groups":[{"id":"3","type":"DMA","devices":[\#(devices)],"#
            + #""reserved_regions":"\#(list.replacing("\n", with: "\\n"))"}],"notes":[]}}"#
    }

    private func client(with firmware: Firmware) -> ServiceClient {
        let client = ServiceClient()
        let answer = client.ask(
            .put, "/v1/platforms/m", Array(Self.body(with: firmware).utf8), type: "application/json")
        #expect(answer.status == 201, "\(answer.text.prefix(400))")
        return client
    }

    /// Room for the list, each member and the windows of the bridge, not for a list of each member.
    private static let most = 4 * regions + 16 * members

    @Test(arguments: Firmware.allCases) func oneSetForAGroup(firmware: Firmware) {
        let members = firmware.names
        let asks: [(ServiceClient) -> ServiceClient.Answer] = [
            { $0.post("/v1/placements", json: #"{"hosts":[{"platform":"m"}],"vm":{"memory_map":[]}}"#) },
            { client in
                let names = members.map { "\"\($0)\"" }.joined(separator: ",")
                let host = #"{"platform":"m","devices":[\#(names)]}"#
                return client.post("/v1/placements", json: #"{"hosts":[\#(host)],"vm":{"memory_map":[]}}"#)
            },
            { $0.post("/v1/surveys", json: #"{"platforms":["m"]}"#) },
            { client in
                for name in members.dropLast() {
                    _ = client.get("/v1/platforms/m/available-windows?device=\(name)")
                }
                return client.get("/v1/platforms/m/available-windows?device=\(members[members.count - 1])")
            },
            { client in
                for name in members {
                    _ = client.get("/v1/platforms/m/reserved-regions?device=\(name)&view=vfio")
                }
                return client.get("/v1/platforms/m/reserved-regions?device=group:3&view=vfio")
            },
        ]
        for (place, ask) in asks.enumerated() {
            let client = client(with: firmware)
            let answer = ask(client)
            #expect(answer.status == 200, "\(place): \(answer.text.prefix(300))")
            let size = client.service.preparedSize
            #expect(size.ranges > Self.regions, "\(place): nothing was kept")
            #expect(size.ranges < Self.most, "\(place): \(size)")
            #expect(client.service.hostFactsSize.ofPlatforms < Self.most, "\(place)")
        }
    }

    /// What is shared says of each member what its own set would say.
    @Test(arguments: Firmware.allCases) func theSameAsEachByItself(firmware: Firmware) throws {
        let entry = try #require(client(with: firmware).service.platforms.entry("m"))
        let platform = entry.platform
        let store = PlatformStore(builtIn: [])
        for release in KernelRelease.allCases {
            let conditions = Conditions(kernel: KernelProfile(release))
            for share in [GroupShare.whole, .own] {
                for device in platform.devices {
                    let shared = store.prepared(device, on: entry, share, under: conditions)
                    let alone = platform.prepared(device.with(share), under: conditions)
                    #expect(shared.source == alone.source, "\(device.id)")
                    #expect(shared.device == alone.device, "\(device.id)")
                    #expect(shared.withheld == alone.withheld, "\(device.id)")
                    #expect(shared.applied == alone.applied)
                    #expect(shared.reservations == alone.reservations)
                    #expect(shared.hazards == alone.hazards)
                    #expect(shared.smmus == alone.smmus)
                }
            }
        }
    }

    @Test func whatWasPreparedGoesWithThePlatform() {
        let client = client(with: .functions)
        let ask = #"{"hosts":[{"platform":"m"}],"vm":{"memory_map":[]}}"#
        func ofPlatforms() -> Int { client.service.hostFactsSize.ofPlatforms }
        func isKept() -> Bool { client.service.preparedSize.ranges > 0 || ofPlatforms() > 0 }
        _ = client.post("/v1/placements", json: ask)
        #expect(client.service.preparedSize.ranges > 0 && ofPlatforms() > 0)
        let body = Array(Self.body(with: .none).utf8)
        _ = client.ask(.put, "/v1/platforms/m", body, type: "application/json")
        #expect(!isKept())
        _ = client.post("/v1/placements", json: ask)
        #expect(isKept())
        #expect(client.ask(.delete, "/v1/platforms/m").status == 204)
        #expect(!isKept())
    }
}
