// Streams of events over real sockets: in whatever pieces they come, and cut.

import TestSupport
import Testing

@testable import HTTPClient

@Suite struct ServerEventsTests {
    private static let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

    /// All events of one connection, and how it ended.
    private func read(
        _ scripted: ScriptedServer, after: String? = nil, most: Int = .max,
        silenceMilliseconds: UInt32 = 60_000
    ) throws -> (events: [String], end: Server.StreamEnd) {
        let server = try #require(Server(scripted.base))
        var events: [String] = []
        let end = try server.events(
            "/events", after: after, silenceMilliseconds: silenceMilliseconds
        ) { event in
            events.append("\(event.id ?? "-") \(event.name) \(event.data)")
            return events.count < most
        }
        return (events, end)
    }

    @Test func whateverThePieces() throws {
        let text =
            "retry: 1000\n\n: comment\n\nid: 1\nevent: accepted\ndata: {\"a\":1}\n\nevent: broken\ndata: x\ndata: y\n\n"
            + "id: 2\r\ndata:no blank\r\n\r\nevent: without data\n\ndata: unended"
        let expected = ["1 accepted {\"a\":1}", "- broken x\ny", "2 message no blank"]
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
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n",
                    "Transfer-Encoding: chunked\r\n\r\n",
                    "c\r\nid: 1\ndata: \r\n", "4\r\na\n\nd\r\n", "ff\r\nata",
                ]
            ]))
        #expect(events == ["1 message a"])
        guard case .cut = end else {
            Issue.record("\(end)")
            return
        }
    }

    /// What the HTML standard says of each.
    @Test(arguments: [
        ("\u{feff}data: a\n\n", ["- message a"]),
        ("data: a\rdata: b\r\rdata: c\r\n\r\n", ["- message a\nb", "- message c"]),
        ("data\n\ndata\ndata\n\n", ["- message ", "- message \n"]),
        ("event: x\nevent:\ndata: a\n\n", ["- message a"]),
        ("id: 1\nid: 2\u{0}\ndata: a\n\n", ["1 message a"]),
        ("id: 1\ndata: a\n\ndata: b\n\nid: 3\n\ndata: c\n\n", ["1 message a", "- message b", "- message c"]),
        // A colon and a combining accent are one character of a String.
        ("data:\u{301}a\n\n", ["- message \u{301}a"]),
        (":data: a\n\ndata:  b\n\n", ["- message  b"]),
        (" data: a\n\nother: b\n\n", []),
    ])
    func lines(text: String, expected: [String]) throws {
        for pieces in [[text], text.unicodeScalars.map { String($0) }] {
            let scripted = ScriptedServer([[Self.head] + pieces], pauseMicroseconds: 2_000)
            #expect(try read(scripted).events == expected)
        }
    }

    private func failure(_ scripted: ScriptedServer, silenceMilliseconds: UInt32 = 60_000) -> Server.Failure?
    {
        do {
            _ = try read(scripted, silenceMilliseconds: silenceMilliseconds)
            return nil
        } catch { return error as? Server.Failure }
    }

    @Test func onlyStreamsOfEvents() {
        for type in ["", "Content-Type: text/html\r\n", "Content-Type: text/event-streams\r\n"] {
            let page = ScriptedServer([["HTTP/1.1 200 OK\r\n\(type)\r\n", "data: a\n\n"]])
            guard case .noEvents(200)? = failure(page) else {
                Issue.record("\(type)")
                continue
            }
        }
        let other = ScriptedServer([
            ["HTTP/1.1 200 OK\r\ncontent-type: Text/Event-Stream;charset=utf-8\r\n\r\n", "data: a\n\n"]
        ])
        #expect((try? read(other).events) == ["- message a"])
    }

    /// It would come again after every connection.
    @Test func eventsAreBounded() {
        let half = "data: " + String(repeating: "a", count: Server.eventBytesMax / 2) + "\n"
        for text in [String(repeating: "a", count: Server.eventBytesMax + 1), half + half] {
            guard case .tooLong(Server.eventBytesMax)? = failure(ScriptedServer([[Self.head, text]])) else {
                Issue.record("\(text.count)")
                continue
            }
        }
    }

    /// Some bytes now and then are no silence.
    @Test func heartbeatsKeepAStream() throws {
        let beats = Array(repeating: ":\n\n", count: 12)
        let scripted = ScriptedServer(
            [[Self.head] + beats + ["data: late\n\n"]], pauseMicroseconds: 250_000)
        #expect(try read(scripted, silenceMilliseconds: 1_500).events == ["- message late"])
    }

    @Test func silenceEndsAStream() throws {
        let start = ContinuousClock.now
        let scripted = ScriptedServer([[Self.head, "data: a\n\n"]], lingerMicroseconds: 20_000_000)
        let (events, end) = try read(scripted, silenceMilliseconds: 300)
        #expect(events == ["- message a"] && ContinuousClock.now - start < .seconds(10))
        guard case .cut = end else {
            Issue.record("\(end)")
            return
        }
        let dumb = ScriptedServer([[]], lingerMicroseconds: 20_000_000)
        guard case .broken("nothing came for 300 ms")? = failure(dumb, silenceMilliseconds: 300) else {
            Issue.record("a head never came")
            return
        }
    }
}
