// Requests and whole answers over real sockets.

import TestSupport
import Testing

@testable import HTTPClient

@Suite struct ServerTests {
    private func server(_ scripted: ScriptedServer, token: String? = nil) throws -> Server {
        try #require(Server(scripted.base + "/", token: token))
    }

    @Test(arguments: [
        "", "localhost:8080", "ftp://a", "http://", "http:///v1", "http://a b", "http://a/?x=1",
        "http://a/#x",
        "http://a\n", "http://me@a", "https://me:secret@a:8080", "http://me:se/cret@a",
    ])
    func whatIsNoBase(url: String) { #expect(Server(url) == nil) }

    @Test func sendsWhatItWasGiven() throws {
        let scripted = ScriptedServer([
            ["HTTP/1.1 201 Created\r\nETag: \"a\"\r\nContent-Length: 4\r\n\r\nbo", "dy"]
        ])
        let answer = try server(scripted, token: "secret").send(
            .init("PATCH", "/v1/x?y=1", fields: [("If-Match", "\"a\"")], body: Array("{}".utf8)))
        #expect(answer.status == 201 && answer.body == Array("body".utf8))
        #expect(answer.field("etag") == "\"a\"" && answer.field("location") == nil)
        let request = try #require(scripted.requests.first)
        #expect(request.hasPrefix("PATCH /v1/x?y=1 HTTP/1.1\r\n"))
        for line in ["Authorization: Bearer secret", "If-Match: \"a\"", "Content-Length: 2"] {
            #expect(request.contains("\r\n\(line)\r\n"), "\(request)")
        }
        #expect(!request.contains("Expect:"))
        #expect(request.hasSuffix("\r\n\r\n{}"))
    }

    @Test(arguments: ["GET", "DELETE"])
    func withoutABody(method: String) throws {
        let scripted = ScriptedServer([["HTTP/1.1 204 No Content\r\n\r\n"]])
        let answer = try server(scripted).send(.init(method, "/v1/x"))
        #expect(answer.status == 204 && answer.body.isEmpty)
        let request = try #require(scripted.requests.first)
        #expect(request.hasPrefix("\(method) /v1/x ") && !request.contains("Content-Length"))
    }

    @Test func headsBeforeTheAnswerAreNotIt() throws {
        let scripted = ScriptedServer([
            [
                "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n",
                "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            ]
        ])
        let answer = try server(scripted).send(.init("GET", "/"))
        #expect(answer.status == 404 && answer.field("link") == nil)
    }

    /// By bytes: a colon and a combining accent are one character of a String.
    @Test func fieldsAreBytes() throws {
        let scripted = ScriptedServer([
            ["HTTP/1.1 200 OK\r\nX-A:\u{301}a\r\nX-B:\t b c \r\nContent-Length: 0\r\n\r\n"]
        ])
        let answer = try server(scripted).send(.init("GET", "/"))
        #expect(answer.field("x-a") == "\u{301}a" && answer.field("X-B") == "b c")
    }

    @Test(arguments: [
        ("http://localhost", true), ("https://LocalHost:1/x", true), ("http://127.1.2.3:8080", true),
        ("http://[::1]:8080", true), ("http://[::2]", false), ("http://127.0.0.1.example.org", false),
        ("http://localhost.example.org", false), ("http://10.0.0.1", false), ("http://127.0.0.256", false),
    ])
    func loopback(url: String, isLoopback: Bool) throws {
        #expect(try #require(Server(url)).isLoopback == isLoopback)
    }

    @Test func nobodyListens() throws {
        let server = try #require(Server("http://127.0.0.1:1"))
        #expect { try server.send(.init("GET", "/")) } throws: { error in
            guard case .unreachable(let reason)? = error as? Server.Failure else { return false }
            return reason.contains("onnect")
        }
    }

    @Test func brokenOnTheWay() throws {
        let scripted = ScriptedServer([["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]])
        #expect { try server(scripted).send(.init("GET", "/")) } throws: { error in
            guard case .broken? = error as? Server.Failure else { return false }
            return true
        }
    }

    @Test func answersAreBounded() {
        let receiver = Receiver(bytesMax: 4)
        let take = { (bytes: [UInt8]) in bytes.withUnsafeBufferPointer { receiver.take($0) } }
        #expect(take([1, 2]) && take([3, 4]) && !take([5]))
        #expect(receiver.isOver && receiver.bytesMax == 4 && receiver.body == [1, 2, 3, 4])
    }
}
