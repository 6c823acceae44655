// The same evidence through the wire: a capture's device tree is uploaded as a client would, and views and
// decisions are asked with the capture's kernel and page size. Groups of one device only: the wire's views
// show one device.

import API
import AddressSpaces
import Foundation
import HTTP
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines
import OpenAPI
import TestSupport
import Testing

@Suite(.enabled(if: SharedShelf.isPresent)) struct WireTests {
    @Test func viewsAreWhatTheKernelPrinted() throws {
        var ledger = Ledger()
        for name in Capture.names {
            let capture = try Capture(name)
            guard !capture.crashed, let tree = Capture.file("platform.dtb", of: name),
                capture.truth.iommu?.smmuv3 != nil
            else { continue }
            let service = Service(Service.Configuration(version: "test"))
            let upload = Self.ask(
                service, .post, "/v1/platforms?id=machine", tree, type: "application/vnd.devicetree.blob")
            ledger.expect(201, upload.status, name, "upload", "status")
            checkGroups(capture, service, &ledger)
            checkRanges(capture, service, &ledger)
            checkDecisions(capture, service, &ledger)
        }
        for line in ledger.differences { print("DIFFERENT \(line)") }
        #expect(ledger.differences.isEmpty)
        for kind in [
            "reserved_regions", "IOVA ranges", "reserve calls", "decision for the kernel",
            "decision for user space",
        ] {
            #expect(
                ledger.compared[kind, default: 0] > 50, "only \(ledger.compared[kind, default: 0]) \(kind)")
        }
    }

    private func checkGroups(_ capture: Capture, _ service: Service, _ ledger: inout Ledger) {
        for (number, group) in capture.truth.groups ?? [:] where group.devices.count == 1 {
            guard let device = capture.device(group.devices[0]) else { continue }
            let text = Self.ask(
                service, .get, Self.view(device, capture, "sysfs"), headers: [.init("Accept", "text/plain")])
            ledger.expect(
                group.reservedRegions.map { $0 + "\n" }.joined(), String(decoding: text.body, as: UTF8.self),
                capture.name, "group \(number) \(device.id)", "reserved_regions")
            guard let domain = capture.truth.domains?[number] else { continue }
            // The view sorts and rounds what the domain was asked for in its own order, and has page zero.
            let calls = domain.reserves.map { [$0[2].value, $0[3].value] }
            let answer = Self.json(Self.ask(service, .get, Self.view(device, capture, "dma")))
            let items = (answer["items"] as? [[String: Any]] ?? []).filter {
                $0["kind"] as? String != "page_zero" && $0["provenance"] as? String != nil
                    && !($0["provenance"] as! String).contains("not applied")
            }
            let granule = capture.conditions.granule
            ledger.expect(
                calls.sorted { $0.lexicographicallyPrecedes($1) },
                items.map { item in
                    ["start", "last"].map { granule.frame(of: Self.number(item[$0])) }
                }.sorted { $0.lexicographicallyPrecedes($1) },
                capture.name, "group \(number) \(device.id)", "reserve calls")
        }
    }

    private func checkRanges(_ capture: Capture, _ service: Service, _ ledger: inout Ledger) {
        for user in capture.truth.vfio ?? [] {
            guard let device = capture.device(user.bdf), let ranges = user.iovaRanges,
                capture.groupMates(of: user.bdf, group: user.group).count == 1
            else { continue }
            let answer = Self.json(Self.ask(service, .get, Self.view(device, capture, "vfio")))
            ledger.expect(
                ranges.map { $0.map(\.value) },
                (answer["items"] as? [[String: Any]] ?? []).map {
                    [Self.number($0["start"]), Self.number($0["last"])]
                },
                capture.name, user.bdf, "IOVA ranges")
        }
    }

    /// A kernel driver's MSI page behind the mappings that the trace lists, and user space's window.
    private func checkDecisions(_ capture: Capture, _ service: Service, _ ledger: inout Ledger) {
        for (number, domain) in capture.truth.domains ?? [:] {
            let calls = domain.opsUntilMsi.filter { $0.op == "alloc" || $0.op == "free" }
            guard capture.truth.groups?[number]?.devices.count == 1,
                let device = capture.device(domain.firstDev), let msi = calls.last(where: { $0.msi == true }),
                !calls.contains(where: { $0.op == "free" })
            else { continue }
            // A try that failed below 4 GiB is half of the allocation that follows it.
            let earlier = calls.filter { $0.msi != true && $0.iova != nil }.map {
                #"{"size":"\#(HexLiteral.text($0.size!))","dma_mask":"\#(HexLiteral.text($0.dmaLimitArg!.value))"}"#
            }
            let addresses = decide(
                service, capture, device, "dma_api",
                #""dma_mask":"\#(HexLiteral.text(msi.dmaLimitArg!.value))","#
                    + #""forcedac":\#(capture.conditions.forcesDAC),"#
                    + #""earlier_mappings":[\#(earlier.joined(separator: ","))],"#)
            let offset = capture.truth.doorbell!.phys.value & (domain.granule.value - 1)
            ledger.expect(
                msi.iova.map { [$0.value | offset] } ?? [], addresses, capture.name, domain.firstDev,
                "decision for the kernel")
        }
        for user in capture.truth.vfio ?? [] {
            let interrupts = (user.msiCfg ?? [:]).merging(user.msixCfg ?? [:]) { msi, _ in msi }
            guard let device = capture.device(user.bdf), !interrupts.isEmpty,
                capture.groupMates(of: user.bdf, group: user.group).count == 1
            else { continue }
            let addresses = decide(
                service, capture, device, user.kind == "iommufd" ? "iommufd" : "vfio_type1", "")
            ledger.expect(
                interrupts.values.flatMap(\.addresses), addresses, capture.name, user.bdf,
                "decision for user space")
        }
    }

    /// Where the doorbell is reached; empty where it is not.
    private func decide(
        _ service: Service, _ capture: Capture, _ device: Device, _ consumer: String, _ members: String
    ) -> [UInt64] {
        let page = HexLiteral.text(capture.conditions.pageSize.bytes)
        let question =
            #"{"platform":"machine","device":"\#(device.id)","consumer":"\#(consumer)",\#(members)"#
            + #""kernel":"\#(capture.truth.release)","page_size":"\#(page)"}"#
        let answer = Self.ask(
            service, .post, "/v1/decisions?explain=none", Array(question.utf8), type: "application/json")
        #expect(answer.status == 200, "\(question): \(String(decoding: answer.body, as: UTF8.self))")
        return (Self.json(answer)["doorbells"] as? [[String: Any]] ?? []).map { Self.number($0["iova"]) }
    }

    private static func view(_ device: Device, _ capture: Capture, _ view: String) -> String {
        let page = HexLiteral.text(capture.conditions.pageSize.bytes)
        return
            "/v1/platforms/machine/reserved-regions?device=\(RequestTarget.encoded(device.id))&view=\(view)"
            + "&kernel=\(capture.truth.release)&page_size=\(page)"
    }

    private static func number(_ value: Any?) -> UInt64 {
        (value as? String).flatMap { try? HexLiteral.parse(Array($0.utf8)) } ?? 0
    }

    private static func json(_ response: Response) -> [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(response.body))) as? [String: Any] ?? [:]
    }

    /// As the server would ask: admission first. The exchange is held against openapi.yaml.
    private static func ask(
        _ service: Service, _ method: HTTP.Method, _ target: String, _ body: [UInt8] = [],
        type: String? = nil, headers: [HeaderFields.Field] = []
    ) -> Response {
        let fields = headers + (type.map { [.init("Content-Type", $0)] } ?? [])
        let head = RequestHead(
            method: method, rawTarget: Array(target.utf8), headers: HeaderFields(fields), peer: "test")
        let response = service.responder.respond(to: Request(head: head, body: body))
        let sent = Dictionary(response.headers.fields.map { ($0.name.lowercased(), $0.value) }) { first, _ in
            first
        }
        let exchange = Exchange(
            method: method.name, target: target, requestType: type, request: body, status: response.status,
            responseHeaders: sent, response: response.body)
        for fault in OpenAPIDocument.published.faults(of: exchange) { Issue.record("openapi.yaml: \(fault)") }
        return response
    }
}
