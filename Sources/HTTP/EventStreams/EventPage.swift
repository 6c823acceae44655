// The same log, read a page at a time by clients that do not stream.

import Locking

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
