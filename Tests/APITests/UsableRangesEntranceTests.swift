// What a running host's ranges leave out: the driver's own window is no obstacle to itself, and a hole that
// holds more than it and the regions told beside the ranges is one. Every entrance says the same.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct UsableRangesEntranceTests {
    struct Host: Sendable, CustomTestStringConvertible {
        var name: String
        var regions: String?
        var holes: [ClosedRange<UInt64>]
        /// Whether the default window works there.
        var works: Bool
        var testDescription: String { name }

        /// Members of a host, a device or an inline subject.
        var members: String {
            var ranges: [String] = []
            var next: UInt64 = 0
            for hole in holes {
                if hole.lowerBound > next {
                    ranges.append(#"{"start":"\#(hex(next))","last":"\#(hex(hole.lowerBound - 1))"}"#)
                }
                next = hole.upperBound + 1
            }
            if next <= 0xffff_ffff_ffff {
                ranges.append(#"{"start":"\#(hex(next))","last":"0xffffffffffff"}"#)
            }
            return (regions.map { #""reserved_regions":[\#($0)],"# } ?? "")
                + #""iova_ranges":[\#(ranges.joined(separator: ","))]"#
        }
    }

    private static let window = #"{"start":"0x8000000","size":"0x100000","type":"msi"}"#
    private static func reserved(_ start: String, _ size: String) -> String {
        #"{"start":"\#(start)","size":"\#(size)","type":"reserved"}"#
    }
    static let hosts: [Host] = [
        Host(name: "the window alone", holes: [0x800_0000...0x80f_ffff], works: true),
        Host(name: "more than the window", holes: [0x800_0000...0x81f_ffff], works: false),
        Host(
            name: "the window and a region beside it",
            regions: window + "," + reserved("0x8100000", "0x100000"),
            holes: [0x800_0000...0x81f_ffff], works: true),
        Host(
            name: "a region beside it, without a line for the window",
            regions: reserved("0x8100000", "0x100000"),
            holes: [0x800_0000...0x81f_ffff], works: true),
        Host(
            name: "regions on both sides",
            regions: reserved("0x7f00000", "0x100000") + "," + reserved("0x8100000", "0x100000"),
            holes: [0x7f0_0000...0x81f_ffff], works: true),
        Host(
            name: "a region that explains half of the rest", regions: reserved("0x8100000", "0x80000"),
            holes: [0x800_0000...0x81f_ffff], works: false),
        Host(
            name: "a region over the window", regions: reserved("0x8000000", "0x200000"),
            holes: [0x800_0000...0x81f_ffff], works: false),
        Host(name: "half of the window", holes: [0x808_0000...0x80f_ffff], works: false),
        Host(
            name: "the end of the aperture", regions: window, holes: [0x800_0000...0xffff_ffff_ffff],
            works: false),
        Host(
            name: "the window and the second base",
            holes: [0x800_0000...0x80f_ffff, 0xa000_0000...0xa00f_ffff], works: true),
    ]

    @Test(arguments: hosts) func everyEntranceSeesTheSameHoles(host: Host) throws {
        let client = ServiceClient()
        let platform =
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_function","smmus":["s"],"#
            + host.members + "}]}"
        let stored = client.ask(
            .put, "/v1/platforms/p", Array(platform.utf8), type: "application/json")
        #expect(stored.status == 201, "\(stored.text)")
        for (entrance, subject) in [
            ("inline", host.members), ("stored", #""platform":"p","device":"d""#),
        ] {
            for consumer in ["vfio_type1", "iommufd"] {
                let answer = client.decide(#"{\#(subject),"consumer":"\#(consumer)","kernel":"6.12"}"#)
                #expect(
                    answer.json["reachable"] as? Bool == host.works,
                    "decision, \(entrance), \(consumer): \(answer.text)")
            }
            let compared = client.post(
                "/v1/comparisons", json: #"{\#(subject),"policies":[{"window_source":"fixed"}]}"#)
            #expect(
                compared.list("items").first?["reachable"] as? Bool == host.works, "comparison, \(entrance)")
        }
        for (entrance, subject) in [("reported", host.members), ("stored", #""platform":"p""#)] {
            let placed = client.post(
                "/v1/placements",
                json: #"{"hosts":[{\#(subject)}],"vm":{"memory_map":[]},"window":{"requested":"0x8000000"}}"#)
            #expect(
                placed.object("requested")["works"] as? Bool == host.works,
                "placement, \(entrance): \(placed.text)")
            let surveyed = client.ask(
                .post, "/v1/surveys", Array(#"{"hosts":[{\#(subject)}]}"#.utf8), type: "application/json",
                headers: [.init("Accept", "application/x-ndjson")]
            ).drained().answer
            let line = Data((surveyed.text.split(separator: "\n").first ?? "").utf8)
            let row = try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any])
            let cell = (row["policies"] as? [String: [String: Any]])?["fixed"]
            #expect(cell?["fits"] as? Bool == host.works, "survey, \(entrance): \(surveyed.text)")
        }
        let decided = try Offline.run("decide", input: #"{\#(host.members),"consumer":"vfio_type1"}"#)
        #expect(decided["reachable"] as? Bool == host.works, "command line")
    }

    /// Ranges up to 2^64-1 are those of an address space without a device, with or without a hole.
    @Test func rangesOfAnAddressSpaceWithoutADevice() {
        let client = ServiceClient()
        for ranges in [
            "[]", #"[{"start":"0x0","last":"0xffffffffffffffff"}]"#,
            #"[{"start":"0x0","last":"0x7ffffff"},{"start":"0x8100000","last":"0xffffffffffffffff"}]"#,
        ] {
            let decided = client.decide(#"{"consumer":"iommufd","iova_ranges":\#(ranges)}"#)
            let placed = client.post(
                "/v1/placements", json: #"{"hosts":[{"iova_ranges":\#(ranges)}],"vm":{"memory_map":[]}}"#)
            let surveyed = client.post("/v1/surveys", json: #"{"hosts":[{"iova_ranges":\#(ranges)}]}"#)
            #expect(decided.json["reachable"] as? Bool == true, "\(decided.text)")
            for (entrance, answer) in [("decision", decided), ("placement", placed), ("survey", surveyed)] {
                let codes = answer.list("warnings").map { $0["code"] as? String }
                #expect(
                    codes.contains { $0?.hasSuffix("ranges_before_attach") == true },
                    "\(entrance): \(answer.text)")
            }
        }
    }
}
