// SIGTERM to a real server while clients write to a session and others follow it: everybody who was promised
// something gets it, and the process ends in good order.

import Foundation
import Locking
import TestSupport
import Testing

@Suite(.serialized) struct DrainUnderLoadTests {
    private static let writers = 8
    private static let subscribers = 64

    private struct Seen {
        /// Of each subscriber, the ids in the order in which they arrived.
        var ids: [[Int]] = Array(repeating: [], count: DrainUnderLoadTests.subscribers)
        var byes = 0
        var answered = 0
        /// Requests that were sent whole and not answered.
        var unanswered = 0
        var faults: [String] = []
    }

    private struct Refused: Error { var text: String }

    private static func post(_ client: RawClient, _ target: String, _ json: String) throws -> RawClient
        .Answer?
    {
        try client.send(
            "POST \(target) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(json.utf8.count)\r\n\r\n\(json)")
        return try client.read()
    }

    @Test func everybodyGetsWhatWasPromised() throws {
        let server = try RunningServer(["--listen", "127.0.0.1:0", "--log", "none", "--grace-seconds", "5"])
        let port = server.port
        let first = try server.client()
        #expect(try Self.post(first, "/v1/sessions", #"{"id":"s"}"#)?.status == 201)
        #expect(try Self.post(first, "/v1/sessions/s/domains", #"{"id":"d0"}"#)?.status == 201)
        let seen = Locked(Seen())
        let following = Locked(0)
        let isOver = Locked(false)
        let pid = server.identifier
        inParallel(Self.subscribers + Self.writers + 1) { number in
            do {
                switch number {
                case ..<Self.subscribers: try Self.follow(port, number, seen, following)
                case Self.subscribers: Self.end(pid, after: following, isOver)
                default: try Self.write(port, seen, isOver)
                }
            } catch {
                seen.withLock { $0.faults.append("\(number): \(error)") }
            }
        }
        let status = server.stop()
        #expect(status == 0 && server.said.hasSuffix("stopped\n"), "\(server.said)")
        let result = seen.withLock { $0 }
        #expect(result.faults == [])
        #expect(result.unanswered == 0)
        #expect(result.answered > Self.writers * 10)
        #expect(result.byes == Self.subscribers)
        // Everything from the first event on, each once, up to the same last one.
        let longest = result.ids.map(\.count).max() ?? 0
        #expect(longest > result.answered / 2)
        for ids in result.ids { #expect(ids == Array(2..<(2 + longest))) }
    }

    private static func follow(
        _ port: UInt16, _ number: Int, _ seen: Locked<Seen>, _ following: Locked<Int>
    ) throws {
        let client = try RawClient(.tcp(port), timeoutSeconds: 30)
        try client.send(
            "GET /v1/sessions/s/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                + "Last-Event-ID: 1\r\n\r\n")
        guard try client.read()?.status == 200 else { throw Refused(text: "no stream") }
        following.withLock { $0 += 1 }
        var text: [UInt8] = []
        while let chunk = try client.readChunk(), !chunk.isEmpty { text += chunk }
        let events = String(decoding: text, as: UTF8.self).split(separator: "\n\n")
        seen.withLock { seen in
            for event in events {
                if event.hasPrefix("event: bye") { seen.byes += 1 }
                guard event.hasPrefix("id: ") else { continue }
                seen.ids[number].append(Int(event.dropFirst(4).prefix { $0 != "\n" }) ?? -1)
            }
        }
    }

    /// SIGTERM once all follow and some have written.
    private static func end(_ pid: Int32, after following: Locked<Int>, _ isOver: Locked<Bool>) {
        for _ in 0..<1_000 where following.withLock({ $0 }) < subscribers { usleep(10_000) }
        usleep(300_000)
        kill(pid, SIGTERM)
        usleep(50_000)
        isOver.withLock { $0 = true }
    }

    /// Allocates and frees until the server closes the connection. A request that was sent on a
    /// connection which the server had already closed does not count as accepted.
    private static func write(_ port: UInt16, _ seen: Locked<Seen>, _ isOver: Locked<Bool>) throws {
        let client = try RawClient(.tcp(port))
        var count = 0
        while true {
            guard
                let answer = try? post(
                    client, "/v1/sessions/s/domains/d0/iovas", #"{"size":4096,"limit":"0xffffffff"}"#)
            else {
                // Cut off before the signal: somebody was let down.
                if !isOver.withLock({ $0 }) { usleep(100_000) }
                if !isOver.withLock({ $0 }) { seen.withLock { $0.unanswered += 1 } }
                break
            }
            // Said in so many words is no broken promise either.
            if answer.status == 503, answer.text.contains("shutting-down") { break }
            guard answer.status == 201 else { throw Refused(text: answer.text) }
            count += 1
            if answer.header("connection")?.lowercased() == "close" { break }
        }
        seen.withLock { $0.answered += count }
    }
}
