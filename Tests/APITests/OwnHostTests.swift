// What hosts of one question have for themselves where their kernels and pages differ: their kernel, their
// window and the pages of their doorbells, in placements and in agreements; and what is said of all of them.

import Foundation
import HTTP
import Testing

@testable import API

@Suite struct OwnHostTests {
    private let fixture = AgreementFixture()
    private var client: ServiceClient { fixture.client }

    private static let vm = AgreementFixture.vm
    private static let mixed =
        #""kernel":"6.12","hosts":[{"name":"a","reserved_regions":[]},"#
        + #"{"name":"b","reserved_regions":[],"kernel":"6.6.31-64k"},"#
        + #"{"name":"c","reserved_regions":[],"page_size":"16K"}]"#

    private func starts(_ host: [String: Any]) -> [String] { host["doorbell_iovas"] as? [String] ?? [] }

    private func text(_ window: Any?) -> String {
        guard let window = window as? [String: Any] else { return "none" }
        return "\(window["start"] as? String ?? "")...\(window["last"] as? String ?? "")"
    }

    private static let own = [
        ["0x8000000", "0x8001000", "0x8002000"], ["0x8000000", "0x8010000", "0x8020000"],
        ["0x8000000", "0x8004000", "0x8008000"],
    ]

    @Test func eachHostHasItsOwn() {
        let placed = client.post(
            "/v1/placements", json: #"{\#(Self.mixed),"doorbell_count":3,\#(Self.vm)}"#)
        #expect(placed.object("model")["kernel"] as? String == "6.12", "\(placed.text)")
        let hosts = placed.list("per_host")
        #expect(hosts.map { $0["kernel"] as? String } == [nil, "6.6.31-64k", nil])
        // The largest pages are those of the window.
        #expect(hosts.map { $0["page_size"] as? String } == ["0x1000", nil, "0x4000"])
        #expect(hosts.map(starts) == Self.own)
        for host in hosts { #expect(text(host["window"]) == "0x8000000...0x80fffff") }
    }

    /// A window is as large as the pages of its own host need it, where no guest sees it.
    @Test func windowsAreOfTheirPages() {
        func ask(_ vm: String) -> ServiceClient.Answer {
            client.post(
                "/v1/placements",
                json: #"{"hosts":[{"name":"a","reserved_regions":[]},"#
                    + #"{"name":"b","reserved_regions":[],"page_size":"64K"}],"doorbell_count":20,\#(vm)}"#)
        }
        let placed = ask(Self.vm)
        #expect(placed.json["size"] as? String == "0x200000", "\(placed.text)")
        let windows = placed.list("per_host").map { text($0["window"]) }
        #expect(windows == ["0x8000000...0x80fffff", "0x8000000...0x81fffff"])
        let remedies = placed.list("remedies").map { $0["kind"] as? String }
        #expect(remedies == ["doorbells_at_most", "without_hosts"], "\(placed.text)")
        let others = placed.list("remedies").last?["hosts"] as? [String]
        #expect(others == ["b"])
        // What the guest is told is one for all.
        let nested = ask(#""vm":{"vmm":"openvmm-linux","ram":"1G","viommu":"nested_smmuv3"}"#)
        #expect(
            nested.list("per_host").map { text($0["window"]) } == [
                "0x8000000...0x81fffff", "0x8000000...0x81fffff",
            ], "\(nested.text)")
    }

    /// What lies in the second MiB is in the way only of the host that needs it.
    @Test func blockersAreOfTheirWindows() {
        let taken = #"{"start":"0x8180000","size":"0x1000","type":"reserved"}"#
        let placed = client.post(
            "/v1/placements",
            json: #"{"hosts":[{"name":"a","reserved_regions":[\#(taken)]},"#
                + #"{"name":"b","reserved_regions":[\#(taken)],"page_size":"64K"}],"#
                + #""doorbell_count":20,\#(Self.vm)}"#)
        let verdicts = placed.list("per_host").map { $0["verdict"] as? String }
        #expect(verdicts == ["default_works", "movable"], "\(placed.text)")
        let blockers = placed.list("per_host").map {
            ($0["default"] as? [String: Any])?["blockers"] as? [[String: Any]] ?? []
        }
        #expect(blockers.map(\.count) == [0, 1])
    }

    /// What agreements say of all hosts holds on each; where it cannot, it is said why.
    @Test func agreementsSayWhatHoldsOnAll() throws {
        func propose(_ id: String, _ count: Int) -> ServiceClient.Answer {
            fixture.ask(
                .post, "/v1/agreements",
                #"{"id":"\#(id)",\#(Self.mixed),"doorbell_count":\#(count),\#(Self.vm)}"#)
        }
        let one = propose("x", 1)
        #expect(one.status == 201 && one.json["doorbell_iovas"] as? [String] == ["0x8000000"], "\(one.text)")
        #expect(one.json["doorbell_iovas_because"] == nil)
        let three = propose("y", 3)
        #expect(three.json["doorbell_iovas"] is NSNull, "\(three.text)")
        let because = three.json["doorbell_iovas_because"] as? String
        #expect(because?.contains("pages of different sizes") == true)
        let hosts = three.list("hosts")
        #expect(hosts.map(starts) == Self.own)
        #expect(hosts.map { $0["kernel"] as? String } == [nil, "6.6.31-64k", nil])
        #expect(hosts.map { $0["page_size"] as? String } == ["0x1000", nil, "0x4000"])
        let check = fixture.ask(
            .post, "/v1/agreements/y/checks",
            #"{"host":{"name":"d","reserved_regions":[],"page_size":"16K"}}"#)
        #expect(starts(check.json) == Self.own[2] && check.json["page_size"] as? String == "0x4000")
    }

    /// A platform that is replaced by one with another kernel is told with that.
    @Test func replacedPlatformsAreToldAsTheyAre() {
        func host(_ release: String, _ pageSize: Int) -> String {
            #"{"collected":{"format":1,"kernel_release":"\#(release)","page_size":\#(pageSize),"groups":[{"id":"0","#
                + #""type":"DMA","devices":["0000:01:00.0"],"paths":["../pci0000:00/0000:01:00.0"],"#
                + #""reserved_regions":"0x0000000008000000 0x00000000080fffff msi\n"}],"notes":[]}}"#
        }
        fixture.put("p", host("6.6.31", 4096))
        let made = fixture.ask(
            .post, "/v1/agreements",
            #"{"id":"z","hosts":[\#(AgreementFixture.host("p"))],"doorbell_count":2,\#(Self.vm)}"#)
        #expect(made.list("hosts").map(starts) == [["0x8000000", "0x8001000"]], "\(made.text)")
        fixture.put("p", host("6.12.9-64k", 65536))
        let after = fixture.read("z")
        #expect(after.list("hosts").map { $0["kernel"] as? String } == ["6.12.9-64k"], "\(after.text)")
        #expect(after.list("hosts").map(starts) == [["0x8000000", "0x8010000"]])
        #expect(after.json["doorbell_iovas"] as? [String] == ["0x8000000", "0x8010000"])
    }

    /// Where doorbells keep their addresses there is no window, whatever others have.
    @Test func hardwareRegionsHaveNoWindow() {
        let hosts =
            #""hosts":[{"name":"a","reserved_regions":[]},{"name":"b","reserved_regions":["#
            + #"{"start":"0x10000000","size":"0x10000","type":"msi"}]}]"#
        let placed = client.post("/v1/placements", json: "{\(hosts),\(Self.vm)}")
        #expect(placed.list("per_host").map { text($0["window"]) } == ["0x8000000...0x80fffff", "none"])
        #expect(placed.list("per_host").map(starts) == [["0x8000000"], []])
        let made = fixture.ask(.post, "/v1/agreements", #"{"id":"h",\#(hosts),\#(Self.vm)}"#)
        #expect(made.list("hosts").map { text($0["window"]) } == ["0x8000000...0x80fffff", "none"])
        #expect(made.list("hosts").map(starts) == [["0x8000000"], []], "\(made.text)")
    }
}
