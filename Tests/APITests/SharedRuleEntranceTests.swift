// Rules that several entrances apply: what a host's own ranges leave out, sizes and bases of windows, and
// which devices a session takes. Whoever is asked says the same.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct SharedRuleEntranceTests {
    private let client = ServiceClient()
    private let asked = #""consumer":"vfio_type1""#

    private func upload(_ members: String) {
        let platform =
            #"{"smmus":[{"id":"s","version":"v3"}],"devices":[{"id":"d","kind":"pci_function","smmus":["s"],"#
            + members + "}]}"
        let stored = client.ask(
            .put, "/v1/platforms/p", Array(platform.utf8), type: "application/json")
        #expect(stored.status == 201, "\(stored.text)")
    }

    private func codes(_ answer: ServiceClient.Answer) -> [String] {
        answer.list("errors").compactMap { $0["code"] as? String }
    }

    /// Ranges with a hole at 0xa000000.
    private static let holed =
        #""iova_ranges":[{"start":"0x0","last":"0x9ffffff"},{"start":"0xa100000","last":"0xffffffffff"}]"#

    @Test(arguments: ["vfio_type1", "iommufd"])
    func aSessionKeepsToTheRangesOfItsHost(consumer: String) throws {
        upload(Self.holed)
        let decided = client.decide(
            #"{"platform":"p","device":"d","consumer":"\#(consumer)","map_checks":[{"iova":"0xa000000","size":"0x1000"}]}"#
        )
        #expect(decided.list("map_checks").first?["errno"] as? String == "EINVAL", "\(decided.text)")
        #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        let domain =
            #"{"id":"m","consumer":"\#(consumer)","devices":[{"platform":"p","device":"d"}]}"#
        #expect(client.post("/v1/sessions/s/domains", json: domain).status == 201)
        let map = #"{"iova":"0xa000000","size":"0x1000"}"#
        #expect(client.post("/v1/sessions/s/domains/m/iovas", json: map).status == 409)
        let state = client.get("/v1/sessions/s/state").drained().answer
        #expect(state.text.contains("iova_ranges"), "\(state.text)")
        #expect(client.ask(.delete, "/v1/sessions/s").status == 204)
        let restored = client.post("/v1/sessions", json: state.text)
        #expect(restored.status == 201, "\(restored.text)")
        #expect(client.post("/v1/sessions/s/domains/m/iovas", json: map).status == 409)
        #expect(
            client.post(
                "/v1/sessions/s/domains/m/iovas", json: #"{"iova":"0xb000000","size":"0x1000"}"#
            ).status == 201)
    }

    /// A hole in ranges from before an attach says nothing.
    @Test func rangesFromBeforeAnAttachHaveNoGaps() {
        let ranges =
            #""iova_ranges":[{"start":"0x0","last":"0x7efffff"},{"start":"0x9000000","last":"0xffffffffffffffff"}]"#
        upload(ranges)
        for subject in [ranges, #""platform":"p","device":"d""#] {
            for consumer in ["vfio_type1", "iommufd"] {
                let decided = client.decide(#"{\#(subject),"consumer":"\#(consumer)"}"#)
                #expect(decided.json["reachable"] as? Bool == true, "\(decided.text)")
            }
        }
        for host in [ranges, #""platform":"p""#] {
            let placed = client.post(
                "/v1/placements", json: #"{"hosts":[{\#(host)}],"vm":{"memory_map":[]}}"#)
            #expect(placed.object("default")["works"] as? Bool == true, "\(placed.text)")
        }
    }

    @Test func aLargerWindowAtTheDefaultNeedsAnOption() {
        for (size, isNeeded) in [("0x100000", false), ("0x200000", true)] {
            let placed = client.post(
                "/v1/placements",
                json:
                    #"{"hosts":[{"reserved_regions":[]}],"vm":{"memory_map":[]},"window":{"size":"\#(size)"}}"#
            )
            #expect(placed.json["verdict"] as? String == "default_works")
            #expect(placed.object("iommufd_options")["needed"] as? Bool == isNeeded)
            let because = placed.json["because"] as? String ?? ""
            #expect(because.contains("option") == isNeeded, "\(because)")
        }
    }

    @Test func windowsHaveOneBound() {
        let size = "0x2000000000000"
        upload(#""reserved_regions":[]"#)
        let answers = [
            client.post(
                "/v1/placements",
                json:
                    #"{"hosts":[{"reserved_regions":[]}],"vm":{"memory_map":[]},"window":{"size":"\#(size)"}}"#
            ),
            client.get("/v1/platforms/p/available-windows?device=d&size=\(size)"),
            client.decide(
                #"{\#(asked),"reserved_regions":[],"window_source":{"kind":"dynamic","size":"\#(size)"}}"#),
            client.decide(
                #"{\#(asked),"reserved_regions":[],"window_source":{"kind":"candidates","size":"\#(size)"}}"#),
        ]
        for answer in answers {
            let details = answer.list("errors").compactMap { $0["detail"] as? String }
            #expect(details == ["A window has at most 281474976710656 bytes."], "\(answer.text)")
        }
    }

    @Test func noWindowPasses2To64() {
        let base = "0xfffffffffff00001"
        let host = #""reserved_regions":[]"#
        let vm = #""vm":{"memory_map":[]}"#
        let answers = [
            client.post(
                "/v1/placements",
                json: #"{"hosts":[{\#(host),"options":[{"device":"d","sw_msi_start":"\#(base)"}]}],\#(vm)}"#),
            client.post("/v1/surveys", json: #"{"hosts":[{\#(host)}],"constants":["\#(base)"]}"#),
            client.decide(
                #"{\#(asked),\#(host),"window_source":{"kind":"candidates","bases":["\#(base)"]}}"#),
        ]
        for answer in answers {
            #expect(answer.status == 422 && codes(answer) == ["wraps"], "\(answer.text)")
            let details = answer.list("errors").compactMap { $0["detail"] as? String }
            #expect(details == ["A window of 0x100000 bytes there would pass 2^64."], "\(answer.text)")
        }
        // Whether the requested base works is a question, not a mistake.
        let placed = client.post(
            "/v1/placements", json: #"{"hosts":[{\#(host)}],\#(vm),"window":{"requested":"\#(base)"}}"#)
        #expect(placed.object("requested")["works"] as? Bool == false, "\(placed.text)")
        let warning = placed.list("warnings").first { $0["code"] as? String == "requested_blocked" }
        #expect((warning?["detail"] as? String)?.contains("pass 2^64") == true, "\(placed.text)")
    }

    @Test func nobodyReservesTheWholeSpace() {
        let whole = #"{"start":"0x0","last":"0xffffffffffffffff"}"#
        #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        #expect(client.post("/v1/sessions/s/domains", json: #"{"id":"m"}"#).status == 201)
        let answers = [
            client.decide(#"{\#(asked),"reserved_regions":[\#(whole)]}"#),
            client.post("/v1/sessions/s/domains/m/reserved-regions", json: whole),
        ]
        for answer in answers {
            #expect(answer.status == 422 && codes(answer) == ["full-space"], "\(answer.text)")
        }
    }

    @Test func powersOfTwoAreOneRule() {
        let vm = #""vmm":"qemu-virt","ram":"0x100000000""#
        let host = #""hosts":[{"reserved_regions":[]}]"#
        for body in [
            #"{\#(host),"vm":{\#(vm),"highmem_mmio_size":"0xc000000000"}}"#,
            #"{\#(host),"vm":{\#(vm)},"window":{"alignment":"0x300000"}}"#,
        ] {
            let answer = client.post("/v1/placements", json: body)
            #expect(answer.status == 422 && codes(answer) == ["not-a-power-of-two"], "\(answer.text)")
        }
    }

    /// What attaches by name is exported, and the export can be imported.
    @Test func aDeviceWithManyWindowsAndSMMUsComesBack() {
        let smmus = (0..<65).map { #"{"id":"s\#($0)","version":"v3"}"# }.joined(separator: ",")
        let names = (0..<65).map { #""s\#($0)""# }.joined(separator: ",")
        let windows = (0..<1_025).map {
            #"{"bus":"\#(hex(0x4000_0000 + UInt64($0) * 0x10000))","size":"0x1000"}"#
        }.joined(separator: ",")
        let platform =
            #"{"smmus":[\#(smmus)],"devices":[{"id":"d","kind":"pci_function","smmus":[\#(names)],"#
            + #""pci_windows":[\#(windows)]}]}"#
        let stored = client.ask(
            .put, "/v1/platforms/p", Array(platform.utf8), type: "application/json")
        #expect(stored.status == 201, "\(stored.text)")
        #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        let domain = #"{"id":"m","consumer":"iommufd","devices":[{"platform":"p","device":"d"}]}"#
        #expect(client.post("/v1/sessions/s/domains", json: domain).status == 201)
        let state = client.get("/v1/sessions/s/state").drained().answer
        #expect(client.ask(.delete, "/v1/sessions/s").status == 204)
        let restored = client.post("/v1/sessions", json: state.text)
        #expect(restored.status == 201, "\(restored.text.prefix(500))")
    }
}
