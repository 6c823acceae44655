// Streamed bodies over real sockets.

import Glibc
import HTTP
import Locking
import TestSupport
import Testing

@testable import MicroHTTP

@Suite(.serialized) struct StreamTests {
    private let request = "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n"

    private func serve(
        _ source: ScriptedSource, _ transport: Transport = .tcp,
        _ change: (inout ServerLimits) -> Void = { _ in }
    ) throws -> TestServer {
        try TestServer(
            transport, responder: streaming { _ in Response(status: 200, body: [0x3e], stream: source) },
            change)
    }

    private func readAll(_ client: RawClient) throws -> String? {
        var all: [UInt8] = []
        while let chunk = try client.readChunk() {
            if chunk.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += chunk
        }
        return nil
    }

    @Test(arguments: Transport.allCases)
    func piecesComeAsTheyAreSaid(transport: Transport) throws {
        let source = ScriptedSource()
        let server = try serve(source, transport)
        let client = try server.client()
        try client.send(request)
        let head = try #require(try client.read())
        #expect(head.status == 200 && head.header("transfer-encoding") == "chunked")
        #expect(try client.readChunk() == [0x3e])
        for number in 1...20 {
            #expect(source.waitForRests(number))
            source.add("piece \(number)")
            #expect(try client.readChunk() == Array("piece \(number)".utf8))
        }
        let big = [UInt8](repeating: 7, count: StreamPiece.bytesMax)
        source.add(.bytes(big))
        source.add(.end)
        #expect(try readAll(client)?.utf8.count == big.count)
        #expect(source.waitForEnding() == [.complete])
        #expect(server.settles())
        #expect(
            server.tally.all.map(\.bytesOut) == [
                1 + big.count + (1...20).reduce(0) { $0 + "piece \($1)".count }
            ])
        // The connection is as good as new.
        try client.send("GET /other HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(try client.read()?.text == "GET /other")
        source.add("late")
    }

    @Test func beforeChunks() throws {
        let source = ScriptedSource([.bytes([0x41]), .bytes([0x42])])
        let server = try serve(source)
        let client = try server.client()
        try client.send("GET /stream HTTP/1.0\r\n\r\n")
        #expect(source.waitForRests(1))
        source.add("C")
        source.add(.end)
        #expect(try client.readToEnd().hasSuffix("\r\n\r\n>ABC"))
        #expect(source.waitForEnding() == [.complete])
    }

    @Test func headHasNoBody() throws {
        let source = ScriptedSource()
        let server = try serve(source)
        let client = try server.client()
        try client.send("HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n")
        let head = try #require(try client.read(isHead: true))
        #expect(head.status == 200 && head.header("content-length") == nil)
        #expect(head.header("connection")?.lowercased() == "close")
        #expect(try client.readToEnd() == "")
        #expect(source.waitForEnding() == [.clientGone] && source.askedCount == 0)
    }

    @Test(arguments: Transport.allCases)
    func aClientThatLeavesIsFoundWhileNothingIsSaid(transport: Transport) throws {
        let source = ScriptedSource()
        let server = try serve(source, transport)
        do {
            let client = try server.client()
            try client.send(request)
            #expect(source.waitForRests(1))
            #expect(server.daemon.core.connections.streamCount == 1)
        }
        #expect(source.waitForEnding() == [.clientGone])
        #expect(server.settles())
        #expect(server.daemon.core.connections.streamCount == 0)
    }

    @Test func aClientThatDoesNotReadCostsLittleAndIsEnded() throws {
        let piece = StreamPiece.bytes([UInt8](repeating: 1, count: 1024))
        let source = ScriptedSource(filler: piece)
        let server = try serve(source) {
            $0.sendingSeconds = 1
            $0.streamSendBufferBytes = 16 << 10
        }
        let client = try RawClient(server.endpoint, receiveBufferBytes: 16 << 10)
        try client.send(request)
        #expect(source.waitForEnding() == [.clientGone])
        #expect(source.askedCount < 512, "took \(source.askedCount) KiB for a client that reads nothing")
        #expect(server.settles())
    }

    @Test(arguments: Transport.allCases)
    func drainSaysGoodbye(transport: Transport) throws {
        let sources = (0..<8).map { _ in ScriptedSource(farewell: [.bytes(Array("bye".utf8)), .end]) }
        let server = try TestServer(
            transport,
            responder: streaming { Response(status: 200, stream: sources[Int($0.dropFirst(8))!]) })
        let clients = try (0..<8).map { number in
            let client = try server.client()
            try client.send("GET /stream/\(number) HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(try client.read()?.status == 200)
            return client
        }
        for source in sources { #expect(source.waitForRests(1)) }
        let started = MonotonicClock.microseconds()
        #expect(server.daemon.drain(graceSeconds: 5))
        #expect(MonotonicClock.microseconds() - started < 1_500_000)
        for (client, source) in zip(clients, sources) {
            #expect(try readAll(client) == "bye")
            #expect(source.ending == [.complete] && source.finishes == 1)
        }
        #expect(server.daemon.connectionCount == 0)
    }

    /// What a request that had begun says to a stream comes before the good-bye.
    @Test func requestsThatHadBegunAreHeard() throws {
        let source = ScriptedSource(farewell: [.bytes(Array("bye".utf8)), .end])
        let began = Locked(false)
        let server = try TestServer(
            responder: streaming { target in
                if target == "/stream" { return Response(status: 200, stream: source) }
                began.withLock { $0 = true }
                usleep(200_000)
                source.add("heard ")
                return Response(status: 200)
            })
        let (follower, asker) = (try server.client(), try server.client())
        try follower.send(request)
        #expect(try follower.read()?.status == 200)
        #expect(source.waitForRests(1))
        try asker.send("GET /stream/slow HTTP/1.1\r\nHost: h\r\n\r\n")
        for _ in 0..<500 where !began.withLock({ $0 }) { usleep(1_000) }
        #expect(server.daemon.drain(graceSeconds: 5))
        let heard = try readAll(follower)
        #expect(heard == "heard bye")
        #expect(try asker.read()?.status == 200)
    }

    @Test func drainCutsWhatDoesNotEnd() throws {
        // One never says its end, the other's client does not read.
        let silent = ScriptedSource(farewell: [])
        let endless = ScriptedSource(filler: .bytes([UInt8](repeating: 1, count: 4096)), farewell: [])
        let server = try TestServer(
            responder: streaming { Response(status: 200, stream: $0.hasSuffix("0") ? silent : endless) }
        ) { $0.streamGoodbyeSeconds = 1 }
        let clients = try (0..<2).map { number in
            let client = try server.client()
            try client.send("GET /stream/\(number) HTTP/1.1\r\nHost: h\r\n\r\n")
            return client
        }
        #expect(silent.waitForRests(1))
        for _ in 0..<100 where endless.askedCount < 8 { usleep(10_000) }
        let started = MonotonicClock.microseconds()
        #expect(server.daemon.drain(graceSeconds: 5), "a stream is no reason for an unclean end")
        #expect((900_000..<3_000_000).contains(MonotonicClock.microseconds() - started))
        #expect(silent.ending == [.cutOff] && endless.ending == [.cutOff])
        #expect(server.daemon.connectionCount == 0)
        withExtendedLifetime(clients) {}
    }

    /// An answer that is sent as a stream has the grace of a request, and makes the drain unclean when cut.
    @Test func drainWaitsForAnswers() throws {
        for isEnded in [true, false] {
            let source = ScriptedSource(farewell: [], endsByItself: true)
            let server = try TestServer(
                responder: streaming { _ in Response(status: 200, stream: source) }
            ) { $0.streamGoodbyeSeconds = 0 }
            let client = try server.client()
            try client.send("GET /stream/0 HTTP/1.1\r\nHost: h\r\n\r\n")
            #expect(source.waitForRests(1))
            inParallel(2) { thread in
                guard thread > 0 else {
                    #expect(server.daemon.drain(graceSeconds: isEnded ? 10 : 1) == isEnded)
                    return
                }
                for _ in 0..<500 where source.finishes == 0 { usleep(10_000) }
                usleep(300_000)
                guard isEnded else { return }
                source.add("last line")
                source.add(.end)
            }
            #expect(source.ending == [isEnded ? .complete : .cutOff])
            if isEnded {
                #expect(try client.read()?.status == 200)
                #expect(try readAll(client) == "last line")
            }
        }
    }

    @Test func manyWakersLoseNothing() throws {
        let source = ScriptedSource()
        let server = try serve(source)
        let client = try server.client()
        try client.send(request)
        #expect(try client.read()?.status == 200)
        nonisolated(unsafe) let reader = client
        let total = Counter()
        inParallel(5) { thread in
            if thread < 4 {
                for number in 0..<500 {
                    source.add("x")
                    // Now and then long enough for the connection to rest.
                    if number % 50 == thread { usleep(3000) }
                }
            } else {
                var count = 0
                while count < 2001, let chunk = try? reader.readChunk() { count += chunk.count }
                for _ in 0..<count { total.add() }
            }
        }
        #expect(total.count == 2001)
        #expect(server.daemon.drain(graceSeconds: 2))
        #expect(source.ending == [.complete])
    }
}
