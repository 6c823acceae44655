// Rules and sentences of explanations: whoever explains names rules that GET /v1/rules has, and says of one
// step the same.

import API
import Foundation
import HTTP
import TestSupport
import Testing

@Suite struct RuleEntranceTests {
    private let client = ServiceClient()

    private struct Step: Hashable {
        var rule: String
        var text: String
    }

    private func steps(_ answer: ServiceClient.Answer) -> [Step] {
        (answer.object("explanation")["steps"] as? [[String: Any]] ?? []).map {
            Step(rule: $0["rule"] as? String ?? "", text: $0["text"] as? String ?? "")
        }
    }

    /// Decisions of all consumers and kernels under circumstances that lead the allocator everywhere.
    private func decided() -> [Step] {
        let inline = #""reserved_regions":[{"start":"0x8000000","size":"0x100000"}]"#
        let full = #""reserved_regions":[{"start":"0x0","last":"0xffffffff"}]"#
        var found: [Step] = []
        for kernel in ["6.1", "7.2"] {
            for consumer in ["dma_api", "vfio_type1", "iommufd"] {
                for source in ["fixed", "candidates", "dynamic", "none"] {
                    let more =
                        #""consumer":"\#(consumer)","kernel":"\#(kernel)","window_source":"\#(source)","doorbells":["0x8090040"]"#
                    let answer = client.post("/v1/decisions?explain=full", json: "{\(inline),\(more)}")
                    #expect(answer.status == 200, "\(answer.text)")
                    found += steps(answer)
                }
            }
            for (regions, more) in [
                (full, ""), (full, #","dma_mask":"0xffffffff""#),
                (inline, #","earlier_mappings":[{"size":"0x1000"},{"free":0}]"#),
                (
                    full,
                    #","earlier_mappings":[{"size":"0x1000","dma_mask":"0xffffffff"}],"dma_mask":"0xffffffff""#
                ),
                (inline, #","earlier_mappings":[{"size":"0x1000"},{"free":0}],"dma_mask":"0xffff""#),
            ] {
                let answer = client.post(
                    "/v1/decisions?explain=full",
                    json:
                        #"{\#(regions),"consumer":"dma_api","kernel":"\#(kernel)","doorbells":["0x8090040"]\#(more)}"#
                )
                #expect(answer.status == 200, "\(answer.text)")
                found += steps(answer)
            }
        }
        return found
    }

    /// Each operation of a trace that meets every step of the allocator.
    private func replayed() -> [Step] {
        func alloc(_ op: String, _ id: String, _ size: String, _ limit: String, _ more: String) -> String {
            #"{"op":"\#(op)","size":"\#(size)","limit":"\#(limit)","id":"\#(id)"\#(more)}"#
        }
        let tree = #","aligned":true"#
        let cached = #","flush":true"#
        let traces = [
            [
                #"{"op":"reserve","lo":"0x8000","hi":"0x80ff"}"#,
                #"{"op":"reserve","lo":"0x7f00","hi":"0x8010"}"#,
                #"{"op":"reserve","lo":"0x8000","hi":"0x8001"}"#,
                #"{"op":"reserve","lo":"0x10000000000000","hi":"0x10000000000001"}"#,
                alloc("alloc_fast", "a", "0x1", "0xfffff", cached), #"{"op":"free_fast","id":"a"}"#,
                alloc("alloc_fast", "b", "0x1", "0xfff", cached),
                alloc("alloc_fast", "c", "0x1", "0xfffff", cached),
                alloc("alloc_fast", "d", "0x3", "0xfffff", cached), #"{"op":"free_pfn","pfn":"0x77"}"#,
                alloc("alloc", "e", "0x1", "0xfffffffff", tree), #"{"op":"free","id":"e"}"#,
                alloc("alloc", "f", "0x1", "0xffffffffffffffff", tree), #"{"op":"tick"}"#,
            ],
            [
                alloc("alloc", "a", "0x8", "0x3", tree), alloc("alloc", "b", "0x8", "0xfffff", tree),
                alloc("alloc", "c", "0x1", "0x3", tree), alloc("alloc", "d", "0x1", "0x7", tree),
                alloc("alloc_fast", "e", "0x1", "0x2", cached),
                alloc("alloc_fast", "f", "0x1", "0x1", cached),
                #"{"op":"free","id":"d"}"#,
            ],
        ]
        var found: [Step] = []
        for operations in traces {
            for index in operations.indices {
                let answer = client.post(
                    "/v1/replays?explain=full&operation=\(index)",
                    json: #"{"ops":[\#(operations.joined(separator: ","))]}"#)
                #expect(answer.status == 200, "\(answer.text)")
                found += steps(answer)
            }
        }
        return found
    }

    @Test func rulesOfExplanationsAreListed() {
        let known = Set(client.get("/v1/rules").list("items").compactMap { $0["id"] as? String })
        #expect(known.count > 50)
        for (entrance, steps) in [("decision", decided()), ("replay", replayed())] {
            let rules = Set(steps.map(\.rule))
            #expect(rules.count > 10 && !rules.contains(""), "\(entrance)")
            #expect(rules.subtracting(known).sorted() == [], "\(entrance)")
        }
    }

    /// A refusal of a session's verb explains itself with the rules of decisions.
    @Test func sessionsNameRulesThatAreListed() {
        let known = Set(client.get("/v1/rules").list("items").compactMap { $0["id"] as? String })
        let direct =
            #"{"id":"d0","consumer":"vfio_type1","devices":[{"id":"x","description":{"reserved_regions":"#
            + #"[{"start":"0x1000","size":"0x1000","type":"direct"}]}}]}"#
        #expect(client.post("/v1/sessions", json: #"{"id":"s"}"#).status == 201)
        let refused = client.post("/v1/sessions/s/domains", json: direct)
        #expect(refused.status == 409)
        #expect(Set(steps(refused).map(\.rule)).subtracting(known) == [])
    }

    @Test func oneThingIsSaidInTheSingular() throws {
        let wrong = try NSRegularExpression(pattern: #"\b1 (cached )?(pages|ranges)\b"#)
        for step in decided() + replayed() {
            let all = NSRange(step.text.startIndex..., in: step.text)
            #expect(wrong.firstMatch(in: step.text, range: all) == nil, "\(step.rule): \(step.text)")
        }
    }

    /// The DMA layer's first page, and the same call of the allocator as a trace.
    @Test(arguments: ["6.1", "7.2"])
    func aStepReadsTheSameInADecisionAndInAReplay(kernel: String) {
        let below = #"{"start":"0x1000","last":"0xffffffff"}"#
        let reserve = #"{"op":"reserve","lo":"0x1","hi":"0xfffff"}"#
        let fast = #""op":"alloc_fast","size":"0x1","flush":"#
        let top = #"{\#(fast)false,"limit":"0xfffff","id":"a"}"#
        let cases: [(regions: String, more: String, ops: [String], asked: [Int])] = [
            ("", "", [top], [0]),
            (
                below, "", [reserve, top, #"{\#(fast)true,"limit":"0xfffffffff","id":"b"}"#], [1, 2]
            ),
            (
                below, #","dma_mask":"0xffffffff""#,
                [reserve, #"{\#(fast)true,"limit":"0xfffff","id":"a"}"#], [1]
            ),
        ]
        for (regions, more, ops, asked) in cases {
            let decision = client.post(
                "/v1/decisions?explain=full",
                json: #"{"reserved_regions":[\#(regions)],"consumer":"dma_api","kernel":"\#(kernel)","#
                    + #""aperture_bits":48\#(more),"doorbells":["0x8090040"]}"#)
            let layers = Set(["alloc.exhausted"])
            let mine = steps(decision).filter { $0.rule.hasPrefix("alloc.") && !layers.contains($0.rule) }
            let theirs = asked.flatMap { index in
                steps(
                    client.post(
                        "/v1/replays?explain=full&operation=\(index)",
                        json:
                            #"{"kernel":"\#(kernel)","start_pfn":"0x1","ops":[\#(ops.joined(separator: ","))]}"#
                    ))
            }
            #expect(!mine.isEmpty)
            #expect(mine == theirs)
        }
    }
}
