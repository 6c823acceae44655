// A direct region: from 6.6 Linux refuses its device to user space, before that the region is kept free and
// nothing else. Decisions, placements and lists of a host say the same of one kernel, and a relaxable region
// is reported whichever device of its group is asked about.

import HTTP
import TestSupport
import Testing

@Suite struct DirectRegionEntranceTests {
    struct Kernel: Sendable, CustomTestStringConvertible {
        var json: String
        var refuses: Bool
        var testDescription: String { json }
    }

    static let kernels = [
        Kernel(json: #""6.1""#, refuses: false), Kernel(json: #""6.6""#, refuses: true),
        Kernel(json: #""7.3""#, refuses: true),
        Kernel(
            json: #"{"release":"6.12","overrides":{"refuses_blocking_direct":false}}"#, refuses: false),
    ]

    private func client(isRelaxable: Bool) -> ServiceClient {
        var builder = IORTBuilder()
        let smmu = builder.smmuV3(base: 0x905_0000, [])
        builder.namedComponent("NC0", [.init(0, 0, 0x20, to: smmu, single: true)])
        builder.namedComponent("NC1", [.init(0, 0, 0x21, to: smmu, single: true)])
        builder.memoryRanges(
            [(0x800_0000, 0x10_0000)], flags: isRelaxable ? 1 : 0, [.init(0, 0, 0x20, to: smmu)])
        let client = ServiceClient()
        let made = client.ask(
            .post, "/v1/platforms?id=m", builder.table(), type: "application/vnd.acpi.table")
        #expect(made.status == 201, "\(made.text)")
        return client
    }

    private func warning(_ code: String, _ answer: ServiceClient.Answer) -> [String: Any]? {
        answer.list("warnings").first { $0["code"] as? String == code }
    }

    @Test(arguments: kernels) func entrancesSayTheSame(kernel: Kernel) {
        let client = client(isRelaxable: false)
        let list = #""reserved_regions":[{"start":"0x8000000","size":"0x100000","type":"direct"}]"#
        let places = [
            (#""platform":"m","device":"NC0""#, #"{"platform":"m","devices":["NC0"]}"#), (list, "{\(list)}"),
        ]
        for (subject, host) in places {
            let decided = client.decide(
                #"{\#(subject),"consumer":"vfio_type1","kernel":\#(kernel.json),"window_source":"dynamic"}"#)
            let outcome = decided.json["outcome"] as? String
            #expect(outcome == (kernel.refuses ? "refused" : "window"), "\(decided.text)")
            let told = warning("direct_region_unenforced", decided)
            #expect((told == nil) == kernel.refuses, "\(decided.text)")
            let placed = client.post(
                "/v1/placements",
                json: #"{"hosts":[\#(host)],"vm":{"memory_map":[]},"kernel":\#(kernel.json)}"#)
            #expect(
                placed.json["verdict"] as? String == (kernel.refuses ? "none" : "movable"), "\(placed.text)")
            #expect((warning("direct_region", placed) == nil) != kernel.refuses, "\(placed.text)")
            // A list's own provenance is worded by each entrance.
            let same = warning("direct_region_unenforced", placed)?["detail"] as? String
            #expect((same == nil) == kernel.refuses, "\(placed.text)")
            // What is said of a kernel with overrides is not true of the release.
            let isOverridden = kernel.json.contains("overrides")
            #expect(
                kernel.refuses || same?.contains("; this kernel drops") == isOverridden, "\(placed.text)")
            if subject != list { #expect(same == told?["detail"] as? String, "\(placed.text)") }
        }
    }

    @Test(arguments: ["5.10", "6.1", "7.3"]) func relaxableRegionsOfMatesAreTold(kernel: String) {
        let client = client(isRelaxable: true)
        func decided(_ device: String, mate: String) -> ServiceClient.Answer {
            client.decide(
                #"{"platform":"m","device":"\#(device)","group_mates":{"after":["\#(mate)"]},"#
                    + #""consumer":"vfio_type1","kernel":"\#(kernel)"}"#)
        }
        let own = decided("NC0", mate: "NC1")
        let mates = decided("NC1", mate: "NC0")
        let detail = warning("window_in_relaxable_region", own)?["detail"] as? String
        #expect(detail != nil, "\(own.text)")
        #expect(warning("window_in_relaxable_region", mates)?["detail"] as? String == detail, "\(mates.text)")
        for answer in [own, mates] {
            #expect(answer.json["reachable"] as? Bool == true, "\(answer.text)")
            let because = answer.json["because"] as? String ?? ""
            let words =
                "user space; only the device's own driver needs 0x8000000...0x80fffff (IORT RMR node at "
            #expect(because.contains(words) && because.hasSuffix(")."), "\(because)")
        }
    }
}
