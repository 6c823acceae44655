// What firmware withholds and a release does not look at: its lists and its addresses stay as that kernel
// makes them, and no entrance calls such a place reachable, offers it, or says that it works.

import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct IgnoredRegionTests {
    /// A machine whose firmware withholds 0x8000000 to 0x80fffff, and a kernel that does not look.
    struct Machine: Sendable, CustomTestStringConvertible {
        var name: String
        var body: [UInt8]
        var type: String
        var device: String
        var kernel: String
        /// One that does look.
        var later: String
        /// What a reason names of the reservation, and what firmware means with it.
        var provenance: String
        var wish: String
        var testDescription: String { name }
    }

    static let machines: [Machine] = [
        Machine(
            name: "iommu-addresses on 6.1", body: tree, type: "application/vnd.devicetree.blob",
            device: "/device@0", kernel: "6.1", later: "6.12",
            provenance: "reserved region /reserved-memory/msi",
            wish: "Linux 6.1 ignores that firmware keeps the device out of it"),
        Machine(
            name: "iommu-addresses on 5.10", body: tree, type: "application/vnd.devicetree.blob",
            device: "/device@0", kernel: "5.10.0-32-arm64", later: "7.3",
            provenance: "reserved region /reserved-memory/msi",
            wish: "ignores that firmware keeps the device out of it"),
        Machine(
            name: "RMR on 5.10", body: table(isRelaxable: false), type: "application/vnd.acpi.table",
            device: "NC0", kernel: "5.10", later: "6.1", provenance: "IORT RMR node at",
            wish: "Linux 5.10 ignores that firmware has the device use it, mapped one to one"),
    ]

    private static var tree: [UInt8] {
        DeviceTreeBuilder.board { root in
            root.reservedMemory { node in
                node.child("msi") { node in
                    node.cells("phandle", 3)
                    node.cells("iommu-addresses", 2, 0, 0x800_0000, 0, 0x10_0000)
                }
            }
            root.child("device@0") { node in
                node.cells("phandle", 2)
                node.cells("iommus", 1, 5)
                node.cells("memory-region", 3)
            }
        }
    }

    private static func table(isRelaxable: Bool) -> [UInt8] {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x905_0000, [])
        builder.namedComponent("NC0", [.init(0, 0, 0x20, to: smmu, single: true)])
        builder.memoryRanges(
            [(0x800_0000, 0x10_0000)], flags: isRelaxable ? 1 : 0, [.init(0, 0, 0x20, to: smmu)])
        return builder.table()
    }

    private func client(_ machine: Machine) -> ServiceClient {
        let client = ServiceClient()
        let made = client.ask(.post, "/v1/platforms?id=m", machine.body, type: machine.type)
        #expect(made.status == 201, "\(made.text)")
        return client
    }

    private func named(_ machine: Machine) -> String {
        #""platform":"m","device":"\#(machine.device)","kernel":"\#(machine.kernel)""#
    }

    private func query(_ machine: Machine, _ kernel: String? = nil) -> String {
        let device = machine.device.replacing("/", with: "%2F")
        return "device=\(device)&kernel=\(kernel ?? machine.kernel)"
    }

    private static func start(_ answer: [String: Any]) -> String? {
        (answer["window"] as? [String: Any])?["start"] as? String
    }

    /// What later kernels read past an entry that is cut is no wish of firmware.
    @Test func whatIsReadPastAnEntryIsNobodys() {
        let tree = DeviceTreeBuilder.board { root in
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
        let client = ServiceClient()
        _ = client.ask(.put, "/v1/platforms/m", tree, type: "application/vnd.devicetree.blob")
        for (kernel, isReached) in [("5.10", true), ("6.1", true), ("6.12", false), ("7.3", false)] {
            let named = #""platform":"m","device":"/device@0","consumer":"vfio_type1","kernel":"\#(kernel)""#
            let answer = client.decide("{\(named)}")
            #expect(answer.json["reachable"] as? Bool == isReached, "\(answer.text)")
            #expect(answer.text.contains("ignores that") == false, "\(answer.text)")
            let view = client.get(
                "/v1/platforms/m/reserved-regions?device=%2Fdevice@0&kernel=\(kernel)&view=dma")
            #expect(view.text.contains("as Linux misreads it") != isReached, "\(view.text)")
            let windows = client.get("/v1/platforms/m/available-windows?device=%2Fdevice@0&kernel=\(kernel)")
            let nearest = windows.object("picks")["nearest_default"] as? String
            #expect((nearest == "0x8000000") == isReached, "\(windows.text)")
        }
    }

    @Test(arguments: machines) func theKernelsListsStay(machine: Machine) {
        let client = client(machine)
        let path = "/v1/platforms/m/reserved-regions?\(query(machine))"
        let text = client.get("\(path)&view=sysfs").json["text"] as? String
        #expect(text == "0x0000000008000000 0x00000000080fffff msi\n", "\(text ?? "")")
        let ranges = client.get("\(path)&view=vfio").list("items")
        #expect(ranges.compactMap { $0["start"] as? String } == ["0x0", "0x8100000"])
        let items = client.get("\(path)&view=dma").list("items")
        let item = items.first { $0["start"] as? String == "0x8000000" }
        #expect(item?["advertised"] as? Bool == false, "\(items)")
        let provenance = item?["provenance"] as? String ?? ""
        #expect(provenance.contains(machine.provenance) && provenance.contains(machine.wish), "\(provenance)")
        let later = client.get(
            "/v1/platforms/m/reserved-regions?\(query(machine, machine.later))&view=dma")
        let advertised = later.list("items").first { $0["start"] as? String == "0x8000000" }
        #expect(advertised?["advertised"] as? Bool == true, "\(later.text)")
    }

    @Test(arguments: machines) func decisionsAndComparisons(machine: Machine) {
        let client = client(machine)
        func check(_ answer: [String: Any], _ place: String) {
            #expect(Self.start(answer) == "0x8000000", "\(place): \(answer)")
            #expect(answer["reachable"] as? Bool == false, "\(place): \(answer)")
            let because = answer["because"] as? String ?? ""
            #expect(because.contains(machine.provenance) && because.contains(machine.wish), "\(because)")
            let changes = answer["changes"] as? [String] ?? []
            #expect(changes.contains { $0.contains("0x8100000") }, "\(place): \(changes)")
            let codes = (answer["warnings"] as? [[String: Any]] ?? []).map { $0["code"] as? String }
            #expect(codes.contains("window_in_reserved_region"), "\(place): \(codes)")
        }
        let body = #"{\#(named(machine)),"consumer":"vfio_type1"}"#
        check(client.decide(body).json, "vfio_type1")
        let own = #"{"platform":"m","device":"\#(machine.device)","consumer":"vfio_type1","#
        let compared = client.post(
            "/v1/comparisons",
            json: own + #""kernels":["\#(machine.kernel)"],"policies":[{"window_source":"fixed"}]}"#)
        check(compared.list("items").first ?? [:], "comparison")
        let search = #"{"kind":"dynamic","prefer":"nearest_default"}"#
        let found = client.decide(#"{\#(named(machine)),"consumer":"vfio_type1","window_source":\#(search)}"#)
        #expect(Self.start(found.json) != "0x8000000" && found.json["reachable"] as? Bool == true)
        // The address that Linux picks stays.
        let limit = #""dma_mask":"0x80fffff""#
        let kernels = client.decide(#"{\#(named(machine)),"consumer":"dma_api",\#(limit)}"#)
        #expect(Self.start(kernels.json) == "0x80ff000", "\(kernels.text)")
        #expect(kernels.json["reachable"] as? Bool == false)
        #expect((kernels.json["because"] as? String)?.contains(machine.wish) == true, "\(kernels.text)")
    }

    @Test(arguments: machines) func placesAreNotOffered(machine: Machine) {
        let client = client(machine)
        let windows = client.get("/v1/platforms/m/available-windows?\(query(machine))")
        let starts = windows.list("items").compactMap { $0["start"] as? String }
        #expect(starts.contains("0x8100000") && !starts.contains("0x8000000"), "\(windows.text)")
        let picks = windows.object("picks")
        #expect(picks["nearest_default"] as? String == "0x8100000", "\(picks)")
        let guest = #""vm":{"vmm":"qemu-virt","ram":"0x40000000"},"kernel":"\#(machine.kernel)""#
        let placed = client.post("/v1/placements", json: #"{"hosts":[{"platform":"m"}],\#(guest)}"#)
        #expect(placed.json["verdict"] as? String == "movable", "\(placed.text)")
        let blockers = placed.object("default")["blockers"] as? [[String: Any]] ?? []
        #expect(
            blockers.contains { ($0["provenance"] as? String)?.contains(machine.wish) == true },
            "\(placed.text)")
        let survey = client.post(
            "/v1/surveys", json: #"{"platforms":["m"],"kernel":"\#(machine.kernel)"}"#)
        let fixed = survey.list("policies").first { $0["policy"] as? String == "fixed" }
        #expect(fixed?["fits"] as? Int == 0 && fixed?["conflicts"] as? Int == 1, "\(survey.text)")
    }

    @Test(arguments: machines) func faultsAndSessions(machine: Machine) {
        let client = client(machine)
        let smmu = machine.device == "NC0" ? "arm-smmu-v3.0.auto" : "1000.iommu"
        let stream = machine.device == "NC0" ? "0x20" : "0x5"
        let log =
            "arm-smmu-v3 \(smmu): event: F_TRANSLATION client: x sid: \(stream) ssid: 0x0 iova: 0x8000040 ipa: 0x0\n"
            + "arm-smmu-v3 \(smmu): unpriv data write s1 \"Input address caused fault\" stag: 0x0"
        let fault = client.ask(
            .post, "/v1/fault-explanations?platform=m&kernel=\(machine.kernel)", Array(log.utf8),
            type: "text/plain")
        let item = fault.list("items").first ?? [:]
        let because = item["because"] as? String ?? ""
        // A direct RMR is taken for that of a nested guest, whose reason is another.
        #expect(because.contains(machine.device == "NC0" ? "0x8000000" : machine.wish), "\(fault.text)")
        #expect(item["reason"] as? String != "not_mapped", "\(fault.text)")
        let alternatives = item["alternatives"] as? [String] ?? []
        #expect(!alternatives.contains("0x8000000"), "\(alternatives)")
        _ = client.post("/v1/sessions", json: #"{"id":"s","kernel":"\#(machine.kernel)"}"#)
        let devices = #""devices":[{"platform":"m","device":"\#(machine.device)"}]"#
        let domain = client.post(
            "/v1/sessions/s/domains", json: #"{"id":"d","consumer":"vfio_type1",\#(devices)}"#)
        #expect(domain.status == 201, "\(domain.text)")
        let regions = client.get("/v1/sessions/s/domains/d/reserved-regions").text
        #expect(regions.contains(machine.wish), "\(regions)")
    }

    /// User space does not need what firmware lets the kernel drop, whether the kernel looks or not.
    @Test func relaxableRegionsKeepNobodyOut() {
        let machine = Machine(
            name: "relaxable", body: Self.table(isRelaxable: true), type: "application/vnd.acpi.table",
            device: "NC0", kernel: "5.10", later: "6.1", provenance: "IORT RMR node at", wish: "")
        let client = client(machine)
        for kernel in ["5.10", "6.1"] {
            let subject = #""platform":"m","device":"NC0","kernel":"\#(kernel)""#
            let answer = client.decide(#"{\#(subject),"consumer":"vfio_type1"}"#)
            #expect(answer.json["reachable"] as? Bool == true, "\(answer.text)")
            let guest = #""vm":{"vmm":"qemu-virt","ram":"0x40000000"},"kernel":"\#(kernel)""#
            let placed = client.post("/v1/placements", json: #"{"hosts":[{"platform":"m"}],\#(guest)}"#)
            #expect(placed.json["verdict"] as? String == "default_works", "\(placed.text)")
        }
    }
}
