// A real server on real sockets, sent what clients send and what they should not.

import Glibc
import HTTPMessages
import MicroHTTPServer
import TestSupport
import Testing

@Suite(.serialized) struct DaemonTests {
    static let bodyLimitBytes = 1 << 20

    /// Answers with what it saw; `/slow` takes half a second.
    static let echo = Responder(
        admit: { head in
            head.rawTarget.starts(with: Array("/refused".utf8))
                ? .refuse(Response(status: 405)) : .read(bodyLimitBytes: bodyLimitBytes)
        },
        respond: { request in
            if request.head.rawTarget == Array("/slow".utf8) { usleep(500_000) }
            let seen =
                "\(request.head.method.name) \(String(decoding: request.head.rawTarget, as: UTF8.self)) \(request.body.count)"
            return Response(status: 200, body: Array(seen.utf8))
        },
        refuse: { refusal, _ in
            switch refusal {
            case .ambiguousFraming: Response(status: 400)
            case .bodyTooLarge: Response(status: 413)
            case .tooSlow: Response(status: 408)
            case .shuttingDown: Response(status: 503)
            }
        })

    private func withServer(
        limits: ServerLimits = ServerLimits(), threads: Int = 2, _ body: (UInt16) throws -> Void
    ) throws {
        let listener = try ListenSocket.tcp(host: "127.0.0.1", port: 0)
        let port = UInt16(listener.description.split(separator: ":").last!)!
        let daemon = try Daemon(listener, responder: Self.echo, limits: limits, threads: threads)
        defer { #expect(daemon.drain(graceSeconds: 5)) }
        try body(port)
    }

    @Test func keepAliveAndPipelining() throws {
        try withServer { port in
            let client = RawClient(port: port)
            client.send(String(repeating: "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", count: 3))
            for _ in 0..<3 { #expect(client.receive()?.text == "GET /a 0") }
            client.send("POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
            #expect(client.receive()?.text == "POST /b 5")
        }
    }

    @Test func targetsArriveRaw() throws {
        try withServer { port in
            let client = RawClient(port: port)
            for target in ["/a%2Fb", "/a%00b", "//a///b/", "/a/../b", "http://x/v1?q=%2B+1", "/%zz"] {
                client.send("GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(client.receive()?.text == "GET \(target) 0")
            }
            client.send("BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.receive()?.text == "BREW /pot 0")
        }
    }

    @Test func ambiguousFramingIsRefused() throws {
        try withServer { port in
            for fields in [
                "Host: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
                "Host: x\r\nContent-Length: 3\r\nContent-Length: 3",
                "Host: x\r\nHost: y", "X: y", "Host: x\r\nTransfer-Encoding: gzip, chunked",
            ] {
                let client = RawClient(port: port)
                client.send("POST / HTTP/1.1\r\n\(fields)\r\n\r\n")
                #expect(client.receive()?.status == 400, "\(fields)")
            }
        }
    }

    @Test func bodiesHaveLimits() throws {
        try withServer { port in
            let declared = RawClient(port: port)
            declared.send(
                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n")
            #expect(declared.receive()?.status == 413)
            let huge = RawClient(port: port)
            huge.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n")
            #expect([400, 413].contains(huge.receive()?.status))
            let chunked = RawClient(port: port)
            chunked.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            let piece = "10000\r\n" + String(repeating: "x", count: 0x10000) + "\r\n"
            for _ in 0..<18 { chunked.send(piece) }
            chunked.send("0\r\n\r\n")
            #expect(chunked.receive()?.status == 413)
            let fits = RawClient(port: port)
            fits.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(Self.bodyLimitBytes)\r\n\r\n")
            fits.send([UInt8](repeating: 0x78, count: Self.bodyLimitBytes))
            #expect(fits.receive()?.text == "POST / \(Self.bodyLimitBytes)")
        }
    }

    @Test func refusalNeedsNoBody() throws {
        try withServer { port in
            let client = RawClient(port: port)
            client.send("POST /refused HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
            #expect(client.receive()?.status == 405)
        }
    }

    @Test func headHasNoBody() throws {
        try withServer { port in
            let client = RawClient(port: port)
            client.send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(client.receive(hasBody: false)?.head.contains("Content-Length: 9") == true)
            #expect(client.receive()?.text == "GET /b 0")
        }
    }

    @Test func slowBodiesEnd() throws {
        var limits = ServerLimits()
        limits.requestSecondsMax = 1
        limits.idleSecondsMax = 3
        try withServer(limits: limits) { port in
            let client = RawClient(port: port)
            client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
            var isOpen = true
            for _ in 0..<25 where isOpen {
                usleep(200_000)
                isOpen = client.send("x")
            }
            #expect(!isOpen, "a body of one byte a fifth of a second was read for five seconds")
        }
    }

    @Test func earlyCloseLeavesNothingBehind() throws {
        try withServer { port in
            for _ in 0..<20 {
                let client = RawClient(port: port)
                client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
            }
        }
    }

    @Test func manyThreadsAreAnswered() async throws {
        let listener = try ListenSocket.tcp(host: "127.0.0.1", port: 0)
        let port = UInt16(listener.description.split(separator: ":").last!)!
        let daemon = try Daemon(listener, responder: Self.echo, threads: 2)
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let client = RawClient(port: port)
                    return (0..<200).count { _ in
                        client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab")
                        return client.receive()?.text == "POST /a 2"
                    }
                }
            }
            for await answered in group { #expect(answered == 200) }
        }
        #expect(daemon.drain(graceSeconds: 5))
    }

    @Test func drainAnswersWhatIsUnderWay() async throws {
        let listener = try ListenSocket.tcp(host: "127.0.0.1", port: 0)
        let port = UInt16(listener.description.split(separator: ":").last!)!
        let daemon = try Daemon(listener, responder: Self.echo, threads: 2)
        let idle = RawClient(port: port)
        idle.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(idle.receive()?.status == 200)
        let slow = Task.detached { () -> String? in
            let client = RawClient(port: port)
            client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            return client.receive()?.text
        }
        try await Task.sleep(for: .milliseconds(150))
        #expect(daemon.drain(graceSeconds: 5))
        #expect(await slow.value == "GET /slow 0")
        #expect(idle.isClosed())
    }

    @Test func unixSocketsReplaceOnlyWhatIsDead() throws {
        let path = "/tmp/iovad-test-\(getpid()).sock"
        let first = try Daemon(try ListenSocket.unix(path: path), responder: Self.echo, threads: 1)
        let client = RawClient(path: path)
        client.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.receive()?.text == "GET /a 0")
        #expect(throws: ListenSocket.Failure.self) { try ListenSocket.unix(path: path) }
        #expect(first.drain(graceSeconds: 1))
        #expect(access(path, F_OK) != 0, "the socket file is left behind")
        let file = open(path, O_CREAT | O_WRONLY, 0o600)
        close(file)
        defer { unlink(path) }
        #expect(throws: ListenSocket.Failure.self) { try ListenSocket.unix(path: path) }
    }
}
