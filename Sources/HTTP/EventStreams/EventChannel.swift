// One log with any number of readers: the newest events in a ring, and for each subscriber no more than a
// place in it. Publishing never waits for a reader and holds nothing for one: whoever falls behind the ring
// is told what it missed. Server-Sent Events as in the HTML standard, 9.2.

import Locking

/// A log that can be followed. `@unchecked Sendable`: every `var` is touched only under `lock`.
///
/// Lock order: the publisher's lock, then the channel's, then the server's. Nothing is called back.
public final class EventChannel<Payload: EventPayload>: @unchecked Sendable {
    let hub: EventHub
    let lock = Lock()
    var ring: EventRing<Payload>
    /// Set once nothing more will be published; the reason is the last thing that subscribers read.
    var farewell: String?
    /// Subscriptions that have read everything and rest.
    private var waiting: [ObjectIdentifier: StreamWaker] = [:]

    /// A channel that remembers `eventsMax` events. `lastID` is the id before the first event.
    public init(hub: EventHub, eventsMax: Int, lastID: UInt64 = 0) {
        self.hub = hub
        ring = EventRing(capacity: eventsMax, lastID: lastID)
    }

    public func publish(_ payload: Payload, id: UInt64) { publish([payload], id: id) }

    /// Adds events that belong together and share an id, which must be above the last one. Only the last
    /// carries it, so that a client that is cut off between them gets all of them again. More of them than
    /// the channel remembers are a gap for everybody. Ignored after `finish`. O(events + resting
    /// subscribers).
    public func publish(_ payloads: [Payload], id: UInt64) {
        guard !payloads.isEmpty else { return }
        let woken = lock.withLock { () -> [StreamWaker] in
            guard farewell == nil else { return [] }
            ring.append(payloads, id: id)
            return takeWaiting()
        }
        for waker in woken { waker.wake() }
    }

    /// Ends the log: subscribers read what is left, then `bye` with this reason, then the end. The same
    /// for those who come later. Only the first call counts. `reason` is a word of lower-case letters and
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

    private func takeWaiting() -> [StreamWaker] {
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
    public func subscribe(_ start: EventStart) throws(TooManySubscribers) -> EventSubscription<Payload> {
        let subscription = EventSubscription(
            channel: self, cursor: lock.withLock { EventCursor(start, in: ring) })
        try hub.join(subscription)
        return subscription
    }
}
