// Targets are split before they are decoded, so that no encoding changes what is asked for.

import HTTP
import Testing

@Suite struct RequestTargetTests {
    @Test(
        arguments: [
            ("/", []), ("/v1/platforms", ["v1", "platforms"]), ("/a%2Fb/c", ["a/b", "c"]), ("/a+b", ["a+b"]),
            ("http://host:1/v1", ["v1"]), ("/%C3%A9", ["é"]), ("/pcie@40000000", ["pcie@40000000"]),
        ] as [(String, [String])])
    func paths(raw: String, path: [String]) throws {
        #expect(try RequestTarget(parsing: Array(raw.utf8)).path == path)
    }

    @Test(
        arguments: [
            ("//", .emptySegment(segment: 0)), ("/a//b", .emptySegment(segment: 1)),
            ("/a/", .emptySegment(segment: 1)),
            ("/a/../b", .dotSegment(segment: 1)), ("/%2e%2E/b", .dotSegment(segment: 0)),
            ("/./b", .dotSegment(segment: 0)),
            ("/a%00b", .controlCharacter(offset: 2)), ("/a%0ab", .controlCharacter(offset: 2)),
            ("/%zz", .badEscape(offset: 1)),
            ("/%4", .badEscape(offset: 1)), ("/%ff", .invalidUTF8(segment: 0)), ("/a#b", .notAPath),
            ("a", .notAPath),
            ("http://", .notAPath), ("http:///v1", .notAPath), ("http://host#a", .notAPath), ("", .empty),
        ] as [(String, TargetProblem)])
    func refusals(raw: String, problem: TargetProblem) {
        #expect(throws: problem) { try RequestTarget(parsing: Array(raw.utf8)) }
    }

    @Test func queries() throws {
        let target = try RequestTarget(parsing: Array("/x?a=1%2B2+3&b&c=%26=".utf8))
        #expect(target.query == [.init("a", "1+2+3"), .init("b", ""), .init("c", "&=")])
        #expect(throws: TargetProblem.self) {
            try RequestTarget(parsing: Array(("/x?" + String(repeating: "a=1&", count: 65)).utf8))
        }
    }

    /// What the absolute form names counts in place of Host.
    @Test func authorities() throws {
        for (raw, authority, path) in [
            ("http://host", "host", []), ("HTTPS://[::1]:8080/v1", "[::1]:8080", ["v1"]),
            ("http://host?a=1", "host", []),
        ] as [(String, String, [String])] {
            let target = try RequestTarget(parsing: Array(raw.utf8))
            #expect(target.authority == authority && target.path == path)
        }
        #expect(try RequestTarget(parsing: Array("http://h?a=1".utf8)).query == [.init("a", "1")])
        #expect(try RequestTarget(parsing: Array("/v1".utf8)).authority == nil)
    }

    @Test func asterisk() throws {
        #expect(try RequestTarget(parsing: Array("*".utf8)).isAsterisk)
    }

    @Test func headersIgnoreCase() {
        let headers = HeaderFields([.init("Content-Type", "a"), .init("content-type", "b")])
        #expect(headers["CONTENT-TYPE"] == "a")
        #expect(headers.all("Content-type") == ["a", "b"])
    }
}
