// GET /v1/sessions/{session}/events: the log as Server-Sent Events, or a page of it as JSON.

import HTTP
import JSON
import Sandboxes

extension Service {
    func sessionEvents(_ context: RequestContext) throws(Problem) -> Response {
        let entry = try sessionEntry(context)
        let after = try lastEventID(context)
        if context.plan.produces == MediaType.eventStream {
            return try stream(entry, after: after, context)
        }
        let limit = try pageLimit(context)
        let page = entry.channel.page(after: after ?? 0, limit: limit)
        return json(200) { writer in
            writer.array("items") { writer in
                for event in page.events {
                    writer.object { writer in
                        writer.member("id", Int(event.id))
                        writer.member("event", event.payload.name)
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

    private func stream(
        _ entry: SessionEntry, after: UInt64?, _ context: RequestContext
    ) throws(Problem) -> Response {
        do {
            return try entry.channel.subscribe(after.map(EventStart.after) ?? .live).response()
        } catch {
            throw Problem(
                .tooManySubscribers,
                "\(error.limit) event streams are the most at once; poll the JSON page of the same events.",
                retryAfterSeconds: 5)
        }
    }

    /// `Last-Event-ID`, or the query's `after` or `page_token`.
    private func lastEventID(_ context: RequestContext) throws(Problem) -> UInt64? {
        if let text = context.head.headers["Last-Event-ID"] {
            guard let id = Self.number(text) else {
                throw Problem(
                    .invalidParameter,
                    "Last-Event-ID is the id of an event of this session, a decimal number.")
            }
            return id
        }
        for name in ["page_token", "after"] {
            guard let text = context.parameter(name) else { continue }
            guard let id = Self.number(text) else {
                throw .parameter(name, "\"\(Excerpt.of(text))\" is no event's id.")
            }
            return id
        }
        return nil
    }

    private static func number(_ text: String) -> UInt64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt64(text).flatMap { $0 <= JSONNode.exactIntegerMax ? $0 : nil }
    }
}
