// Streams of events over real sockets: in whatever pieces they come, and cut.

import Testing

@testable import HTTPClient

@Suite struct ServerEventsTests {
    private static let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

    /// All events of one connection, and how it ended.
    private func read(
        _ scripted: ScriptedServer, after: String? = nil, most: Int = .max
    ) throws -> (events: [String], end: Server.StreamEnd) {
        let server = try #require(Server(scripted.base))
        var events: [String] = []
        let end = try server.events("/events", after: after) { event in
            events.append("\(event.id ?? "-") \(event.name) \(event.data)")
            return events.count < most
        }
        return (events, end)
    }

    @Test func whateverThePieces() throws {
        let text =
            "retry: 1000\n\n: comment\n\nid: 1\nevent: accepted\ndata: {\"a\":1}\n\nevent: broken\ndata: x\ndata: y\n\n"
            + "id: 2\r\ndata:no blank\r\n\r\nevent: without data\n\ndata: unended"
        let expected = ["1 accepted {\"a\":1}", "1 broken x\ny", "2 message no blank"]
        let pieces = text.map { String($0) }
        for script in [[Self.head, text], [Self.head + text], [Self.head] + pieces] {
            let (events, end) = try read(ScriptedServer([script]))
            #expect(events == expected)
            guard case .cut = end else {
                Issue.record("\(end)")
                continue
            }
        }
    }

    @Test func goesOnAfterWhatItHas() throws {
        let scripted = ScriptedServer([
            [Self.head, "id: 7\nevent: a\ndata: 1\n\n"], [Self.head, "id: 8\nevent: b\ndata: 2\n\n"],
        ])
        #expect(try read(scripted).events == ["7 a 1"])
        #expect(try read(scripted, after: "7").events == ["8 b 2"])
        #expect(!scripted.requests[0].contains("Last-Event-ID"))
        #expect(scripted.requests[1].contains("\r\nLast-Event-ID: 7\r\n"))
    }

    @Test func readerStops() throws {
        let (events, end) = try read(
            ScriptedServer([[Self.head, "data: 1\n\ndata: 2\n\ndata: 3\n\n"]]), most: 2)
        #expect(events == ["- message 1", "- message 2"])
        guard case .stopped = end else {
            Issue.record("\(end)")
            return
        }
    }

    @Test func noStreamButAnAnswer() throws {
        let (events, end) = try read(
            ScriptedServer([["HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\ndata: \n"]]))
        guard case .refused(let answer) = end else {
            Issue.record("\(end)")
            return
        }
        #expect(events.isEmpty && answer.status == 404 && answer.body == Array("data: \n".utf8))
    }

    @Test func cutInsideAChunk() throws {
        let (events, end) = try read(
            ScriptedServer([
                [
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "c\r\nid: 1\ndata: \r\n", "4\r\na\n\nd\r\n", "ff\r\nata",
                ]
            ]))
        #expect(events == ["1 message a"])
        guard case .cut = end else {
            Issue.record("\(end)")
            return
        }
    }
}
