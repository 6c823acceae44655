// GET /v1/sessions/{session}/events: the log as Server-Sent Events, or a page of it as JSON. An event is
// encoded when somebody reads it, outside every lock: one line of JSON that names the domain and what
// changed.

import AddressSpaces
public import HTTP
import Ingestion
import JSON
import Machines
public import Sandboxes

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
            return try entry.channel.subscribe(
                after.map(EventStart.after) ?? .live, client: context.client
            ).response()
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
            guard let id = Self.number(text) else {
                throw Problem(
                    .invalidParameter,
                    "Last-Event-ID is the id of an event of this session, a decimal number.")
            }
            first = id
        }
        for name in ["page_token", "after"] {
            guard let text = context.parameter(name) else { continue }
            guard let id = Self.number(text) else {
                throw .parameter(name, "\"\(Excerpt.of(text))\" is not the id of an event.")
            }
            first = first ?? id
        }
        return first
    }

    private static func number(_ text: String) -> UInt64? {
        DecimalLiteral.parse(text.utf8).flatMap { $0 <= JSONNode.exactIntegerMax ? $0 : nil }
    }
}

extension SessionEvent: EventPayload {
    public var eventName: String { name }

    public func appendData(to bytes: inout [UInt8]) {
        var writer = JSONWriter(reservingBytes: 192)
        writer.object { write(to: &$0) }
        bytes += writer.bytes
    }
}

extension SessionEvent {
    /// Writes the members of the event's object.
    func write(to writer: inout JSONWriter) {
        switch self {
        case .domainCreated(let domain), .domainDeleted(let domain), .trimmed(let domain):
            writer.member("domain", domain.text)
        case .attached(let domain, let device, let member):
            writer.member("domain", domain.text)
            writer.member("device", device.text)
            writer.member("member", Int(member))
        case .detached(let domain, let device):
            writer.member("domain", domain.text)
            writer.member("device", device.text)
        case .reserved(let domain, let start, let last, let kind, let grows):
            writer.member("domain", domain.text)
            writer.rangeMembers(start: start, last: last)
            writer.member("type", orNull: ReservedRegion.Kind(rawValue: Int(kind))?.wireName)
            writer.member("grow", grows)
        case .allocated(let domain, let bytes, let limit, let iova, let manner):
            writer.member("domain", domain.text)
            writer.member("iova", hex: iova)
            writer.order(bytes: bytes, limit: limit, manner)
        case .exhausted(let domain, let bytes, let limit, let manner):
            writer.member("domain", domain.text)
            writer.order(bytes: bytes, limit: limit, manner)
        case .freed(let domain, let start, let last), .mapped(let domain, let start, let last),
            .unmapped(let domain, let start, let last):
            writer.member("domain", domain.text)
            writer.rangeMembers(start: start, last: last)
        case .doorbellMapped(let domain, let physical, let iova, let mask, let manner):
            writer.member("domain", domain.text)
            writer.member("physical", hex: physical)
            writer.member("iova", hex: iova)
            writer.asker(mask: mask, manner)
        case .doorbellFailed(let domain, let physical, let mask, let manner):
            writer.member("domain", domain.text)
            writer.member("physical", hex: physical)
            writer.asker(mask: mask, manner)
        case .renewed(let seconds): writer.member("ttl_seconds", seconds)
        case .expired: break
        }
    }
}

extension JSONWriter {
    /// As POST .../iovas takes it.
    fileprivate mutating func order(bytes: UInt64, limit: UInt64, _ manner: SessionEvent.Manner) {
        member("size", hex: bytes)
        guard manner.level != .dmaLayer else {
            asker(mask: limit, manner)
            return
        }
        member("limit", hex: limit)
        member("size_aligned", manner.isAligned)
        member("cached", manner.level == .cached)
    }

    fileprivate mutating func asker(mask: UInt64, _ manner: SessionEvent.Manner) {
        member("dma_mask", hex: mask)
        member("pci", manner.isPCI)
        if manner.member >= 0 { member("member", Int(manner.member)) }
    }
}
