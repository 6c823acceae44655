// Subscriptions without a server: what they say, when they rest, and what the clock makes them say.

import Locking
import Testing

@testable import HTTP

/// Time that stands still until a test advances it. `@unchecked Sendable`: every `var` is touched only
/// under `lock`.
final class ManualClock: @unchecked Sendable {
    private let lock = Lock()
    private var milliseconds: Int64 = 0
    var now: Int64 { lock.withLock { milliseconds } }
    func advance(seconds: Int64) { lock.withLock { milliseconds += seconds * 1000 } }
}

/// Counts wake-ups. `@unchecked Sendable`: every `var` is touched only under `lock`.
final class WakeCounter: @unchecked Sendable {
    private let lock = Lock()
    private var number = 0
    var count: Int { lock.withLock { number } }
    var waker: StreamWaker { StreamWaker { self.lock.withLock { self.number += 1 } } }
}

struct SubscriptionTests {
    let clock = ManualClock()
    let hub: EventHub

    init() {
        let clock = clock
        hub = EventHub(subscribersMax: 2, heartbeatSeconds: 15, clock: { clock.now })
    }

    private func text(_ piece: StreamPiece) -> String {
        switch piece {
        case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
        case .nothingYet: "nothing yet"
        case .toCompute: "to compute"
        case .end: "end"
        }
    }

    @Test func eventsInTheirTextForm() throws {
        let channel = EventChannel<LineEvent>(hub: hub, eventsMax: 4)
        let subscription = try channel.subscribe(.live)
        let wakes = WakeCounter()
        let response = subscription.response()
        #expect(response.headers["Content-Type"] == "text/event-stream")
        #expect(String(decoding: response.body, as: UTF8.self) == "retry: 2000\n\n")
        subscription.start(waker: wakes.waker)
        #expect(text(subscription.next()) == "nothing yet")
        channel.publish(LineEvent(name: "allocated", json: Array("{\"a\":1}".utf8)), id: 3)
        #expect(wakes.count == 1)
        channel.publish(
            [LineEvent(name: "freed", json: [0x31]), LineEvent(name: "reserved", json: [0x32])], id: 4)
        #expect(wakes.count == 1, "a subscriber that does not rest needs no waking")
        #expect(
            text(subscription.next())
                == "id: 3\nevent: allocated\ndata: {\"a\":1}\n\n"
                + "event: freed\ndata: 1\n\nid: 4\nevent: reserved\ndata: 2\n\n")
        #expect(text(subscription.next()) == "nothing yet")
        for id in 5...10 { channel.publish(LineEvent(name: "n", json: [0x30]), id: UInt64(id)) }
        #expect(wakes.count == 2)
        #expect(
            text(subscription.next()) == "id: 6\nevent: gap\ndata: {\"after\":4,\"missed_through\":6}\n\n")
        #expect(text(subscription.next()).hasPrefix("id: 7\n"))
        channel.finish(reason: "session_deleted")
        channel.publish(LineEvent(name: "late", json: [0x30]), id: 11)
        #expect(text(subscription.next()) == "event: bye\ndata: {\"reason\":\"session_deleted\"}\n\n")
        #expect(text(subscription.next()) == "end")
    }

    @Test func heartbeats() throws {
        let channel = EventChannel<LineEvent>(hub: hub, eventsMax: 4)
        let subscription = try channel.subscribe(.live)
        let wakes = WakeCounter()
        subscription.start(waker: wakes.waker)
        #expect(text(subscription.next()) == "nothing yet")
        clock.advance(seconds: 14)
        hub.tick()
        #expect(wakes.count == 0)
        clock.advance(seconds: 1)
        hub.tick()
        hub.tick()
        #expect(wakes.count == 1)
        #expect(text(subscription.next()) == ":\n\n" && text(subscription.next()) == "nothing yet")
        clock.advance(seconds: 14)
        channel.publish(LineEvent(name: "n", json: [0x30]), id: 1)
        #expect(text(subscription.next()).hasPrefix("id: 1") && text(subscription.next()) == "nothing yet")
        clock.advance(seconds: 14)
        hub.tick()
        #expect(wakes.count == 2, "an event is a sign of life, too")
    }

    @Test func theServerStops() throws {
        let channel = EventChannel<LineEvent>(hub: hub, eventsMax: 4)
        channel.publish(LineEvent(name: "n", json: [0x30]), id: 1)
        let subscription = try channel.subscribe(.after(0))
        subscription.start(waker: WakeCounter().waker)
        subscription.finish()
        #expect(text(subscription.next()).hasPrefix("id: 1"), "what is left comes first")
        #expect(text(subscription.next()) == "event: bye\ndata: {\"reason\":\"shutting_down\"}\n\n")
        #expect(text(subscription.next()) == "end")
        subscription.ended(.complete)
        subscription.finish()
    }

    @Test func placesAreGivenBack() throws {
        let channel = EventChannel<LineEvent>(hub: hub, eventsMax: 4)
        let first = try channel.subscribe(.live)
        do {
            let second = try channel.subscribe(.live)
            #expect(throws: TooManySubscribers(limit: 2)) { try channel.subscribe(.live) }
            #expect(hub.subscriberCount == 2)
            withExtendedLifetime(second) {}
        }
        #expect(hub.subscriberCount == 1, "released without ever having streamed")
        first.ended(.clientGone)
        #expect(hub.subscriberCount == 0)
    }

    @Test func aLargeEventLeavesInPieces() throws {
        let channel = EventChannel<LineEvent>(hub: hub, eventsMax: 4)
        let subscription = try channel.subscribe(.live)
        subscription.start(waker: WakeCounter().waker)
        channel.publish(LineEvent(name: "n", json: [UInt8](repeating: 0x30, count: 200_000)), id: 1)
        var bytes: [UInt8] = []
        while case .bytes(let piece) = subscription.next() {
            #expect(piece.count <= StreamPiece.bytesMax)
            bytes += piece
        }
        #expect(bytes.count == 200_000 + "id: 1\nevent: n\ndata: \n\n".utf8.count)
    }

    @Test func pages() {
        let channel = EventChannel<LineEvent>(hub: hub, eventsMax: 4, lastID: 1)
        for id in 2...4 { channel.publish(LineEvent(name: "n", json: [0x30]), id: UInt64(id)) }
        var page = channel.page(after: 1, limit: 2)
        #expect(page.events.map(\.id) == [2, 3] && page.hasMore && page.lastID == 3 && page.gap == nil)
        page = channel.page(after: page.lastID, limit: 2)
        #expect(page.events.map(\.id) == [4] && !page.hasMore && page.lastID == 4)
        page = channel.page(after: 4, limit: 2)
        #expect(page.events.isEmpty && !page.hasMore && page.lastID == 4)
        let three = (0..<3).map { LineEvent(name: "b\($0)", json: [0x30]) }
        channel.publish(three, id: 9)
        page = channel.page(after: 1, limit: 2)
        #expect(page.gap == EventGap(after: 1, through: 3) && page.events.map(\.id) == [4, 9, 9, 9])
        #expect(channel.page(after: 4, limit: 0).hasMore)
        #expect(page.lastID == 9 && !page.hasMore)
    }
}
