// JSON and YAML are read strictly, and a document with anything that is not read is refused.

import OpenAPI
import Testing

@Suite struct ReadingTests {
    @Test(arguments: [
        "", "{", "[1,]", "{\"a\":1,}", "01", "1.", "1e", "+1", ".5", "nul", "'a'", "{a:1}", "1 2", "\"\t\"",
        "\"\\x\"", "\"\\ud800\"", "{\"a\":1,\"a\":2}", "// c\n1", "NaN", "[1 2]", "\"a",
    ])
    func wrongJSONIsRefused(text: String) {
        #expect(throws: (any Error).self) { try JSONValue(parsing: text) }
    }

    @Test func rightJSONIsRead() throws {
        let text = #" {"a":[null,true,-1,0.5,1e2,"\u00e9\ud83d\ude00\n/"],"":{}} "#
        let value = try JSONValue(parsing: text)
        #expect(
            value
                == .object([
                    "a": .array([
                        .null, .bool(true), .integer(-1), .number(0.5), .number(100), .string("é😀\n/"),
                    ]), "": .object([:]),
                ]))
        #expect(try JSONValue(parsing: value.text) == value)
        #expect(value.value(at: "/a/2") == .integer(-1) && value.value(at: "/b") == nil)
    }

    @Test func yamlIsReadAsVersion1Point2() throws {
        let value = try JSONValue(yaml: "a: 6.1\nb: \"6.1\"\nc: {d: [1, x, null, true]}\ne: |\n  text\n")
        #expect(value["a"] == .number(6.1) && value["b"] == .string("6.1") && value["e"] == .string("text\n"))
        #expect(value.value(at: "/c/d") == .array([.integer(1), .string("x"), .null, .bool(true)]))
    }

    @Test(arguments: ["a: yes", "a: [no]", "a: 0x10", "a: 1\na: 2", "? [a]\n: 1", "a: ["])
    func ambiguousYAMLIsRefused(text: String) {
        #expect(throws: (any Error).self) { try JSONValue(yaml: text) }
    }

    private static let head = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n  /a/{b}:\n"
    private static let get = "    get: {operationId: o, responses: {\"200\": {description: d}}"

    @Test func aDocumentIsReadWhole() throws {
        let document = try OpenAPIDocument(
            yaml: Self.head
                + "    parameters: [{name: b, in: path, required: true, schema: {type: string}}]\n"
                + Self.get + "}\n")
        let operation = try #require(document.operations.first)
        #expect(operation.id == "o" && operation.method == "GET" && operation.pathVariables == ["b"])
        #expect(operation.parameters.map(\.name) == ["b"] && operation.responses.keys.sorted() == [200])
    }

    @Test(arguments: [
        "    get: {responses: {\"200\": {description: d}}}\n", Self.get + ", callbacks: {}}\n",
        "    get: {operationId: o, responses: {}}\n",
        "    get: {operationId: o, responses: {\"2XX\": {description: d}}}\n",
        "    get: {operationId: o, responses: {\"200\": {}}}\n", "    trace: {}\n",
        Self.get + ", parameters: [{name: q, in: cookie, schema: {}}]}\n",
        Self.get + ", parameters: [{name: q, in: query, style: form, schema: {}}]}\n",
        Self.get + "}\ncomponents: {schemas: {A: {not: {}}}}\n",
        Self.get + "}\ncomponents: {links: {a: {}}}\n",
    ])
    func documentsThatAreNotReadWholeAreRefused(paths: String) {
        #expect(throws: (any Error).self) { try OpenAPIDocument(yaml: Self.head + paths) }
    }
}
