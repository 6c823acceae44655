// Raw heads over real sockets, with the exact answer to each: the table raw-heads.json, heads in pieces, and
// random ones that a second reader judges. What follows a refused head must never be read as a request.

import Foundation
import HTTP
import TestSupport
import Testing

@testable import MicroHTTP

/// A row of raw-heads.json.
struct RawHead: Decodable, Sendable, CustomTestStringConvertible {
    var name: String
    var section: String
    /// Each character is a byte; `…` stands for `fill` bytes.
    var raw: String
    var fill: Int?
    var statuses: [String]
    var closed: Bool
    /// How many requests the service is asked.
    var requests: Int

    var testDescription: String { "\(section): \(name)" }

    var bytes: [UInt8] {
        raw.unicodeScalars.flatMap { scalar in
            scalar == "…" ? [UInt8](repeating: 0x79, count: fill ?? 0) : [UInt8(scalar.value)]
        }
    }

    private struct Table: Decodable { var cases: [RawHead] }

    static let all: [RawHead] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("raw-heads.json")
        do {
            return try JSONDecoder().decode(Table.self, from: Data(contentsOf: file)).cases
        } catch { fatalError("\(file.path): \(error)") }
    }()

    /// The status lines in what a client received.
    static func statuses(_ received: String) -> [String] {
        received.matches(of: /HTTP\/1\.1 [0-9]{3}[^\r]*/).map { String($0.output) }
    }
}

@Suite(.serialized) struct RawHeadTests {
    static let second = Array("GET /second HTTP/1.1\r\nHost: h\r\n\r\n".utf8)

    @Test(arguments: RawHead.all)
    func answersExactly(head: RawHead) throws {
        let server = try TestServer()
        let client = try server.client()
        // A server that has closed already takes no more.
        try? client.send(head.bytes + Self.second)
        if head.closed {
            let received = try client.readToEnd()
            #expect(RawHead.statuses(received) == head.statuses, "\(received)")
            if head.statuses.contains(where: { !$0.hasSuffix(" OK") }) {
                #expect(received.lowercased().contains("connection: close"))
            }
        } else {
            for status in head.statuses {
                let answer = try #require(try client.read())
                #expect(status.contains(" \(answer.status) "))
            }
            #expect(try client.read()?.text == "GET /second")
        }
        #expect(server.settles())
        let asked = server.tally.all.filter { $0.status == 200 }
        #expect(asked.count == head.requests + (head.closed ? 0 : 1))
        let targets = asked.map { String(decoding: $0.head.rawTarget, as: UTF8.self) }
        #expect(!targets.contains("/smuggled"))
        #expect(targets.contains("/second") == !head.closed)
    }

    /// What the access log and the metrics are told.
    @Test func refusalsAreCounted() throws {
        let server = try TestServer()
        for (field, status) in [
            ("Content-Length: x", 400), ("X: \(String(repeating: "y", count: 8200))", 431),
            ("X: a\r\n b", 400),
        ] {
            let client = try server.client()
            try client.send("POST /echo HTTP/1.1\r\nHost: h\r\n\(field)\r\n\r\n")
            let answer = try #require(try client.read())
            #expect(answer.status == status)
            #expect(answer.text.contains(status == 431 ? "headTooLarge" : "ambiguousFraming"))
            #expect(try client.read() == nil)
            #expect(server.settles())
            #expect(server.tally.all.last?.status == status)
        }
    }

    /// libmicrohttpd names no connection when it finds a bad length.
    @Test func aBadLengthIsNobodyElses() throws {
        let server = try TestServer { $0.threadCount = 1 }
        let (other, bad, alike) = (try server.client(), try server.client(), try server.client())
        try other.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n")
        try alike.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2x\r\nX: y\r\n")
        usleep(50_000)
        try bad.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n")
        #expect(RawHead.statuses(try bad.readToEnd()) == ["HTTP/1.1 400 Bad Request"])
        try? alike.send("\r\n")
        #expect(RawHead.statuses(try alike.readToEnd()) == ["HTTP/1.1 400 Bad Request"])
        try other.send("\r\nok")
        #expect(try other.read()?.text == "ok")
    }

    /// A head may arrive in any two pieces, and after others on its connection.
    @Test func headsComeInPieces() throws {
        let server = try TestServer { $0.threadCount = 1 }
        let head = Array("POST /echo HTTP/1.1\r\nHost: \t h \r\nX:\r\nContent-Length: 2\r\n\r\nok".utf8)
        let client = try server.client()
        for cut in 1..<head.count {
            try client.send(Array(head[..<cut]))
            usleep(300)
            try client.send(Array(head[cut...]))
            #expect(try client.read()?.text == "ok", "\(cut)")
        }
        // Longer than the buffer that libmicrohttpd begins with.
        var long = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
        for number in 0..<12 { long += "X-\(number): " + String(repeating: "y", count: 480) + "\r\n" }
        let bytes = Array((long + "\r\nok").utf8)
        for cut in stride(from: 1, to: bytes.count, by: 97) {
            try client.send(Array(bytes[..<cut]))
            usleep(300)
            try client.send(Array(bytes[cut...]))
            #expect(try client.read()?.text == "ok", "\(cut)")
        }
    }

    /// No head is so large that nothing is answered, whatever it is made of and whatever follows it.
    @Test(arguments: [(0, 0), (0, 3), (2, 0), (30, 40), (64, 1)])
    func noHeadIsIgnored(items: Int, fields: Int) throws {
        let server = try TestServer { $0.threadCount = 1 }
        let query = items == 0 ? "" : "?" + [String](repeating: "a", count: items).joined(separator: "&")
        var statuses: Set<Int> = []
        for count in stride(from: 2500, through: 9400, by: 59) {
            let client = try server.client()
            let more = String(repeating: "A: b\r\n", count: fields)
            try? client.send(
                "GET /\(query) HTTP/1.1\r\nHost: h\r\n\(more)X: \(String(repeating: "y", count: count))\r\n\r\n"
            )
            let answer = try client.read()
            #expect(answer?.status == 200 || answer?.status == 431, "\(count)")
            statuses.insert(answer?.status ?? 0)
        }
        #expect(statuses == [200, 431])
    }

    /// Nor any target with items, which libmicrohttpd keeps before it has read the rest.
    @Test(arguments: [1, 10, 30, 50, 60, 65, 70, 72], [0, 1_500]) func noTargetIsIgnored(
        items: Int, fieldBytes: Int
    ) throws {
        let server = try TestServer { $0.threadCount = 1 }
        let query = [String](repeating: "a", count: items - 1).map { "\($0)&" }.joined() + "b="
        let field = "X: \(String(repeating: "y", count: fieldBytes))\r\n"
        for count in stride(from: 100, through: 9_000, by: 89) {
            let client = try server.client()
            let target = "/?\(query)\(String(repeating: "c", count: count))"
            try? client.send("GET \(target) HTTP/1.1\r\nHost: h\r\n\(field)\r\n")
            let status = try client.read()?.status
            // Below what a head may take it is read, with room for the small fields. Above all memory it is
            // libmicrohttpd's own.
            let taken = target.utf8.count + items * HeadMemory.itemBytes + fieldBytes
            let wanted = taken < 7_900 ? [200] : taken < 8_192 ? [200, 431] : [431, 414]
            #expect(wanted.contains(status ?? 0), "\(count): \(status ?? 0)")
        }
    }

    /// Nor cookies, of which libmicrohttpd makes a copy.
    @Test(arguments: [3, 20, 60, 200]) func noCookiesAreIgnored(valueBytes: Int) throws {
        let server = try TestServer { $0.threadCount = 1 }
        let cookie = "a=" + String(repeating: "v", count: valueBytes)
        // What does not even leave room for its copy is ended without an answer.
        for count in 1..<(4_000 / cookie.utf8.count) {
            let client = try server.client()
            let cookies = [String](repeating: cookie, count: count).joined(separator: "; ")
            try? client.send("GET / HTTP/1.1\r\nHost: h\r\nCookie: \(cookies)\r\n\r\n")
            let status = try client.read()?.status
            let taken = 2 * cookies.utf8.count + count * HeadMemory.itemBytes
            let wanted = taken < 7_900 ? [200] : taken < 8_192 ? [200, 431] : [431]
            #expect(wanted.contains(status ?? 0), "\(count): \(status ?? 0)")
        }
    }

    @Test func randomHeads() throws {
        var generator = SeededGenerator.forTest("randomHeads", fallback: 0x51)
        let server = try TestServer { $0.threadCount = 1 }
        let pieces: [[UInt8]] = [
            [13], [10], [0], [0x3a], [0x20], [9], [0x61], [13, 10], [13, 10, 0x20], [0x7f], [0x30],
        ]
        let last = Array("GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".utf8)
        let whole = Array("GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nX: y z\r\n\r\n".utf8)
        var (accepted, judged) = (0, 0)
        while judged < 1500 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                let end = place + Int.random(in: 0...1, using: &generator)
                bytes.replaceSubrange(place..<end, with: pieces.randomElement(using: &generator)!)
            }
            if StrictRequests.looksLikeLineEnds(bytes) { continue }
            judged += 1
            let client = try server.client()
            bytes += last
            try client.send(bytes)
            let received = RawHead.statuses(try client.readToEnd())
            let wanted = StrictRequests.count(in: bytes)
            let good = received.count { $0 == "HTTP/1.1 200 OK" }
            #expect(good == wanted, "\(String(decoding: bytes, as: UTF8.self).debugDescription): \(received)")
            #expect(received.count <= good + 1)
            accepted += good == 2 ? 1 : 0
        }
        #expect(accepted > 50 && accepted < judged)
    }
}
