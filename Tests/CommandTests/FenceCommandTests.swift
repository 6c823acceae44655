// A web page in the browser of somebody on this machine, as the running server sees it: under a name that was
// bound to loopback, from another origin, and with a form.

import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct FenceCommandTests {
    private let quiet = ["--listen", "127.0.0.1:0", "--log", "none"]

    private func post(_ server: RunningServer, _ fields: [String], _ body: String = "{}") throws
        -> RawClient.Answer
    {
        let client = try server.client()
        let head = ["POST /v1/sessions HTTP/1.1", "Content-Length: \(body.utf8.count)"] + fields
        try client.send(head.joined(separator: "\r\n") + "\r\n\r\n" + body)
        return try #require(try client.read())
    }

    @Test func pagesOfOthers() throws {
        let server = try RunningServer(quiet)
        let (ours, json) = ("127.0.0.1:\(server.port)", "Content-Type: application/json")
        #expect(try server.get("/v1", host: ours)?.status == 200)
        #expect(try server.get("/v1", host: "localhost:\(server.port)")?.status == 200)
        // DNS rebinding: the page's own name, bound to 127.0.0.1.
        let rebound = try #require(try server.get("/v1/platforms", host: "evil.test:\(server.port)"))
        #expect(rebound.status == 403 && rebound.text.contains("/problems/foreign-host"))
        #expect(rebound.text.contains("This server is not called evil.test"))
        #expect(try server.get("/livez", host: "evil.test")?.status == 200)
        // A cross-origin request that needs no preflight, and one that would.
        for fields in [["Content-Type: text/plain"], [json]] {
            let answer = try post(server, ["Host: \(ours)", "Origin: http://evil.test"] + fields)
            #expect(answer.status == 403 && answer.text.contains("/problems/foreign-origin"))
        }
        #expect(try post(server, ["Host: \(ours)", "Sec-Fetch-Site: cross-site", json]).status == 403)
        let form = try post(
            server, ["Host: \(ours)", "Content-Type: application/x-www-form-urlencoded"], "a=b")
        #expect(form.status == 415)
        // Our own page, and a program.
        #expect(try post(server, ["Host: \(ours)", "Origin: http://\(ours)", json]).status == 201)
        #expect(try post(server, ["Host: \(ours)", json]).status == 201)
    }

    @Test func namesThatAreAllowed() throws {
        let server = try RunningServer(quiet + ["--allow-host", "a.test", "--allow-host", "b.test"])
        for (name, status) in [("a.test", 200), ("B.TEST:99", 200), ("c.test", 403)] {
            #expect(try server.get("/v1", host: name)?.status == status, "\(name)")
        }
        let other = try RunningServer(quiet, environment: ["IOVAD_ALLOW_HOST": "a.test, c.test"])
        #expect(try other.get("/v1", host: "c.test")?.status == 200)
        let dotted = try RunningServer(quiet + ["--allow-host", "c.test."])
        for host in ["c.test", "c.test.", "C.test:80"] {
            #expect(try dotted.get("/v1", host: host)?.status == 200, "\(host)")
        }
        #expect(try dotted.get("/v1", host: "d.test")?.status == 403)
        #expect(try RunningServer(quiet + ["--allow-host", "*"]).get("/v1", host: "any")?.status == 200)
        #expect(throws: RunningServer.DidNotStart.self) {
            try RunningServer(quiet + ["--allow-host", "http://a.test"])
        }
        // Every address of the machine is ours where it listens at all of them.
        let wide = try RunningServer(["--listen", "0.0.0.0:0", "--insecure", "--log", "none"])
        #expect(try wide.get("/v1", host: "192.0.2.1:80")?.status == 200)
        #expect(try wide.get("/v1", host: "evil.test")?.status == 403)
    }

    /// Pages do not reach it, and clients put any name into their URL.
    @Test func unixSocket() throws {
        let path = "/tmp/iovad-test-\(UUID().uuidString).sock"
        let server = try RunningServer(quiet + ["--unix", path], placeCount: 2)
        defer { _ = server.stop() }
        #expect(try run("curl", "-s", "--unix-socket", path, "http://x/v1").output.contains("links"))
    }
}
