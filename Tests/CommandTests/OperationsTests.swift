// What whoever runs the server needs: tokens from a file that is read again, a hang-up that never ends the
// process, and an end that load balancers can see coming.

import Foundation
import Glibc
import TestSupport
import Testing

@Suite(.serialized) struct OperationsTests {
    private let quiet = ["--listen", "127.0.0.1:0", "--log", "none"]

    private func status(_ server: RunningServer, _ token: String?, _ target: String = "/v1") throws -> Int? {
        try server.get(target, token.map { ["Authorization: Bearer \($0)"] } ?? [])?.status
    }

    @Test func oneToken() throws {
        let folder = try Folder()
        let file = try folder.file("token", "0123456789abcdef-token\n")
        let server = try RunningServer(quiet, environment: ["IOVAD_TOKEN_FILE": file])
        let none = try #require(try server.get("/v1/platforms"))
        #expect(none.status == 401 && none.header("www-authenticate") == #"Bearer realm="iovad""#)
        let wrong = try #require(
            try server.get("/v1/platforms", ["Authorization: Bearer 0123456789abcdef-tokem"]))
        #expect(wrong.status == 401 && wrong.header("www-authenticate")?.contains("invalid_token") == true)
        #expect(try server.get("/v1", ["authorization: bEARER 0123456789abcdef-token"])?.status == 200)
        #expect(try status(server, nil, "/metrics") == 401 && status(server, nil, "/livez") == 200)
        for (text, reason) in [("abc\n", "fewer than 16"), ("a read\n", "line 1 must be")] {
            let bad = try folder.file("bad", text)
            do {
                _ = try RunningServer(quiet + ["--token-file", bad])
                Issue.record("started with \(text)")
            } catch let error as RunningServer.DidNotStart {
                #expect(
                    error.errors.contains("the token file \(bad) cannot be used")
                        && error.errors.contains(reason))
            }
        }
    }

    @Test func tokensAreReadAgain() throws {
        let folder = try Folder()
        let file = try folder.file(
            "tokens", "# ours\nann read,write ann-0123456789abc\nbob read bob-0123456789abc\n")
        let server = try RunningServer(quiet + ["--token-file", file])
        #expect(try status(server, "ann-0123456789abc") == 200 && status(server, "bob-0123456789abc") == 200)
        #expect(try status(server, "bob-0123456789abc", "/metrics") == 403)
        _ = try folder.file("tokens", "ann read,operate new-0123456789abc\n")
        server.hangUp(until: "read again: tokens of \(file)")
        #expect(try status(server, "ann-0123456789abc") == 401 && status(server, "bob-0123456789abc") == 401)
        #expect(try status(server, "new-0123456789abc", "/metrics") == 200)
        _ = try folder.file("tokens", "ann reed new-0123456789abc\n")
        server.hangUp(until: "tokens stay as they were: the token file \(file) cannot be used: line 1")
        #expect(try status(server, "new-0123456789abc", "/metrics") == 200)
        #expect(server.stop() == 0)
    }

    /// There is nothing to read again, and it runs on.
    @Test func aHangUpNeverEndsIt() throws {
        let server = try RunningServer(quiet)
        for _ in 0..<3 { kill(server.identifier, SIGHUP) }
        #expect(try server.get("/livez")?.status == 200)
        #expect(server.stop() == 0 && server.said.hasSuffix("stopped\n"))
    }

    /// A method is a client's, like a target: what a terminal would obey does not reach the log.
    @Test(arguments: ["text", "json"]) func theLogIsPlainText(form: String) throws {
        let server = try RunningServer(["--listen", "127.0.0.1:0", "--log", form])
        let client = try server.client()
        try client.send("G\u{1b}[31mT\u{7f}\u{e4} /livez\u{1b}[0m HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.endSending()
        _ = try client.readToEnd()
        // The refused head has a line of its own.
        server.waits(until: form == "text" ? " 400 " : #""status":400"#)
        #expect(try server.get("/livez")?.status == 200)
        server.waits(until: " /livez ".filter { form == "text" || $0 != " " })
        #expect(server.said.unicodeScalars.allSatisfy { (0x20...0x7e).contains($0.value) || $0 == "\n" })
        #expect(server.stop() == 0)
    }

    /// Each request has its time, and not what lasts as long as its client wants.
    @Test func timesAreCounted() throws {
        let server = try RunningServer(quiet)
        #expect(try server.get("/v1/sessions/none/events")?.status == 404)
        for _ in 0..<3 { #expect(try server.get("/livez")?.status == 200) }
        let name = "iovad_request_seconds_count{operation"
        let wanted = ["\(name)=\"live\"} 3", "\(name)=\"sessionEvents\"} 1"]
        var lines: [Substring] = []
        // A request ends a moment after its client has the answer.
        for _ in 0..<500 where !wanted.allSatisfy({ line in lines.contains { $0 == line } }) {
            lines = try #require(try server.get("/metrics")).text.split(separator: "\n")
        }
        #expect(wanted.allSatisfy { line in lines.contains { $0 == line } })
        #expect(server.stop() == 0)
    }

    @Test func lameDuck() throws {
        let server = try RunningServer(quiet, environment: ["IOVAD_DRAIN_SECONDS": "60"])
        let before = try server.client()
        let request = "GET /v1/policies HTTP/1.1\r\nHost: localhost\r\n\r\n"
        try before.send(request)
        let first = try #require(try before.read())
        #expect(first.status == 200 && first.header("connection") == nil)
        kill(server.identifier, SIGTERM)
        server.waits(until: "requests are answered for 60 s")
        // On the open connection and on new ones; each ends with its answer.
        try before.send(request)
        let last = try #require(try before.read())
        #expect(last.status == 200 && last.header("connection") == "close")
        #expect(try before.read() == nil)
        let ready = try #require(try server.get("/readyz"))
        #expect(ready.status == 503 && ready.header("connection") == "close")
        #expect(try server.get("/livez")?.status == 200)
        let after = try #require(try server.get("/v1/platforms"))
        #expect(after.status == 200 && after.header("connection") == "close")
        // A hang-up does not end the phase, another signal does.
        kill(server.identifier, SIGHUP)
        #expect(try server.get("/livez")?.status == 200)
        #expect(server.stop() == 0 && server.said.hasSuffix("stopped\n"))
    }

    @Test func lameDuckEndsByItself() throws {
        let server = try RunningServer(quiet + ["--drain-seconds", "1"])
        kill(server.identifier, SIGTERM)
        server.waits(until: "\nstopped\n")
        for arguments in [
            ["--drain-seconds", "-1"], ["--drain-seconds", "3601"], ["--grace-seconds", "x"],
        ] {
            #expect(throws: RunningServer.DidNotStart.self) { try RunningServer(quiet + arguments) }
        }
        #expect(throws: RunningServer.DidNotStart.self) {
            try RunningServer(quiet, environment: ["IOVAD_DRAIN_SECONDS": "soon"])
        }
    }
}
