// The examples of openapi.yaml are real: each request that stands there is answered as it stands there.

import API
import HTTP
import OpenAPI
import Testing

@Suite struct ExampleTests {
    struct Example: CustomTestStringConvertible, Sendable {
        let operation: String
        let type: String
        let name: String
        let body: JSONValue
        /// With its status; nil where the document leaves the answer open.
        let answer: (status: Int, body: JSONValue)?
        var testDescription: String { "\(operation) \(type) \(name)" }
    }

    /// Every example of a request, with the answer of the same name.
    static let examples: [Example] = Contract.document.operations.flatMap { operation in
        (operation.request?.content ?? [:]).sorted { $0.key < $1.key }.flatMap { type, media in
            media.examples.sorted { $0.key < $1.key }.map { name, body in
                let answers = operation.responses.compactMap { status, response in
                    response.content[MediaType.json]?.examples[name].map { (status, $0) }
                }
                return Example(
                    operation: operation.id, type: type, name: name, body: body, answer: answers.first)
            }
        }
    }

    /// Each is valid and answered, and its answer stands in the document where one does.
    @Test(arguments: examples) func exampleIsAnsweredAsPublished(example: Example) throws {
        let named = Operation.allCases.first { $0.rawValue == example.operation }
        let operation = try #require(named)
        var request = ContractFixture.good(operation)
        request.type = example.type
        request.body = Array((example.body.string ?? example.body.text).utf8)
        if operation == .createPlatform { request.target = "/v1/platforms?id=\(example.name)" }
        // The session's own example must find nothing of its kind.
        if operation == .createDomain { request.target = "/v1/sessions/empty/domains" }
        let fixture = ContractFixture()
        _ = fixture.client.post("/v1/sessions", json: #"{"id":"empty"}"#)
        // The exchange is held against the schemas on its way.
        let answer = fixture.send(request)
        #expect((200..<300).contains(answer.status), "\(answer.text)")
        guard let published = example.answer, operation != .putPlatform else { return }
        #expect(answer.status == published.status)
        let body = try JSONValue(parsing: answer.response.body)
        #expect(body == published.body, "\(answer.text)")
    }

    /// Bodies that are JSON have an example each, and no answer stands alone.
    @Test func examplesAreComplete() {
        for operation in Contract.document.operations {
            let requests = Set(Self.examples.filter { $0.operation == operation.id }.map(\.name))
            if operation.request != nil { #expect(!requests.isEmpty, "\(operation.id) has no example") }
            for (status, response) in operation.responses {
                let alone = Set(response.content.values.flatMap(\.examples.keys)).subtracting(requests)
                #expect(alone.isEmpty, "\(operation.id) \(status): \(alone)")
            }
        }
        #expect(Self.examples.filter { $0.answer != nil }.count >= 7)
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
