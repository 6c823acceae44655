// multipart/form-data: what curl sends is taken apart, everything else is refused with its place.

import HTTP
import TestSupport
import Testing

@Suite struct MultipartFormTests {
    private let type = "multipart/form-data; boundary=xYzZY"

    private func body(_ parts: [(head: String, content: String)], end: String = "--\r\n") -> [UInt8] {
        Array(
            (parts.map { "--xYzZY\r\n\($0.head)\r\n\r\n\($0.content)\r\n" }.joined() + "--xYzZY" + end).utf8)
    }

    private func head(_ name: String) -> String { "Content-Disposition: form-data; name=\"\(name)\"" }

    @Test func partsKeepTheirBytes() throws {
        let content = "line\r\n--xYzZ not yet\r\n\0\u{1}--xYzZY"
        let form = try MultipartForm(
            body([
                (
                    head("iort")
                        + "; filename=\"a \\\"b\\\";c.aml\"\r\nContent-Type: Application/X-Thing; q=1",
                    content
                ),
                ("content-disposition:form-data;name=plain", ""),
            ]), contentType: type)
        #expect(form.parts.map(\.name) == ["iort", "plain"])
        #expect(form.parts[0].body == Array(content.utf8))
        #expect(form.parts[0].fileName == "a \"b\";c.aml")
        #expect(form.parts.map(\.mediaType) == ["application/x-thing", nil])
        #expect(form.parts[1].body.isEmpty)
        let quoted = try MultipartForm(
            body([(head("a"), "x")]), contentType: "multipart/form-data; charset=x; Boundary=\"xYzZY\"")
        #expect(quoted.parts[0].body == [0x78])
    }

    @Test func severalFilesOfOneField() throws {
        let form = try MultipartForm(
            body([
                (head("t"), "1"), (head("t") + "; filename=\"a.aml\"", "2"), (head("u"), "3"),
                (head("t") + "; filename=\"a.aml\"", "4"), (head("t") + "; filename=\"\"", ""),
            ]), contentType: type)
        #expect(form.parts.map(\.name) == ["t", "t", "u", "t", "t"])
        #expect(form.titles == ["t[0]", "t:a.aml", "u", "t:a.aml[3]", "t[4]"])
    }

    @Test func refusals() {
        let one = body([(head("a"), "x")])
        let cases: [([UInt8], String, MultipartForm.Problem)] = [
            (one, "multipart/form-data", .boundaryMissing),
            (one, "multipart/form-data; boundary=", .boundaryMalformed),
            (one, "multipart/form-data; boundary=\"a\u{1}\"", .boundaryMalformed),
            (one, "multipart/form-data; boundary=\(String(repeating: "b", count: 71))", .boundaryMalformed),
            (one, "multipart/form-data; boundary=other", .delimiterMissing(offset: 0)),
            (Array("preamble\r\n".utf8) + one, type, .delimiterMissing(offset: 0)),
            (Array(one.dropLast(4)), type, .unterminated),
            (Array(one.dropLast(9)), type, .unterminated),
            (body([]), type, .noParts),
            // The break after the headers is not that of a delimiter.
            (Array("--xYzZY\r\n\(head("a"))\r\n\r\n--xYzZY".utf8), type, .unterminated),
            (Array("--xYzZY\r\n\(head("a"))\r\n\r\n--xYzZY--\r\n".utf8), type, .unterminated),
            (body([("X-Other: 1", "x")]), type, .dispositionMissing(offset: 7)),
            (body([("Content-Disposition: attachment; name=a", "x")]), type, .dispositionMissing(offset: 7)),
            (body([(head(""), "x")]), type, .dispositionMissing(offset: 7)),
            (body([("no colon", "x")]), type, .headerMalformed(offset: 9)),
            (body([(head("a") + "\r\n folded", "x")]), type, .headerMalformed(offset: 51)),
            (
                body([(head("a") + "\r\nX: " + String(repeating: "y", count: 5_000), "x")]), type,
                .headersTooLong(offset: 7, limitBytes: MultipartForm.partHeaderBytesMax)
            ),
            (
                body((0...MultipartForm.partsMax).map { (head("p\($0)"), "x") }), type,
                .tooManyParts(limit: MultipartForm.partsMax)
            ),
        ]
        for (bytes, contentType, problem) in cases {
            #expect(throws: problem, "\(problem)") { try MultipartForm(bytes, contentType: contentType) }
            #expect(!problem.reason.isEmpty)
        }
    }

    @Test func damagedBodiesNeverCrash() throws {
        var random = SeededGenerator.forTest("multipart mutations", fallback: 0x3f)
        let sound = body([(head("a"), "first"), (head("b") + "\r\nContent-Type: text/plain", "second\r\n")])
        for length in 0..<sound.count - 2 {
            #expect(throws: MultipartForm.Problem.self) {
                try MultipartForm(Array(sound[..<length]), contentType: type)
            }
        }
        var refused = 0
        for _ in 0..<5_000 {
            var bytes = sound
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            if (try? MultipartForm(bytes, contentType: type)) == nil { refused += 1 }
        }
        #expect(refused > 1_000)
    }
}
