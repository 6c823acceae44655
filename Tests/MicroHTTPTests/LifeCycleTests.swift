// Listening, draining and stopping.

import Glibc
import HTTP
import Locking
import TestSupport
import Testing

@testable import MicroHTTP

@Suite(.serialized) struct LifeCycleTests {
    private let request = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"

    @Test(arguments: Transport.allCases)
    func drainWaitsForASlowHandler(transport: Transport) throws {
        let server = try TestServer(transport)
        let slow = try server.client()
        let idle = try server.client()
        try idle.send(request)
        #expect(try idle.read()?.status == 200)
        let target = "/slow?\(freshSocketPath())"
        try slow.send("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
        while !slowTargets.contains(target) { usleep(1000) }
        #expect(server.daemon.drain(graceSeconds: 5))
        let answer = try #require(try slow.read())
        #expect(answer.text == "GET \(target)" && answer.header("connection")?.lowercased() == "close")
        #expect(try idle.readToEnd() == "")
        #expect(throws: RawClient.Failure.self) { try server.client() }
        #expect(server.daemon.drain(graceSeconds: 0))
    }

    @Test func drainingAnswers503() throws {
        let server = try TestServer { $0.threadCount = 4 }
        // Both are handed to one other thread, and not touched here until that has ended.
        nonisolated(unsafe) let clients = try (0..<4).map { _ in try server.client() }
        for client in clients {
            try client.send(request)
            #expect(try client.read()?.status == 200)
        }
        nonisolated(unsafe) let held = try server.client()
        try held.send("POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
        // The 100 proves that the head was admitted; a head that comes after the drain began gets 503.
        #expect(try held.read()?.status == 100)
        let daemon = server.daemon
        let finished = Counter()
        inParallel(2) { number in
            if number == 0 {
                if daemon.drain(graceSeconds: 5) { finished.add() }
                return
            }
            while !daemon.core.connections.isDraining { usleep(1000) }
            usleep(50_000)
            for client in clients {
                guard (try? client.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n")) != nil,
                    let answer = try? client.read(), answer.status == 503
                else { return }
            }
            finished.add()
            try? held.send("z")
        }
        #expect(finished.count == 2)
        #expect(try held.read()?.text == "z")
    }

    @Test func drainGivesUpOnAHalfSentBody() throws {
        let server = try TestServer()
        let client = try server.client()
        try client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\na")
        while server.daemon.requestsInFlight == 0 { usleep(1000) }
        #expect(!server.daemon.drain(graceSeconds: 0.1))
        #expect(server.daemon.requestsInFlight == 0)
    }

    /// The end of the stream often arrives together with the last bytes that the client sent.
    @Test(arguments: Transport.allCases)
    func whoLeavesInABodyIsNoticed(transport: Transport) throws {
        let server = try TestServer(transport)
        for round in 0..<40 {
            let client = try server.client()
            let body = String(repeating: "x", count: round * 1_000)
            try client.send(
                "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: \(body.utf8.count + 1)\r\n\r\n\(body)")
        }
        #expect(server.settles())
        for _ in 0..<500 where server.daemon.connectionCount > 0 { usleep(10_000) }
        #expect(server.daemon.connectionCount == 0)
        // One that only waits is not ended.
        let slow = try server.client()
        try slow.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na")
        usleep(300_000)
        try slow.send("b")
        #expect(try slow.read()?.text == "ab")
    }

    @Test func stopAtTheConnectionLimit() throws {
        let server = try TestServer { $0.maximumConnectionCount = 4 }
        let clients = try (0..<10).map { _ in try server.client() }
        for client in clients { try client.send(request) }
        usleep(200_000)
        let started = MonotonicClock.microseconds()
        #expect(server.daemon.drain(graceSeconds: 1))
        #expect(MonotonicClock.microseconds() - started < 2_000_000)
        #expect(server.daemon.connectionCount == 0)
    }

    /// libmicrohttpd answers some bad heads by itself. While it stops it queues no answer, and reads one that
    /// is not there: no connection may be left to it then.
    @Test func badHeadsWhileItStops() async {
        await #expect(processExitsWith: .success) {
            for round in 0..<60 {
                let server = try TestServer { $0.threadCount = 2 }
                nonisolated(unsafe) let clients = try (0..<60).map { _ in try server.client() }
                let daemon = server.daemon
                inParallel(3) { number in
                    guard number > 0 else {
                        usleep(UInt32(round) * 20)
                        _ = daemon.drain(graceSeconds: 0)
                        return
                    }
                    for client in clients[(number - 1) * 30..<number * 30] {
                        try? client.send("GET / HTTP/9.9\r\nHost: h\r\n\r\n")
                    }
                }
                #expect(daemon.connectionCount == 0)
            }
        }
    }

    /// libmicrohttpd takes its listening socket out of an epoll set from two threads at once, and ends the
    /// process where it was gone already.
    @Test func whatIsGoneCanBeTakenOut() throws {
        typealias Create = @convention(c) (Int32) -> Int32
        typealias Control = @convention(c) (Int32, Int32, Int32, UnsafeMutableRawPointer?) -> Int32
        // As a library finds them, and what it would find without this program's.
        let (anywhere, next) = (
            UnsafeMutableRawPointer(bitPattern: 0), UnsafeMutableRawPointer(bitPattern: -1)
        )
        let found = try #require(dlsym(anywhere, "epoll_ctl"))
        #expect(found != dlsym(next, "epoll_ctl"), "libraries must find this program's")
        let control = unsafeBitCast(found, to: Control.self)
        let create = unsafeBitCast(try #require(dlsym(anywhere, "epoll_create1")), to: Create.self)
        let (adding, taking): (Int32, Int32) = (1, 2)
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        let set = create(0)
        defer { [set, ends[0], ends[1]].forEach { Glibc.close($0) } }
        var event = [UInt8](repeating: 0, count: 16)
        #expect(control(set, taking, ends[0], nil) == 0)
        #expect(control(set, adding, ends[0], &event) == 0)
        #expect(control(set, adding, ends[0], &event) == -1 && errno == EEXIST)
        #expect(control(set, taking, ends[0], nil) == 0)
        #expect(control(set, taking, -1, nil) == -1 && errno == EBADF)
    }

    @Test func unixSocketFiles() throws {
        let path = freshSocketPath()
        let first = try ListenSocket.unix(path: path)
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        #expect(throws: ListenError.pathInUse(path)) { try ListenSocket.unix(path: path) }
        Glibc.close(first.descriptor)
        let second = try ListenSocket.unix(path: path)
        #expect(second.name == "unix:" + path)
        second.close()
        #expect(stat(path, &status) != 0)
        let file = open(path, O_CREAT | O_WRONLY, 0o600)
        Glibc.close(file)
        #expect(throws: ListenError.pathIsNotASocket(path)) { try ListenSocket.unix(path: path) }
        unlink(path)
        let long = "/tmp/" + String(repeating: "x", count: 103)
        #expect(throws: ListenError.pathTooLong(byteCount: 108, limit: 107)) {
            try ListenSocket.unix(path: long)
        }
    }

    @Test func tcpAddresses() throws {
        let four = try ListenSocket.tcp(host: "localhost", port: 0)
        #expect(four.name == "127.0.0.1:\(four.port!)" && four.port! > 0)
        #expect(throws: ListenError.system(call: "bind", errno: EADDRINUSE)) {
            try ListenSocket.tcp(host: "127.0.0.1", port: four.port!)
        }
        #expect(throws: ListenError.notAnAddress("example.org")) {
            try ListenSocket.tcp(host: "example.org", port: 1)
        }
        #expect(throws: ListenError.notAListeningSocket(descriptor: 0)) {
            try ListenSocket.inherited(descriptor: 0)
        }
        let again = try ListenSocket.inherited(descriptor: four.descriptor)
        #expect(again.port == four.port)
        four.close()
        if let six = try? ListenSocket.tcp(host: "[::1]", port: 0) {
            #expect(six.name.hasPrefix("[::1]:"))
            six.close()
        }
    }
}
