// The result of a verb, and its members in an answer: the same for a single request and inside a batch.

import AddressSpaces
import JSON
import Machines
import Sandboxes

/// The result of one verb.
enum VerbOutcome: Sendable {
    case allocated(Allocated)
    case mapped(Holding)
    case reserved(SessionRegion)
    case doorbell(MappedDoorbell)
    case freed(Holding)
    case trimmed

    /// Where an allocation or mapping begins.
    var start: UInt64? {
        switch self {
        case .allocated(let allocated): allocated.range.start.value
        case .mapped(let holding): holding.range.start.value
        case .reserved, .doorbell, .freed, .trimmed: nil
        }
    }

    /// Whether the verb made something; false for a doorbell whose page was there.
    var isNew: Bool { if case .doorbell(let doorbell) = self { doorbell.isNew } else { true } }

    /// The members of the outcome's object.
    func write(to writer: inout JSONWriter) {
        switch self {
        case .allocated(let allocated): writer.allocatedMembers(allocated)
        case .mapped(let holding):
            writer.range("range", holding.range)
            writer.pages(holding.pages)
            writer.member(
                "because", "User space mapped it; Linux checked the usable ranges and its mappings.")
        case .reserved(let region):
            writer.rangeMembers(start: region.range.start.value, last: region.range.last.value)
            writer.regionMembers(region)
        case .doorbell(let doorbell): writer.doorbellMembers(doorbell)
        case .freed(let holding): writer.range("freed", holding.range)
        case .trimmed: break
        }
    }
}

extension Session {
    /// Runs a verb on a domain.
    mutating func run(_ verb: SessionVerb, in id: String) throws(SessionRefusal) -> VerbOutcome {
        switch verb {
        case .allocate(let order): return .allocated(try allocate(order, in: id))
        case .mapMemory(let iova, let bytes, let userAddress):
            return .mapped(try mapMemory(at: iova, bytes: bytes, userAddress: userAddress, in: id))
        case .reserve(let range, let kind, let provenance, let grows):
            try reserve(range, as: kind, provenance: provenance, grows: grows, in: id)
            return .reserved(SessionRegion(range: range, kind: kind, provenance: provenance))
        case .mapDoorbell(let doorbell, let mask, let asker):
            return .doorbell(try map(doorbell, mask: mask, for: asker, in: id))
        case .free(let address): return .freed(try free(address, in: id))
        case .trim:
            try trim(id)
            return .trimmed
        }
    }
}
