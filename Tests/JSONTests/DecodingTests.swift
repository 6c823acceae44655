// From values to meanings, every mistake reported at its pointer.

import JSON
import Testing

private func document(_ text: String) throws -> JSONDocument {
    try JSONDocument(
        parsing: Array(text.utf8), limits: JSONLimits(bytesMax: 1 << 20, depthMax: 32, valuesMax: 10_000))
}

@Suite struct DecodingTests {
    @Test(
        arguments: [
            ("\"0x8000000\"", 0x800_0000), ("\"0XFF\"", 255), ("\"0x00000000000000000010\"", 16), ("12", 12),
            ("0", 0),
            ("9007199254740991", (1 << 53) - 1), ("\"0xffffffffffffffff\"", UInt64.max),
        ] as [(String, UInt64)])
    func numbers(text: String, value: UInt64) throws {
        let problems = ProblemList(limit: 4)
        #expect(try document("[\(text)]").root.children.map { $0.u64(problems) } == [value])
        #expect(problems.isEmpty)
    }

    @Test(
        arguments: [
            ("9007199254740992", "too-large"), ("123456789012345678901234567890", "too-large"),
            ("1e3", "not-an-integer"),
            ("1.0", "not-an-integer"), ("-1", "negative"), ("-0", "negative"), ("\"12\"", "not-hex"),
            ("\"0x\"", "not-hex"),
            ("\"0x1g\"", "not-hex"), ("\"0x10000000000000000\"", "too-large"), ("true", "wrong-type"),
            ("[]", "wrong-type"),
        ] as [(String, String)])
    func wrongNumbers(text: String, code: String) throws {
        let problems = ProblemList(limit: 4)
        #expect(try document("[\(text)]").root.children.map { $0.u64(problems) } == [nil])
        #expect(problems.problems.map(\.code) == [code])
        #expect(problems.problems.first?.pointer == "/0")
    }

    /// A count is the same with zeros after a point, as in JSON Schema; an address is written one way.
    @Test(arguments: [("900", 900), ("900.0", 900), ("0.00", 0), ("900.5", nil), ("9e2", nil), ("-1.0", nil)])
    func counts(text: String, value: Int?) throws {
        let problems = ProblemList(limit: 4)
        #expect(try document("[\(text)]").root.children.map { $0.int(in: 0...900, problems) } == [value])
        #expect(problems.isEmpty == (value != nil))
    }

    @Test func everyMistakeOfAnObjectIsTold() throws {
        let problems = ProblemList(limit: 32)
        let root = try document(#"{"size":-1,"mode":"fsat","size_alignd":true}"#).root
        var reader = try #require(ObjectReader(root, problems))
        _ = reader.required("start")?.u64(problems)
        _ = reader.required("size")?.u64(problems)
        _ = reader.optional("mode")?.choice([("fast", 1), ("slow", 2)], problems)
        _ = reader.optional("size_aligned")?.bool(problems)
        reader.finish()
        #expect(problems.problems.map(\.pointer) == ["/start", "/size", "/mode", "/size_alignd"])
        #expect(problems.problems.map(\.code) == ["required", "negative", "unknown-value", "unknown-field"])
        #expect(problems.problems.last?.detail.contains("size_aligned") == true)
    }

    @Test(
        arguments: [
            (#"{"start":"0x1","last":"0x1"}"#, nil), (#"{"start":0,"size":"0xffffffffffffffff"}"#, nil),
            (#"{"start":"0x2","last":"0x1"}"#, "backwards"), (#"{"start":1,"size":0}"#, "zero-size"),
            (#"{"start":2,"size":"0xffffffffffffffff"}"#, "wraps"),
            (#"{"start":1,"size":1,"last":1}"#, "conflict"),
            (#"{"start":1}"#, "required"), (#"{"last":1}"#, "required"),
        ] as [(String, String?)])
    func ranges(text: String, code: String?) throws {
        let problems = ProblemList(limit: 4)
        var reader = try #require(ObjectReader(try document(text).root, problems))
        #expect((reader.range() == nil) == (code != nil))
        #expect(problems.problems.first?.code == code)
    }

    @Test func problemsBeyondTheLimitAreCounted() {
        let problems = ProblemList(limit: 2)
        for index in 0..<5 { problems.add("/\(index)", "x", "x") }
        #expect(problems.problems.count == 2 && problems.dropped == 3)
    }

    @Test func faultsBeyondTheLimitAreNotDescribed() {
        let problems = ProblemList(limit: 1)
        var described = 0
        func describe() -> String {
            described += 1
            return "/x"
        }
        for _ in 0..<3 { problems.add(describe(), "x", "x") }
        #expect(described == 1 && problems.dropped == 2)
    }

    @Test func writingIsReadBack() throws {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("text", "quote \" slash \\ line\n tab\t bell\u{7} é 😀")
            writer.member("hex", hex: .max)
            writer.array("list") { writer in
                writer.int(1)
                writer.bool(false)
                writer.null()
                writer.object { $0.rangeMembers(start: 0, last: .max) }
            }
        }
        let problems = ProblemList(limit: 4)
        let root = try JSONDocument(
            parsing: writer.bytes, limits: JSONLimits(bytesMax: 1_000, depthMax: 8, valuesMax: 100)
        ).root
        #expect(
            root.member("text")?.string(bytesMax: 100, problems)
                == "quote \" slash \\ line\n tab\t bell\u{7} é 😀")
        #expect(root.member("hex")?.u64(problems) == .max)
        #expect(root.member("list")?.count == 4)
        #expect(
            String(decoding: writer.bytes, as: UTF8.self).hasSuffix(
                #"{"start":"0x0","last":"0xffffffffffffffff"}]}"#))
    }
}
