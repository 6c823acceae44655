// GET .../events: a log as Server-Sent Events, or a page of it as JSON. An event is encoded when somebody
// reads it, outside every lock: one line of JSON that says what changed.

import AddressSpaces
import HTTP
import JSON

/// An event whose data are members of an object.
protocol LoggedEvent: EventPayload {
    func write(to writer: inout JSONWriter)
}

extension LoggedEvent {
    /// What `appendData` appends.
    func appendObject(to bytes: inout [UInt8]) {
        var writer = JSONWriter(reservingBytes: 192)
        writer.object { write(to: &$0) }
        bytes += writer.bytes
    }
}

extension Service {
    /// The log in the form that the request asks for.
    func events<Event: LoggedEvent>(
        of channel: EventChannel<Event>, _ context: RequestContext
    ) throws(Problem) -> Response {
        let after = try lastEventID(context)
        if context.plan.produces == MediaType.eventStream { return try stream(channel, after, context) }
        let limit = try pageLimit(context)
        let page = channel.page(after: after ?? 0, limit: limit)
        return json(200) { writer in
            writer.array("items") { writer in
                for event in page.events {
                    writer.object { writer in
                        writer.member("id", Int(event.id))
                        writer.member("event", event.payload.eventName)
                        writer.object("data") { event.payload.write(to: &$0) }
                    }
                }
            }
            if let gap = page.gap {
                writer.object("gap") { writer in
                    writer.member("after", Int(gap.after))
                    writer.member("missed_through", Int(gap.through))
                }
            }
            // Where a client that polls goes on, also when nothing is left now.
            writer.member("last_id", Int(page.lastID))
            if page.hasMore { writer.member("next_page_token", String(page.lastID)) }
        }
    }

    private func stream<Event: LoggedEvent>(
        _ channel: EventChannel<Event>, _ after: UInt64?, _ context: RequestContext
    ) throws(Problem) -> Response {
        do {
            return try channel.subscribe(after.map(EventStart.after) ?? .live, client: context.client)
                .response()
        } catch {
            throw Problem(
                .tooManySubscribers,
                "\(error.isOfClient ? "A client" : "The server") has at most \(error.limit) event streams; poll the JSON page instead.",
                retryAfterSeconds: 5)
        }
    }

    /// `Last-Event-ID`, or the query's `page_token` or `after`. All that were sent are read, so that none is
    /// wrong without a word.
    private func lastEventID(_ context: RequestContext) throws(Problem) -> UInt64? {
        var first: UInt64?
        if let text = context.head.headers["Last-Event-ID"] {
            guard let id = Self.eventID(text) else {
                throw Problem(
                    .invalidParameter, "Last-Event-ID is the id of an event of this log, a decimal number.")
            }
            first = id
        }
        for name in ["page_token", "after"] {
            guard let text = context.parameter(name) else { continue }
            guard let id = Self.eventID(text) else {
                throw .parameter(name, "\"\(Excerpt.of(text))\" is not the id of an event.")
            }
            first = first ?? id
        }
        return first
    }

    private static func eventID(_ text: String) -> UInt64? {
        DecimalLiteral.parse(text.utf8).flatMap { $0 <= JSONNode.exactIntegerMax ? $0 : nil }
    }
}
