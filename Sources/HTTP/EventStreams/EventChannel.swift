// One log with any number of readers: the newest events in a ring, and for each subscriber no more than a
// place in it. Publishing never waits for a reader and buffers nothing for one: a reader that falls behind
// the ring receives a gap instead. Clients that do not stream read the same log in pages. The text form
// (Server-Sent Events, HTML standard, 9.2) is EventSubscription's.

public import Locking

/// The content of one event.
public protocol EventPayload: Sendable {
    /// The `event:` field. No line break.
    var eventName: String { get }

    /// Appends the `data:` field: one line of JSON. Called on server threads without any lock held.
    func appendData(to bytes: inout [UInt8])
}

/// A log that can be followed. `@unchecked Sendable`: every `var` is touched only under `lock`.
///
/// Lock order: the publisher's lock, then the channel's, then the server's. Nothing is called back.
public final class EventChannel<Payload: EventPayload>: @unchecked Sendable {
    let hub: EventHub
    @usableFromInline let lock = Lock()
    @usableFromInline var ring: EventRing<Payload>
    /// Set once nothing more will be published; the reason is the last thing that subscribers read.
    @usableFromInline var farewell: String?
    /// Subscriptions that have read everything and rest.
    private var waiting: [ObjectIdentifier: StreamWaker] = [:]

    /// A channel that remembers `eventsMax` events. `lastID` is the id before the first event.
    public init(hub: EventHub, eventsMax: Int, lastID: UInt64 = 0) {
        self.hub = hub
        ring = EventRing(capacity: eventsMax, lastID: lastID)
    }

    /// The id of the newest event.
    public var lastID: UInt64 { lock.withLock { ring.lastID } }

    public func publish(_ payload: Payload, id: UInt64) { publish([payload], id: id) }

    /// Adds events that belong together and share an id, which must be above the last one. Only the last
    /// carries it, so that a client that is cut off between them gets all of them again. More of them than
    /// the channel remembers are a gap for everybody. Ignored after `finish`. O(events + resting
    /// subscribers).
    @inlinable
    public func publish(_ payloads: [Payload], id: UInt64) {
        guard !payloads.isEmpty else { return }
        let woken = lock.withLock { () -> [StreamWaker] in
            guard farewell == nil else { return [] }
            ring.append(payloads, id: id)
            return takeWaiting()
        }
        for waker in woken { waker.wake() }
    }

    /// Whoever reads the log misses the events up to this id, and is told.
    public func lose(through id: UInt64) {
        let woken = lock.withLock { () -> [StreamWaker] in
            ring.lose(through: id)
            return takeWaiting()
        }
        for waker in woken { waker.wake() }
    }

    /// Ends the log: subscribers read what is left, then `bye` with this reason, then the end. So do later
    /// subscribers. Only the first call counts. `reason` is a word of lower-case letters and
    /// underscores.
    public func finish(reason: String) {
        precondition(
            reason.utf8.allSatisfy { (0x61...0x7a).contains($0) || $0 == 0x5f }, "\(reason) is no word")
        let woken = lock.withLock { () -> [StreamWaker] in
            guard farewell == nil else { return [] }
            farewell = reason
            return takeWaiting()
        }
        for waker in woken { waker.wake() }
    }

    @usableFromInline
    func takeWaiting() -> [StreamWaker] {
        guard !waiting.isEmpty else { return [] }
        defer { waiting = [:] }
        return Array(waiting.values)
    }

    /// Under `lock`: this subscription has read everything.
    func wait(_ subscription: ObjectIdentifier, waker: StreamWaker) { waiting[subscription] = waker }

    /// Under `lock`: its waker, if it was resting.
    func stopWaiting(_ subscription: ObjectIdentifier) -> StreamWaker? {
        waiting.removeValue(forKey: subscription)
    }

    /// A new reader. It counts against the hub's limit until its stream has ended or it is released.
    public func subscribe(
        _ start: EventStart, client: String = ""
    ) throws(TooManySubscribers) -> EventSubscription<Payload> {
        let subscription = EventSubscription(
            channel: self, cursor: lock.withLock { EventCursor(start, in: ring) })
        try hub.join(subscription, of: client)
        return subscription
    }
}

/// Some consecutive events.
public struct EventPage<Payload: Sendable>: Sendable {
    public struct Event: Sendable {
        public let id: UInt64
        public let payload: Payload
    }

    /// Oldest first. Events that share an id are never split between pages, so that a page may hold more
    /// events than were asked for.
    public var events: [Event]
    /// What is missing between the place asked for and the first of `events`.
    public var gap: EventGap?
    /// Ask for the next page after this id.
    public var lastID: UInt64
    /// Whether there were more events when this page was read.
    public var hasMore: Bool
}

extension EventChannel {
    /// The first `limit` events with an id above `id`.
    public func page(after id: UInt64, limit: Int) -> EventPage<Payload> {
        lock.withLock {
            var cursor = EventCursor(.after(id), in: ring)
            var page = EventPage<Payload>(events: [], gap: nil, lastID: id, hasMore: false)
            var isOpen = false
            reading: while true {
                switch cursor.advance(in: ring, max: page.events.count < limit || isOpen ? 1 : 0) {
                case .gap(let gap): page.gap = gap
                case .nothing: break reading
                case .events(let entries):
                    guard let entry = entries.first else {
                        page.hasMore = true
                        break reading
                    }
                    page.events.append(.init(id: entry.id, payload: entry.payload))
                    isOpen = entry.isContinued
                }
            }
            page.lastID = cursor.lastID
            return page
        }
    }
}
