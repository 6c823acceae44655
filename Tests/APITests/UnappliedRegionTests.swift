// Regions of firmware that Linux does not apply, in sessions: a domain of user space names them beside the
// others, counts what it names, and goes out and comes in again with them.

import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct UnappliedRegionTests {
    /// A machine, a device of it, and a kernel that does not apply what firmware says.
    struct Machine: Sendable, CustomTestStringConvertible {
        var name: String
        var body: [UInt8]
        var type = "application/vnd.devicetree.blob"
        var device: String
        var kernel: String
        /// Regions that the domain names of it.
        var count: Int
        var testDescription: String { name }
    }

    static let machines: [Machine] =
        IgnoredRegionTests.machines.map {
            Machine(
                name: $0.name, body: $0.body, type: $0.type, device: $0.device, kernel: $0.kernel, count: 1)
        } + [
            Machine(
                name: "RMR below a root complex", body: rootComplex, type: "application/vnd.acpi.table",
                device: "rc:0", kernel: "7.3", count: 1),
            Machine(
                name: "RMR of a function", body: rootComplex, type: "application/vnd.acpi.table",
                device: "0000:01:00.0", kernel: "7.3", count: 1),
            Machine(
                name: "iommu-addresses on a host bridge", body: hostBridge, device: "/pcie@40000000",
                kernel: "7.3", count: 1),
            Machine(
                name: "an entry that is misread", body: misread, device: "/device@0", kernel: "6.1", count: 0),
            Machine(
                name: "an entry that does not translate", body: untranslated, device: "/bus/device@0",
                kernel: "7.3", count: 0),
        ]

    /// The host bridge does not keep its configuration.
    private static var rootComplex: [UInt8] {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x905_0000, [])
        builder.rootComplex(segment: 0, [.init(0, 0xffff, 0, to: smmu)])
        builder.memoryRanges([(0x800_0000, 0x10_0000)], [.init(0, 0, 0x100, to: smmu)])
        return builder.table()
    }

    private static var hostBridge: [UInt8] {
        DeviceTreeBuilder.board { root in
            root.reservedMemory { memory in
                memory.child("fw") { node in
                    node.cells("phandle", 9)
                    node.cells("iommu-addresses", 4, 0x0200_0000, 0, 0x800_0000, 0, 0x10_0000)
                }
            }
            root.pciHost("pcie@40000000") { node in
                node.cells("reg", 0, 0x4000_0000, 0, 0x1000_0000)
                node.cells("phandle", 4)
                node.cells("memory-region", 9)
            }
        }
    }

    private static var misread: [UInt8] {
        DeviceTreeBuilder.board { root in
            root.child("fw") { node in
                node.cells("phandle", 3)
                node.cells("iommu-addresses", 2, 0, 0x800_0000, 0)
            }
            root.child("device@0") { node in
                node.cells("phandle", 2)
                node.cells("iommus", 1, 5)
                node.cells("memory-region", 3)
            }
        }
    }

    private static var untranslated: [UInt8] {
        DeviceTreeBuilder.board { root in
            root.reservedMemory { node in
                node.child("msi") { node in
                    node.cells("phandle", 3)
                    node.cells("iommu-addresses", 2, 0, 0x800_0000, 0, 0x10_0000)
                }
            }
            root.child("bus") { bus in
                bus.cells("#address-cells", 2)
                bus.cells("#size-cells", 2)
                bus.cells("dma-ranges", 0, 0x8000_0000, 0, 0x8000_0000, 0, 0x1000)
                bus.child("device@0") { node in
                    node.cells("phandle", 2)
                    node.cells("iommus", 1, 5)
                    node.cells("memory-region", 3)
                }
            }
        }
    }

    /// The same text for the same value.
    private static func text(_ value: Any?) -> String {
        let data = try? JSONSerialization.data(withJSONObject: [value ?? NSNull()], options: .sortedKeys)
        return data.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private static let domain = "/v1/sessions/s/domains/d"
    private static let described =
        #"{"description":{"id":"x","reserved_regions":[{"start":"0x40000000","size":"0x1000"}]}}"#

    /// A session with a domain that the device is in; nil where the kernel does not have this consumer.
    private func client(
        _ machine: Machine, _ consumer: String, _ source: String = "fixed"
    ) -> ServiceClient? {
        let client = ServiceClient()
        let stored = client.ask(.put, "/v1/platforms/m", machine.body, type: machine.type)
        #expect(stored.status == 201, "\(stored.text)")
        _ = client.post("/v1/sessions", json: #"{"id":"s","kernel":"\#(machine.kernel)"}"#)
        let made = client.post(
            "/v1/sessions/s/domains",
            json: #"{"id":"d","consumer":"\#(consumer)","window_source":"\#(source)","devices":["#
                + #"{"platform":"m","device":"\#(machine.device)"}]}"#)
        // iommufd is younger than some of these kernels.
        guard made.status != 409 || consumer != "iommufd" || !machine.kernel.hasPrefix("5.") else {
            return nil
        }
        guard made.status != 409 || consumer != "iommufd" || machine.kernel != "6.1" else { return nil }
        #expect(made.status == 201, "\(made.text)")
        return client
    }

    @Test(arguments: machines, ["vfio_type1", "iommufd"])
    func whatIsCountedIsNamed(machine: Machine, consumer: String) {
        guard let client = client(machine, consumer) else { return }
        func check(_ count: Int) {
            let read = client.get(Self.domain)
            #expect(read.json["reserved_regions"] as? Int == count, "\(read.text)")
            let listed = client.get(Self.domain + "/reserved-regions").list("items")
            #expect(listed.count == count, "\(listed)")
        }
        check(machine.count)
        let attached = client.post(Self.domain + "/devices", json: Self.described)
        let starts = attached.list("reserved_regions").map { $0["start"] as? String }
        #expect(starts == ["0x40000000"], "\(attached.text)")
        check(machine.count + 1)
    }

    @Test(arguments: machines, ["vfio_type1", "iommufd", "dma_api"])
    func exportsHaveThem(machine: Machine, consumer: String) {
        for source in ["fixed", "candidates"] {
            guard let client = client(machine, consumer, source) else { return }
            let paths = ["/reserved-regions", ""].map { Self.domain + $0 }
            func told() -> [String] {
                paths.map { client.get($0) }.map { answer in
                    // Of the device, and not of the state.
                    ["items", "window", "iova_ranges", "reserved_regions"].map { Self.text(answer.json[$0]) }
                        .joined(separator: "\n")
                }
            }
            let before = told()
            let state = client.get("/v1/sessions/s/state").text
            #expect(client.ask(.delete, "/v1/sessions/s").status == 204)
            let restored = client.post("/v1/sessions", json: state)
            #expect(restored.status == 201, "\(restored.text) \(state)")
            #expect(told() == before, "\(state)")
            #expect(client.get("/v1/sessions/s/state").text == state)
        }
    }

    /// A device of an exported state can be attached by what the state says of it.
    @Test(arguments: machines) func exportedDevicesCanBeAttached(machine: Machine) throws {
        guard let client = client(machine, "vfio_type1") else { return }
        let regions = client.get(Self.domain + "/reserved-regions").list("items")
        let state = client.get(Self.domain + "/state").json
        let devices = try #require(state["devices"] as? [[String: Any]])
        let body = try JSONSerialization.data(withJSONObject: try #require(devices.first))
        _ = client.post("/v1/sessions", json: #"{"id":"t","kernel":"\#(machine.kernel)"}"#)
        _ = client.post("/v1/sessions/t/domains", json: #"{"id":"d","consumer":"vfio_type1"}"#)
        let attached = client.post(
            "/v1/sessions/t/domains/d/devices", json: String(decoding: body, as: UTF8.self))
        #expect(attached.status == 201, "\(attached.text)")
        #expect(Self.text(attached.list("reserved_regions")) == Self.text(regions))
        #expect(attached.json["platform"] as? String == "m", "\(attached.text)")
    }

    @Test(arguments: [
        (#""not_applied":"host_bridge""#, 201), (#""not_applied":"rmr_of_single_functions""#, 201),
        (#""not_applied":"never""#, 422), (#""not_applied":true"#, 422),
    ])
    func whatAnExportMaySay(member: String, status: Int) {
        let client = ServiceClient()
        let region = #"{"start":"0x8000000","size":"0x1000","provenance":"words",\#(member)}"#
        let device = #"{"id":"x","description":{"id":"x","reserved_regions":[\#(region)]}}"#
        let domain = #"{"id":"d","consumer":"vfio_type1","devices":[\#(device)]}"#
        let made = client.post("/v1/sessions", json: #"{"id":"s","domains":[\#(domain)]}"#)
        #expect(made.status == status, "\(made.text)")
        let listed = client.get(Self.domain + "/reserved-regions").list("items")
        let provenances = listed.map { $0["provenance"] as? String }
        #expect(provenances == (status == 201 ? ["x: words"] : []))
    }
}
