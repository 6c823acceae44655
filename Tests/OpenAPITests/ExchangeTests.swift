// An exchange that the document does not allow is told: each way in which one can be wrong, once.

import OpenAPI
import Testing

@Suite struct ExchangeTests {
    private static let yaml = """
        openapi: 3.1.0
        info: { title: t, version: "1" }
        paths:
          /things/{id}:
            parameters:
              - { name: id, in: path, required: true, schema: { type: string } }
            post:
              operationId: make
              parameters: [{ name: q, in: query, schema: { type: integer, maximum: 9 } }]
              requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/A" } }, text/plain: {} } }
              responses:
                "200":
                  description: d
                  headers: { ETag: { required: true, schema: { type: string } } }
                  content:
                    application/json: { schema: { $ref: "#/components/schemas/X" } }
                    application/x-ndjson: { schema: { type: integer } }
                "204": { description: d }
                "422":
                  description: d
                  content: { application/problem+json: { schema: { $ref: "#/components/schemas/Problem" } } }
          /{file}:
            get: { operationId: file, responses: { "200": { description: d, content: { "*/*": {} } } } }
        components:
          schemas:
            Problem: { type: object, properties: { code: { type: string } } }
            A: { type: object, properties: { a: { type: integer } } }
            X: { type: object, required: [x], properties: { x: { type: integer } } }
            StreamEvent:
              type: object
              properties:
                id: { type: integer }
                event: { enum: [made] }
                data: { $ref: "#/components/schemas/X" }
        """

    private func faults(
        _ method: String = "POST", _ target: String = "/things/1", type: String? = "application/json",
        body: String = #"{"a":1}"#, status: Int = 200, answer: String = #"{"x":1}"#,
        headers: [String: String] = [:]
    ) throws -> [String] {
        let document = try OpenAPIDocument(yaml: Self.yaml)
        var fields = ["content-type": "application/json; charset=utf-8"].merging(headers) { $1 }
        if status == 200, method == "POST", fields["etag"] == nil { fields["etag"] = "1" }
        return document.faults(
            of: Exchange(
                method: method, target: target, requestType: type, request: Array(body.utf8), status: status,
                responseHeaders: fields.filter { $0.value != "-" }, response: Array(answer.utf8)))
    }

    private let problem = ["content-type": "application/problem+json"]

    @Test func whatIsPublishedIsAllowed() throws {
        #expect(try faults().isEmpty)
        #expect(try faults("POST", "/things/1?q=9").isEmpty)
        #expect(try faults(type: "text/plain", body: "any").isEmpty)
        #expect(try faults(status: 204, answer: "").isEmpty)
        #expect(try faults(body: "{", status: 422, answer: #"{"code":"c"}"#, headers: problem).isEmpty)
        #expect(try faults("DELETE", "/none", status: 405, answer: "{}", headers: problem).isEmpty)
        #expect(try faults(answer: "1\n2\n", headers: ["content-type": "application/x-ndjson"]).isEmpty)
        #expect(
            try faults("GET", "/js/a.js", body: "", answer: "x", headers: ["content-type": "a/b"]).isEmpty)
        #expect(try faults("HEAD", "/a", body: "", answer: "x").isEmpty)
    }

    @Test func whatIsNotPublishedIsTold() throws {
        #expect(try faults(status: 201) != [])
        #expect(try faults(answer: #"{"x":1,"y":2}"#) != [])
        #expect(try faults(answer: "{}") != [])
        #expect(try faults(answer: "x") != [])
        #expect(try faults(answer: "text", headers: ["content-type": "text/plain"]) != [])
        #expect(try faults(answer: "1\n\"a\"\n", headers: ["content-type": "application/x-ndjson"]) != [])
        #expect(try faults(answer: "1\n2", headers: ["content-type": "application/x-ndjson"]) != [])
        #expect(try faults(headers: ["etag": "-"]) != [])
        #expect(try faults(status: 204) != [])
        #expect(try faults("DELETE", "/none", status: 200) != [])
        #expect(try faults("DELETE", "/none", status: 404, answer: "{}") != [])
        #expect(try faults(status: 401, answer: "{}", headers: problem) != [])
        #expect(try faults(status: 204, answer: "", headers: ["etag": "1"]) != [])
    }

    @Test func acceptedRequestsAreTooWide() throws {
        #expect(try faults(body: #"{"a":"1"}"#) != [])
        #expect(try faults(body: #"{"b":1}"#) != [])
        #expect(try faults(body: "text") != [])
        #expect(try faults(type: "text/csv") != [])
        #expect(try faults("POST", "/things/1?m=1") != [])
        #expect(try faults("POST", "/things/1?q=10") != [])
        #expect(try faults("GET", "/a", body: "{}") != [])
    }

    @Test func eventsAreHeldToo() throws {
        let document = try OpenAPIDocument(yaml: Self.yaml)
        #expect(document.eventFaults(": hello\n\nid: 1\nevent: made\ndata: {\"x\":1}\n\n").isEmpty)
        #expect(document.eventFaults("event: other\ndata: {}\n\n") != [])
        #expect(document.eventFaults("event: made\ndata: {\"y\":1}\n\n") != [])
        #expect(document.eventFaults("event: made\ndata: none\n\n") != [])
    }
}
