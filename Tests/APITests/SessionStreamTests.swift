// The event log as a stream, asked in process as the server asks: order, batches, gaps, good-byes, limits.

import API
import Foundation
import HTTP
import Locking
import Testing

@Suite struct SessionStreamTests {
    private let client: ServiceClient
    private let d0 = "/v1/sessions/s/domains/d0"

    init() {
        client = ServiceClient()
        _ = client.post("/v1/sessions", json: #"{"id":"s"}"#)
        _ = client.post("/v1/sessions/s/domains", json: #"{"id":"d0"}"#)
    }

    private func subscribe(_ fields: [HeaderFields.Field] = []) throws -> Response {
        let accept = HeaderFields.Field("Accept", "text/event-stream")
        let answer = client.get("/v1/sessions/s/events", headers: [accept] + fields)
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.response.headers["Content-Type"] == "text/event-stream")
        let stream = try #require(answer.response.stream)
        stream.start(waker: StreamWaker {})
        return answer.response
    }

    /// All that the stream says now, and whether it ended.
    private func read(_ response: Response) throws -> (text: String, hasEnded: Bool) {
        let (text, hasEnded) = try readBlocks(response)
        Contract.holdEvents(text)
        return (text, hasEnded)
    }

    private func readBlocks(_ response: Response) throws -> (text: String, hasEnded: Bool) {
        let stream = try #require(response.stream)
        var bytes: [UInt8] = []
        while true {
            switch stream.next() {
            case .bytes(let more): bytes += more
            case .toCompute: stream.compute(Work())
            case .nothingYet: return (String(decoding: bytes, as: UTF8.self), false)
            case .end:
                stream.ended(.complete)
                return (String(decoding: bytes, as: UTF8.self), true)
            }
        }
    }

    private func allocate(_ count: Int) {
        for _ in 0..<count {
            #expect(client.post(d0 + "/iovas", json: #"{"size":4096}"#).status == 201)
        }
    }

    @Test func liveAndResumed() throws {
        let live = try subscribe()
        allocate(2)
        let text = try read(live).text
        #expect(
            text.hasPrefix("id: 2\nevent: allocated\ndata: {\"domain\":\"d0\",\"iova\":\"0xfffffffff000\""))
        #expect(text.contains("id: 3\nevent: allocated\n"))
        #expect(!text.contains("id: 1\n"))
        let resumed = try subscribe([.init("Last-Event-ID", "2")])
        #expect(try read(resumed).text.hasPrefix("id: 3\n"))
        let wrong = client.get(
            "/v1/sessions/s/events",
            headers: [.init("Accept", "text/event-stream"), .init("Last-Event-ID", "x")])
        #expect(wrong.status == 400)
        let hidden = client.get(
            "/v1/sessions/s/events?after=-1", headers: [.init("Last-Event-ID", "2")])
        #expect(hidden.status == 400 && hidden.pointers == ["?after"])
    }

    /// Whoever falls behind by more than the ring is told what is missing, in the stream and in the page.
    @Test func slowReadersGetAGap() throws {
        let slow = try subscribe([.init("Last-Event-ID", "1")])
        allocate(Limits.eventRingMax + 10)
        let text = try read(slow).text
        #expect(text.hasPrefix("id: 11\nevent: gap\ndata: {\"after\":1,\"missed_through\":11}\n\n"))
        #expect(text.components(separatedBy: "event: allocated").count - 1 == Limits.eventRingMax)
        let page = client.get("/v1/sessions/s/events?after=1&limit=5")
        #expect(page.object("gap")["missed_through"] as? Int == 11)
        #expect(page.list("items").first?["id"] as? Int == 12)
        #expect(page.json["next_page_token"] as? String == "16")
    }

    @Test func aBatchIsOneRevision() throws {
        let live = try subscribe()
        let batch = #"{"operations":[{"op":"allocate","size":4096},{"op":"allocate","size":4096}]}"#
        #expect(client.post(d0 + "/batches", json: batch).status == 200)
        let text = try read(live).text
        #expect(text.components(separatedBy: "event: allocated").count == 3)
        #expect(text.components(separatedBy: "id: 2\n").count == 2)
        #expect(!text.contains("id: 3\n"))
    }

    @Test func theEndOfASessionEndsItsStreams() throws {
        let live = try subscribe()
        #expect(client.ask(.delete, "/v1/sessions/s").status == 204)
        let (text, hasEnded) = try read(live)
        #expect(hasEnded && text == "event: bye\ndata: {\"reason\":\"session_deleted\"}\n\n")
    }

    @Test func expiryIsTheLastEvent() throws {
        let clock = SessionServiceTests.Clock()
        var configuration = Service.Configuration(version: "test")
        configuration.wallClock = { clock.now.withLock { $0 } }
        let client = ServiceClient(configuration)
        _ = client.post("/v1/sessions", json: #"{"id":"s","ttl_seconds":5}"#)
        let answer = client.get("/v1/sessions/s/events", headers: [.init("Accept", "text/event-stream")])
        let stream = try #require(answer.response.stream)
        stream.start(waker: StreamWaker {})
        clock.advance(seconds: 5)
        client.service.tick()
        let (text, hasEnded) = try read(answer.response)
        #expect(hasEnded)
        #expect(
            text
                == "id: 1\nevent: expired\ndata: {}\n\nevent: bye\ndata: {\"reason\":\"session_expired\"}\n\n"
        )
    }

    @Test func subscribersAreBounded() throws {
        var streams: [Response] = []
        let accept = [HeaderFields.Field("Accept", "text/event-stream")]
        var other = ServiceClient(service: client.service)
        other.peer = "other"
        for _ in 0..<Limits.subscribersPerClientMax { streams.append(try subscribe()) }
        let own = client.get("/v1/sessions/s/events", headers: accept)
        #expect(own.status == 429 && own.text.contains("A client has at most"))
        for _ in Limits.subscribersPerClientMax..<Limits.subscribersMax {
            let answer = other.get("/v1/sessions/s/events", headers: accept)
            try #require(answer.response.stream).start(waker: StreamWaker {})
            streams.append(answer.response)
        }
        other.peer = "third"
        let refused = other.get("/v1/sessions/s/events", headers: [.init("Accept", "text/event-stream")])
        #expect(refused.status == 429 && refused.json["code"] as? String == "too-many-subscribers")
        #expect(refused.response.headers["Retry-After"] != nil)
        allocate(3)
        for stream in streams {
            let text = try read(stream).text
            #expect(text.components(separatedBy: "id: ").count == 4)
        }
        streams.first?.stream?.ended(.clientGone)
        _ = try subscribe()
    }
}
