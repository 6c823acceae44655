// Lines of `msi`, which sysfs prints for the driver's software window and for hardware alike: whatever a line
// is taken for, every entrance takes it for the same.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct MSILineEntranceTests {
    struct Line: Sendable {
        var start: UInt64
        var size: UInt64
        var isSoftware: Bool

        var last: UInt64 { start + (size - 1) }
        var json: String { #"{"start":"\#(hex(start))","size":"\#(hex(size))","type":"msi"}"# }
        var text: String { "\(padded(start)) \(padded(last)) msi\n" }

        private func padded(_ value: UInt64) -> String {
            let digits = String(value, radix: 16)
            return "0x" + String(repeating: "0", count: 16 - digits.count) + digits
        }
    }

    struct Machine: Sendable, CustomTestStringConvertible {
        var name: String
        var lines: [Line]
        var testDescription: String { name }

        var json: String { "[\(lines.map(\.json).joined(separator: ","))]" }
        var text: String { lines.map(\.text).joined() }
        /// Starts of the lines that are hardware's.
        var hardware: [String] { lines.filter { !$0.isSoftware }.map { hex($0.start) } }
    }

    static let machines: [Machine] = [
        Machine(name: "mainline's window", lines: [line(0x800_0000, 0x10_0000, true)]),
        Machine(name: "the posted series' second base", lines: [line(0xa000_0000, 0x10_0000, true)]),
        Machine(name: "a moved window", lines: [line(0x900_0000, 0x10_0000, true)]),
        Machine(name: "an ITS", lines: [line(0x809_0000, 0x1_0000, false)]),
        Machine(
            name: "a window and an ITS",
            lines: [line(0x800_0000, 0x10_0000, true), line(0xc601_0000, 0x1_0000, false)]),
        Machine(
            name: "a moved window and an ITS",
            lines: [line(0x900_0000, 0x10_0000, true), line(0xc601_0000, 0x1_0000, false)]),
        Machine(
            name: "two of a window's size, nowhere known",
            lines: [line(0x900_0000, 0x10_0000, false), line(0xb000_0000, 0x10_0000, false)]),
        Machine(
            name: "mainline's and another of its size",
            lines: [line(0x800_0000, 0x10_0000, true), line(0x900_0000, 0x10_0000, false)]),
        Machine(name: "where x86 takes MSIs", lines: [line(0xfee0_0000, 0x10_0000, false)]),
        Machine(name: "mainline's base, another size", lines: [line(0x800_0000, 0x1_0000, false)]),
    ]

    private static func line(_ start: UInt64, _ size: UInt64, _ isSoftware: Bool) -> Line {
        Line(start: start, size: size, isSoftware: isSoftware)
    }

    /// Stores the machine under each of the kinds of input that know it; ids and device names.
    private func store(_ machine: Machine, _ client: ServiceClient) -> [(platform: String, device: String)] {
        let native =
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_function","smmus":["s"],"#
            + #""reserved_regions":\#(machine.json)}]}"#
        let text = machine.text.replacingOccurrences(of: "\n", with: "\\n")
        let collected =
            #"{"collected":{"format":1,"groups":[{"id":"0","devices":["0000:01:00.0"],"reserved_regions":"\#(text)"}]}}"#
        let inputs = [
            ("native", native, "application/json", "d"), ("text", machine.text, "text/plain", "group:0"),
            ("collected", collected, "application/json", "0000:01:00.0"),
        ]
        for (id, body, type, _) in inputs {
            let answer = client.ask(.put, "/v1/platforms/\(id)", Array(body.utf8), type: type)
            #expect(answer.status / 100 == 2, "\(id): \(answer.text)")
        }
        return inputs.map { ($0.0, $0.3) }
    }

    private func strings(_ items: [[String: Any]], _ kind: String) -> [String] {
        items.filter { $0["kind"] as? String == kind }.compactMap { $0["start"] as? String }
    }

    @Test(arguments: machines)
    func viewsAndDecisions(machine: Machine) {
        let client = ServiceClient()
        let inline = #""reserved_regions":\#(machine.json)"#
        var subjects = [("inline", inline)]
        for (platform, device) in store(machine, client) {
            let items = client.get("/v1/platforms/\(platform)/reserved-regions?device=\(device)").list(
                "items")
            #expect(strings(items, "hw_msi") == machine.hardware, "view of \(platform)")
            subjects.append((platform, #""platform":"\#(platform)","device":"\#(device)""#))
        }
        let outcome = machine.hardware.isEmpty ? "window" : "hardware"
        for (name, subject) in subjects {
            let question = #"{\#(subject),"consumer":"vfio_type1","kernel":"6.12","doorbells":["0x8090040"]}"#
            #expect(client.decide(question).json["outcome"] as? String == outcome, "decision of \(name)")
            let compared = client.post(
                "/v1/comparisons",
                json: #"{\#(subject),"policies":[{"window_source":"fixed"}],"doorbells":["0x8090040"]}"#)
            #expect(
                compared.list("items").first?["outcome"] as? String == outcome, "comparison of \(name)")
        }
    }

    @Test(arguments: machines)
    func placementsAndSurveys(machine: Machine) throws {
        let client = ServiceClient()
        let stored = store(machine, client).map {
            (name: $0.platform, json: #""platform":"\#($0.platform)""#)
        }
        for (name, host) in stored + [("reported", #""reserved_regions":\#(machine.json)"#)] {
            for line in machine.lines {
                let base = line.start & ~0xf_ffff
                let placed = client.post(
                    "/v1/placements",
                    json:
                        #"{"hosts":[{\#(host)}],"vm":{"memory_map":[]},"window":{"requested":"\#(hex(base))"}}"#
                )
                let blockers = placed.object("requested")["blockers"] as? [[String: Any]] ?? []
                let isHardware = blockers.contains { $0["kind"] as? String == "hw_msi" }
                #expect(isHardware == !line.isSoftware, "placement, \(name), \(hex(line.start))")
                let answer = client.ask(
                    .post, "/v1/surveys",
                    Array(#"{"hosts":[{\#(host)}],"constants":["\#(hex(base))"]}"#.utf8),
                    type: "application/json", headers: [.init("Accept", "application/x-ndjson")]
                ).drained().answer
                let row = try #require(
                    try JSONSerialization.jsonObject(
                        with: Data((answer.text.split(separator: "\n").first ?? "").utf8)) as? [String: Any])
                let cells = try #require(row["policies"] as? [String: [String: Any]])
                let cell =
                    switch base {
                    case 0x800_0000: cells["fixed"]
                    case 0xa000_0000: cells["second"]
                    default: cells["constant_\(hex(base))"]
                    }
                let reasons = cell?["reasons"] as? [String] ?? []
                #expect(reasons.contains("hw_msi") == !line.isSoftware, "survey, \(name), \(hex(line.start))")
            }
        }
    }

    /// Since 6.15 VFIO's interrupts fail where hardware MSI regions leave no cookie.
    @Test(arguments: machines)
    func sessions(machine: Machine) {
        let client = ServiceClient()
        var devices = [("described", #"{"id":"x","description":{"reserved_regions":\#(machine.json)}}"#)]
        for (platform, device) in store(machine, client) {
            devices.append((platform, #"{"id":"x","platform":"\#(platform)","device":"\#(device)"}"#))
        }
        for (name, device) in devices {
            let session = client.post("/v1/sessions", json: "{}").response.headers["Location"] ?? ""
            let made = client.post(
                session + "/domains", json: #"{"id":"d0","consumer":"vfio_type1","devices":[\#(device)]}"#)
            #expect(made.status == 201, "\(name): \(made.text)")
            let mapped = client.post(
                session + "/domains/d0/doorbells", json: #"{"physical":"0x8090040","device":"x"}"#)
            #expect((mapped.status == 201) == machine.hardware.isEmpty, "session, \(name): \(mapped.text)")
        }
    }

    /// A fault at a software window that a host reported is one of an MSI there.
    @Test(arguments: machines)
    func faults(machine: Machine) throws {
        let client = ServiceClient()
        _ = store(machine, client)
        for platform in ["text", "collected"] {
            for line in machine.lines where line.isSoftware {
                let text =
                    "arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: 0000:01:00.0 sid: 0x8 "
                    + "ssid: 0x0 iova: \(hex(line.start + 0x40)) ipa: 0x0"
                let answer = client.post(
                    "/v1/fault-explanations", json: #"{"lines":["\#(text)"],"platform":"\#(platform)"}"#)
                let item = try #require(answer.list("items").first, "\(answer.text)")
                let window = item["window"] as? [String: Any]
                #expect(
                    window?["start"] as? String == hex(line.start), "fault, \(platform), \(hex(line.start))")
            }
        }
    }

    @Test func theCommandLine() throws {
        let machine = Self.machines[1]
        let decided = try Offline.run(
            "decide", input: #"{"reserved_regions":\#(machine.json),"consumer":"vfio_type1"}"#)
        #expect(decided["outcome"] as? String == "window")
        let placed = try Offline.run(
            "place",
            input: #"{"hosts":[{"reserved_regions":\#(machine.json)}],"vm":{"memory_map":[]},"#
                + #""window":{"requested":"0xa0000000"}}"#)
        #expect((placed["requested"] as? [String: Any])?["works"] as? Bool == true)
    }
}
