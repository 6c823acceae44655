// Raw bytes over real sockets, TCP and unix.

import Glibc
import HTTP
import Locking
import TestSupport
import Testing

@testable import MicroHTTP

@Suite(.serialized) struct WireTests {
    private let host = "Host: h\r\n"

    private func answer(_ text: String, _ transport: Transport = .tcp) throws -> RawClient.Answer? {
        let server = try TestServer(transport)
        let client = try server.client()
        try client.send(text)
        let answer = try client.read()
        #expect(server.daemon.drain(graceSeconds: 2))
        return answer
    }

    @Test(arguments: Transport.allCases)
    func keepAliveAndPipelining(transport: Transport) throws {
        let server = try TestServer(transport)
        let client = try server.client()
        for number in 0..<3 {
            try client.send("GET /\(number)?q=%2F HTTP/1.1\r\n\(host)\r\n")
            let answer = try #require(try client.read())
            #expect(answer.text == "GET /\(number)?q=%2F")
            #expect(answer.header("date") != nil && answer.header("injected") == nil)
        }
        try client.send(
            (0..<3).map {
                "POST /echo HTTP/1.1\r\n\(host)Content-Length: 1\r\n\r\n\($0)"
            }.joined())
        for number in 0..<3 { #expect(try client.read()?.text == "\(number)") }
        #expect(server.settles())
        #expect(server.tally.all.count == 6)
        #expect(server.tally.all.allSatisfy { $0.isComplete && $0.status == 200 })
        #expect(server.tally.all.map(\.operation) == [nil, nil, nil, "echo", "echo", "echo"])
    }

    @Test(arguments: Transport.allCases)
    func bodies(transport: Transport) throws {
        let server = try TestServer(transport)
        var client = try server.client()
        try client.send(
            "POST /echo HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n"
                + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        #expect(try client.read()?.text == "abcde")
        #expect(try client.read() == nil)
        client = try server.client()
        try client.send("POST /echo HTTP/1.1\r\n\(host)Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        #expect(try client.read()?.status == 100)
        try client.send("ok")
        #expect(try client.read()?.text == "ok")
        let big = (0..<(5 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try client.send("POST /echo HTTP/1.1\r\n\(host)Content-Length: \(big.count)\r\n\r\n")
        try client.send(big)
        #expect(try client.read()?.body == big)
    }

    @Test(arguments: Transport.allCases)
    func tooLarge(transport: Transport) throws {
        let server = try TestServer(transport)
        let head = "POST /small HTTP/1.1\r\n\(host)"
        let declared = try server.client()
        try declared.send(head + "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n")
        #expect(try declared.read()?.status == 413)
        #expect(try declared.read() == nil)
        let chunked = try server.client()
        let chunk = "8\r\n12345678\r\n"
        try chunked.send(head + "Transfer-Encoding: chunked\r\n\r\n\(chunk)\(chunk)0\r\n\r\n")
        #expect(try chunked.read()?.status == 413)
    }

    @Test(arguments: [
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\nHost: h\r\n", "Host: h\r\nHost: h\r\n", "",
        "Host: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n", "Host: h\r\nTransfer-Encoding: gzip\r\n",
        "Host: h\r\nContent-Length: x\r\n", "Host : h\r\n",
    ])
    func framing(fields: String) throws {
        let answer = try #require(try answer("POST /echo HTTP/1.1\r\n\(fields)\r\n"))
        #expect(answer.status == 400)
        #expect(answer.header("connection")?.lowercased() == "close")
    }

    @Test(arguments: ["/a%2Fb", "/a%00b", "//a//", "/a/../b", "http://other/x?y", "/?a=1+2%2B3", "*"])
    func targetsComeRaw(target: String) throws {
        for transport in Transport.allCases {
            let answer = try answer("OPTIONS \(target) HTTP/1.1\r\n\(host)\r\n", transport)
            #expect(answer?.text == "OPTIONS \(target)")
        }
    }

    @Test func rawBytesInTheTarget() throws {
        let server = try TestServer()
        let client = try server.client()
        try client.send(Array("GET /a".utf8) + [0xff] + Array("b HTTP/1.1\r\n\(host)\r\n".utf8))
        #expect(try client.read()?.status == 200)
        #expect(server.settles())
        #expect(server.tally.all.first?.head.rawTarget == [0x2f, 0x61, 0xff, 0x62])
        let cut = try server.client()
        try cut.send("GET /a\u{0}b HTTP/1.1\r\n\(host)\r\n")
        // What follows a raw NUL must not vanish and leave a valid `/a`.
        #expect(try cut.read()?.status == 400)
        let long = try server.client()
        let field = "X: " + String(repeating: "y", count: 6000)
        try long.send("GET /a?b=c HTTP/1.1\r\n\(host)\(field)\r\n\r\n")
        #expect(try long.read()?.text == "GET /a?b=c")
    }

    @Test func methodsAndStatuses() throws {
        #expect(try answer("BREW /pot HTTP/1.1\r\n\(host)\r\n")?.text == "BREW /pot")
        let server = try TestServer()
        let client = try server.client()
        try client.send("HEAD /abc HTTP/1.1\r\n\(host)\r\n")
        #expect(try client.read(isHead: true)?.header("content-length") == "9")
        for status in [204, 304, 404, 500, 599] {
            try client.send("GET /status/\(status) HTTP/1.1\r\n\(host)\r\n")
            let answer = try #require(try client.read())
            #expect(answer.status == status && answer.body.isEmpty == (status == 204 || status == 304))
        }
        try client.send("GET /refused HTTP/1.1\r\n\(host)\r\nGET /next HTTP/1.1\r\n\(host)\r\n")
        #expect(try client.read()?.status == 404)
        #expect(try client.read()?.text == "GET /next")
    }

    @Test(arguments: Transport.allCases)
    func earlyCloseLeaksNothing(transport: Transport) throws {
        let server = try TestServer(transport)
        for text in [
            "POST /echo HTTP/1.1\r\n\(host)Content-Length: 100\r\n\r\nabc", "GET /x HTTP/1.1\r\n", "GET /x",
            "GET /x HTTP/1.1\r\n\(host)", "\u{0}\u{1}garbage\r\n\r\n", "GET /a b HTTP/1.1\r\n\(host)\r\n",
            "GET /slow HTTP/1.1\r\n\(host)\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "POST /echo HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        ] {
            let client = try server.client()
            try client.send(text)
            usleep(20_000)
        }
        usleep(100_000)
        #expect(server.settles())
        #expect(server.daemon.drain(graceSeconds: 1))
        #expect(server.daemon.connectionCount == 0)
    }

    @Test func deadlines() throws {
        let server = try TestServer {
            $0.wholeRequestSeconds = 1
            $0.idleOrRequestLineSeconds = 2
        }
        let body = try server.client()
        let head = try server.client()
        let line = try server.client()
        try body.send("POST /echo HTTP/1.1\r\n\(host)Content-Length: 100\r\n\r\n")
        try head.send("GET /x HTTP/1.1\r\n")
        let started = MonotonicClock.microseconds()
        for _ in 0..<4 {
            try body.send("a")
            try head.send("X: y\r\n")
            try line.send("G")
            usleep(150_000)
        }
        #expect(try body.read()?.status == 408)
        #expect(try head.readToEnd() == "")
        #expect(MonotonicClock.microseconds() - started < 1_900_000)
        #expect(try line.readToEnd() == "")
        #expect(MonotonicClock.microseconds() - started < 3_500_000)
        #expect(server.settles())
        #expect(server.tally.all.contains { $0.status == 408 })
    }

    @Test func eightThreadsOf200() throws {
        let server = try TestServer()
        let endpoint = server.endpoint
        let failures = Counter()
        inParallel(8) { thread in
            do {
                let client = try RawClient(endpoint)
                for number in 0..<200 {
                    let body = "\(thread)-\(number)"
                    let length = "Content-Length: \(body.utf8.count)"
                    try client.send("POST /echo HTTP/1.1\r\nHost: h\r\n\(length)\r\n\r\n\(body)")
                    if try client.read()?.text != body { failures.add() }
                }
            } catch { failures.add() }
        }
        #expect(failures.count == 0)
        #expect(server.settles())
        #expect(server.tally.all.count == 1600)
    }
}

/// Counts. `@unchecked Sendable`: every `var` is touched only under `lock`.
final class Counter: @unchecked Sendable {
    private let lock = Lock()
    private var number = 0
    func add() { lock.withLock { number += 1 } }
    var count: Int { lock.withLock { number } }
}
