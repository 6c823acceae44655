// The examples of openapi.yaml are real: each request that stands there is answered as it stands there.

import APIService
import Foundation
import HTTPMessages
import TestSupport
import Testing

@Suite struct ExampleTests {
    private struct Exchange {
        var path = ""
        var status = 0
        var answer: Any = NSNull()
    }

    /// Examples are lines `name: { summary: "...", value: JSON }` below their media type for requests, and
    /// `name: { value: JSON }` below their status for answers; the name holds the two together.
    private func examples() throws -> (
        requests: [String: (type: String, body: Any)], answers: [String: Exchange]
    ) {
        let file = SharedShelf.packageRoot.appendingPathComponent("openapi.yaml")
        var requests: [String: (type: String, body: Any)] = [:]
        var answers: [String: Exchange] = [:]
        var (path, status, type) = ("", 0, "")
        for line in try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n") {
            let bare = line.drop { $0 == " " }
            if line.hasPrefix("  /") { path = String(bare.prefix { $0 != ":" }) }
            if bare.hasPrefix("\""), let code = Int(bare.dropFirst().prefix(3)) { status = code }
            let key = bare.prefix { $0 != ":" }
            if key.contains("/"), !key.hasPrefix("/") { type = String(key) }
            guard let brace = bare.range(of: ": { "), bare.hasSuffix(" }"),
                let value = bare.range(of: "value: ")
            else { continue }
            let opening = bare[brace.upperBound...]
            guard
                opening.hasPrefix("value: ") || opening.hasPrefix("summary: ") && bare.contains("\", value: ")
            else { continue }
            let json = try JSONSerialization.jsonObject(
                with: Data(bare[value.upperBound...].dropLast(2).utf8), options: .fragmentsAllowed)
            let name = String(bare[..<brace.lowerBound])
            if opening.hasPrefix("summary: ") {
                requests[name] = (type, json)
            } else {
                answers[name] = Exchange(path: path, status: status, answer: json)
            }
        }
        return (requests, answers)
    }

    @Test func examplesAreAnsweredAsPublished() throws {
        let (requests, answers) = try examples()
        #expect(Set(requests.keys) == Set(answers.keys) && answers.count >= 7)
        // The version that the published answers were computed by.
        let model =
            try #require(answers["context-fault"]?.answer as? [String: Any])["model"] as? [String: Any]
        let version = try #require(model?["engine"] as? String)
        let client = ServiceClient(Service.Configuration(version: version))
        for (name, exchange) in answers.sorted(by: { $0.key < $1.key }) {
            let request = try #require(requests[name])
            let body =
                try (request.body as? String).map { Array($0.utf8) }
                ?? Array(JSONSerialization.data(withJSONObject: request.body))
            let query = exchange.path == "/v1/platforms" ? "?id=\(name)" : ""
            let answer = client.ask(.post, exchange.path + query, body, type: request.type)
            #expect(answer.status == exchange.status, "\(name): \(answer.text)")
            let published = try #require(exchange.answer as? NSDictionary)
            #expect(answer.json as NSDictionary == published, "\(name): \(answer.text)")
        }
    }

    /// Every kind under every label: what is plainly the other is read so, and said.
    @Test func wrongLabelsAreOverruled() throws {
        let client = ServiceClient()
        let trace = "a-1 [0] 1.0: map: IOMMU: iova=0xfffff000 - 0x100000000 paddr=0x4000 size=4096\n"
        let fault = "arm-smmu a.iommu: Unhandled context fault: fsr=0x402, iova=0x40, fsynr=0x13, cb=1\n"
        let vector = "{\"granule\":\"0x1000\",\"start_pfn\":\"0x1\",\"ops\":[]}"
        let lines = "{\"lines\":[\"\(fault.dropLast())\"]}"
        let journal = "{\"MESSAGE\":\"\(fault.dropLast())\"}\n"
        let (plain, json) = ("text/plain", "application/json")
        let cases: [(path: String, body: String, type: String, kind: String?, isMismatch: Bool)] = [
            ("/v1/replays", trace, plain, "iommu_trace", false),
            ("/v1/replays", trace, json, "iommu_trace", true),
            ("/v1/replays", vector, json, nil, false),
            ("/v1/replays", vector, plain, nil, true),
            ("/v1/fault-explanations", fault, plain, "fault_explanations", false),
            ("/v1/fault-explanations", fault, json, "fault_explanations", true),
            ("/v1/fault-explanations", lines, json, "fault_explanations", false),
            ("/v1/fault-explanations", lines, plain, "fault_explanations", true),
            ("/v1/fault-explanations", journal, plain, "fault_explanations", false),
        ]
        for (path, body, type, kind, isMismatch) in cases {
            let answer = client.ask(.post, path, Array(body.utf8), type: type)
            #expect(answer.status == 200 && answer.json["kind"] as? String == kind, "\(body): \(answer.text)")
            #expect(
                answer.list("findings").map { $0["code"] as? String }
                    == (isMismatch ? ["content-type-mismatch"] : []), "\(type) \(body)")
        }
        let misplaced = [
            ("/v1/replays", fault, "/v1/fault-explanations"),
            ("/v1/fault-explanations", trace, "/v1/replays"),
            ("/v1/replays", "0x8000000 0x80fffff msi\n", "/v1/platforms"),
            ("/v1/fault-explanations", "{\"hosts\":[]}", "application/json"),
        ]
        for (path, body, place) in misplaced {
            let answer = client.ask(.post, path, Array(body.utf8), type: plain)
            #expect(answer.status == 422 && answer.text.contains(place), "\(answer.text)")
        }
        // Near misses are named by line, not by the list of all kinds.
        for line in ["8000000 80fffff msi", "0x8000000 0x80fffff MSI", "0x1000 0x1fff direct_relaxable"] {
            let answer = client.ask(.post, "/v1/platforms", Array(line.utf8), type: plain)
            #expect(answer.status == 422 && answer.text.contains("line 1"), "\(answer.text)")
        }
    }
}
