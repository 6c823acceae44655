// The log of a session: GET /v1/sessions/{session}/events, and what each event says: its domain and what
// changed.

import AddressSpaces
public import HTTP
import Ingestion
import JSON
import Machines
public import Sandboxes

extension Service {
    func sessionEvents(_ context: RequestContext) throws(Problem) -> Response {
        try events(of: try sessionEntry(context).channel, context)
    }
}

extension SessionEvent: EventPayload {
    public var eventName: String { name }

    public func appendData(to bytes: inout [UInt8]) { appendObject(to: &bytes) }
}

extension SessionEvent: LoggedEvent {
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
