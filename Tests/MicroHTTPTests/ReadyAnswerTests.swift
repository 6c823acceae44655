// Fixed answers over real sockets: what is kept between requests must not show in any of them.

import HTTP
import TestSupport
import Testing

@testable import MicroHTTP

@Suite(.serialized) struct ReadyAnswerTests {
    private static func answer(_ body: [UInt8]) -> FixedAnswer {
        var answer = Response(
            status: 200, headers: HeaderFields([.init("Content-Type", "text/plain")]), body: body)
        answer.dress(requestID: "", HeaderFields([.init("Server", "test")]))
        return FixedAnswer(answer)
    }

    /// Answers `/long` with an id of its own length, others with those of the server.
    private func responder(_ answer: FixedAnswer) -> Responder {
        Responder(
            admit: { head in
                let number = UInt64(head.rawTarget.dropFirst().reduce(0) { $0 &* 10 &+ Int($1) })
                let isLong = head.rawTarget == Array("/long".utf8)
                let id = isLong ? "an-id-that-a-client-sent" : RequestID.text(of: number)
                return .read(bodyLimitBytes: 0) { _, _ in answer.response(requestID: id) }
            }, refuse: testResponder.refuse)
    }

    private func id(_ target: String) -> String {
        RequestID.text(of: UInt64(target.utf8.dropFirst().reduce(0) { $0 &* 10 &+ Int($1) }))
    }

    @Test func idsAreTheRequestsOwn() throws {
        let server = try TestServer(responder: responder(Self.answer(Array("alive\n".utf8))))
        let clients = try (0..<3).map { _ in try server.client() }
        for (number, target) in ["/a", "/bb", "/long", "/a", "/c", "/dd", "/long"].enumerated() {
            let client = clients[number % clients.count]
            try client.send("GET \(target) HTTP/1.1\r\nHost: h\r\n\r\n")
            let answer = try #require(try client.read())
            #expect(answer.status == 200 && answer.text == "alive\n", "\(target)")
            let wanted = target == "/long" ? "an-id-that-a-client-sent" : id(target)
            #expect(answer.header("x-request-id") == wanted, "\(target)")
            // Names in the order of the template, whichever way the answer was made.
            let names = answer.headers.map(\.name).filter { !["date", "content-length"].contains($0) }
            #expect(names == ["content-type", "x-request-id", "server"], "\(target)")
        }
        #expect(server.settles())
        #expect(server.tally.all.map(\.requestID).suffix(1) == ["an-id-that-a-client-sent"])
        #expect(server.tally.all.allSatisfy { $0.bytesOut == 6 && $0.isComplete })
    }

    /// More at the same time than are kept, of a body that no socket takes at once, read in any order; and
    /// clients that leave in the middle.
    @Test func manyAtTheSameTime() throws {
        let body = (0..<400_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let server = try TestServer(responder: responder(Self.answer(body)))
        for round in 0..<2 {
            var clients = try (0..<70).map { _ in try server.client() }
            for (number, client) in clients.enumerated() {
                try client.send("GET /\(round)x\(number) HTTP/1.1\r\nHost: h\r\n\r\n")
            }
            for number in clients.indices.reversed() where number % 7 != 0 {
                let answer = try #require(try clients[number].read())
                #expect(answer.header("x-request-id") == id("/\(round)x\(number)"), "\(number)")
                let isWhole = answer.body == body
                #expect(isWhole, "\(number): \(answer.body.count) bytes")
            }
            clients = []
            #expect(server.settles())
        }
    }

    @Test func headAndCloseAndOldClients() throws {
        let server = try TestServer(responder: responder(Self.answer(Array("alive\n".utf8))))
        let client = try server.client()
        try client.send("HEAD /h HTTP/1.1\r\nHost: h\r\n\r\n")
        try client.send("GET /g HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        let text = try client.readToEnd()
        #expect(text.components(of: "HTTP/1.1 200").count == 3, "\(text)")
        #expect(text.components(of: "Content-Length: 6").count == 3, "\(text)")
        #expect(text.components(of: "alive").count == 2 && text.hasSuffix("alive\n"), "\(text)")
        #expect(text.contains(id("/h")) && text.contains(id("/g")))
        let old = try server.client()
        try old.send("GET /o HTTP/1.0\r\n\r\n")
        #expect(try old.readToEnd().hasSuffix("alive\n"))
        #expect(server.daemon.drain(graceSeconds: 2))
    }

    /// What is looked at eight bytes at a time is what each byte says.
    @Test func sendableFields() {
        func isName(_ bytes: [UInt8]) -> Bool {
            !bytes.isEmpty && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") }
        }
        func isValue(_ bytes: [UInt8]) -> Bool {
            bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }
        }
        for length in 0...26 {
            for place in -1..<length {
                for byte in UInt8.min...0x7f {
                    var bytes = [UInt8](repeating: UInt8(ascii: "x"), count: length)
                    if place >= 0 { bytes[place] = byte }
                    let text = String(decoding: bytes, as: UTF8.self)
                    #expect(ResponseQueueing.isSendable(.init(text, "v")) == isName(bytes), "\(bytes)")
                    #expect(ResponseQueueing.isSendable(.init("n", text)) == isValue(bytes), "\(bytes)")
                    if place < 0 { break }
                }
            }
        }
        #expect(ResponseQueueing.isSendable(.init("n", "größer als acht Bytes")))
        #expect(!ResponseQueueing.isSendable(.init("größerer-Name", "v")))
    }
}

extension String {
    fileprivate func components(of separator: String) -> [Substring] {
        split(separator: separator, omittingEmptySubsequences: false)
    }
}
