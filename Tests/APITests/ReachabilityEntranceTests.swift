// How sure it is that a window is reached is one notion: a gap, a limit, an aperture and a reservation are
// certain, a PCI window depends on the bridge. Every entrance says the same of the same machine.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct ReachabilityEntranceTests {
    struct Machine: Sendable, CustomTestStringConvertible {
        var name: String
        /// Members of its one device.
        var members = ""
        var apertureBits = 48
        /// As it is spelled on the wire.
        var reachability: String
        var testDescription: String { name }
        var isReachable: Bool { reachability == "true" }
    }

    private static func window(_ start: String, _ size: String) -> String {
        #"{"bus":"\#(start)","size":"\#(size)"}"#
    }
    private static let gap = #","dma_ranges":[{"bus":"0x80000000","size":"0x80000000"}]"#
    private static let pci = #","pci_windows":[\#(window("0x8000000", "0x8000000"))]"#

    static let machines: [Machine] = [
        Machine(name: "nothing in the way", reachability: "true"),
        Machine(
            name: "a PCI window elsewhere",
            members: #","pci_windows":[\#(window("0x10000000", "0x1000000"))]"#,
            reachability: "true"),
        Machine(name: "a PCI window, as on Altra", members: pci, reachability: "conditional"),
        Machine(
            name: "half a PCI window", members: #","pci_windows":[\#(window("0x8080000", "0x80000"))]"#,
            reachability: "conditional"),
        Machine(name: "a gap between inbound windows", members: gap, reachability: "false"),
        Machine(name: "a gap and a PCI window", members: pci + gap, reachability: "false"),
        Machine(name: "a DMA limit", members: #","dma_limit":"0x7ffffff""#, reachability: "false"),
        Machine(
            name: "a DMA limit and a PCI window", members: pci + #","dma_limit":"0x7ffffff""#,
            reachability: "false"),
        Machine(name: "an aperture", apertureBits: 27, reachability: "false"),
        Machine(
            name: "a reserved region",
            members: #","reserved_regions":[{"start":"0x8000000","size":"0x1000"}]"#, reachability: "false"),
        Machine(
            name: "a reserved region and a PCI window",
            members: pci + #","reserved_regions":[{"start":"0x80f0000","size":"0x1000"}]"#,
            reachability: "false"),
    ]

    private static func spelled(_ value: Any?) -> String {
        if let text = value as? String { return text }
        return (value as? Bool).map { $0 ? "true" : "false" } ?? "absent"
    }

    private static let condition =
        "whether a bridge claims a write there depends on peer-to-peer routing and ACS"

    private func stored(_ machine: Machine) -> ServiceClient {
        let client = ServiceClient()
        let body =
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_host","smmus":["s"]"#
            + machine.members + "}]}"
        let stored = client.ask(.put, "/v1/platforms/p", Array(body.utf8), type: "application/json")
        #expect(stored.status == 201, "\(stored.text)")
        return client
    }

    @Test(arguments: machines) func decisionsAndComparisons(machine: Machine) throws {
        let client = stored(machine)
        let subject = #""platform":"p","device":"d","aperture_bits":\#(machine.apertureBits)"#
        for consumer in ["vfio_type1", "iommufd"] {
            let answer = client.decide(#"{\#(subject),"consumer":"\#(consumer)"}"#)
            #expect(Self.spelled(answer.json["reachability"]) == machine.reachability, "\(answer.text)")
            #expect(answer.json["reachable"] as? Bool == machine.isReachable)
            let because = answer.json["because"] as? String ?? ""
            #expect(because.contains(Self.condition) == (machine.reachability == "conditional"), "\(because)")
        }
        let compared = client.post(
            "/v1/comparisons", json: #"{\#(subject),"policies":[{"window_source":"fixed"}]}"#)
        #expect(
            Self.spelled(compared.list("items").first?["reachability"]) == machine.reachability,
            "\(compared.text)")
    }

    @Test(arguments: machines) func placements(machine: Machine) throws {
        let placed = stored(machine).post(
            "/v1/placements",
            json:
                #"{"hosts":[{"platform":"p","aperture_bits":\#(machine.apertureBits)}],"#
                + #""vm":{"memory_map":[{"start":"0x8040000","size":"0x1000","kind":"ram"}]},"#
                + #""window":{"requested":"0x8000000"}}"#)
        let host = placed.list("per_host").first?["default"] as? [String: Any]
        for (entrance, answer) in [
            ("default", placed.object("default")), ("requested", placed.object("requested")),
            ("per host", host ?? [:]),
        ] {
            #expect(
                Self.spelled(answer["reachability"]) == machine.reachability, "\(entrance): \(placed.text)")
        }
        let remark = placed.list("warnings").first { $0["code"] as? String == "ram_unreachable" }
        if let remark {
            let detail = remark["detail"] as? String ?? ""
            let isConditional = Self.spelled(remark["reachability"]) == "conditional"
            #expect(detail.contains(Self.condition) == isConditional, "\(detail)")
            #expect(isConditional == !detail.contains("does not carry"), "\(detail)")
            #expect(
                !isConditional || machine.reachability == "conditional" || machine.members.contains("pci"))
        }
        if machine.name == "a PCI window, as on Altra" { #expect(remark != nil, "\(placed.text)") }
    }

    @Test(arguments: machines) func surveys(machine: Machine) throws {
        let answer = stored(machine).ask(
            .post, "/v1/surveys",
            Array(#"{"platforms":["p"],"aperture_bits":\#(machine.apertureBits)}"#.utf8),
            type: "application/json", headers: [.init("Accept", "application/x-ndjson")]
        ).drained().answer
        let lines = try answer.text.split(separator: "\n").map {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:]
        }
        let cell = (lines.first?["policies"] as? [String: [String: Any]])?["fixed"]
        #expect(Self.spelled(cell?["reachability"]) == machine.reachability, "\(answer.text)")
        #expect(cell?["fits"] as? Bool == machine.isReachable)
        let tally = (lines.last?["policies"] as? [[String: Any]])?.first {
            $0["policy"] as? String == "fixed"
        }
        #expect(tally?["conditional"] as? Int == (machine.reachability == "conditional" ? 1 : 0))
        let conflict = (lines.last?["conflicts"] as? [[String: Any]])?
            .first { $0["policy"] as? String == "fixed" }
        #expect(
            machine.isReachable
                ? conflict == nil : Self.spelled(conflict?["reachability"]) == machine.reachability)
    }
}
