// What sessions, their store and exported state refuse, as problems.

import AddressSpaces
import HTTP
import IOVAAllocation
import JSON
import LinuxReleases
import Locking
import MSIWindows
import Sandboxes

extension Problem {
    /// - Parameter pointer: where in the body the refused verb stands; empty for the body as a whole.
    init(_ refusal: SessionRefusal, pointer: String = "") {
        switch refusal {
        case .noDomain(let id):
            self.init(
                .notFound, "No domain \"\(Excerpt.of(id))\" in the session; GET .../domains lists them.")
        case .domainExists(let id):
            self.init(.domainExists, "The session already has a domain \"\(id)\"; choose another id.")
        case .noDevice(let id):
            self.init(
                .notFound, "No device \"\(Excerpt.of(id))\" is attached; GET .../devices lists them.")
        case .alreadyAttached(let domain, let device):
            self.init(
                .attachRefused, "\(Excerpt.of(device)) is already attached to \(domain).",
                errno: Errno.busy.rawValue)
        case .groupAttached(let domain, let device, let mate, let group):
            let words = Self.groupAttached(domain, device, mate, group)
            self.init(.attachRefused, words, errno: Errno.busy.rawValue)
        case .full(let item, let max):
            self.init(
                .sessionFull, "The limit of \(max) \(item.rawValue) is reached.",
                retryAfterSeconds: 60)
        case .exhausted(let reason):
            self.init(
                .iovaExhausted, "No IOVA is left below the limit. \(reason.because.text)",
                errno: Errno.noMemory.rawValue)
        case .inUse(let range, let kind):
            self.init(.rangeInUse, "\(range.text) is held by \(kind.phrase).")
        case .overlapsReserved(let range):
            self.init(
                .reservedRegionOverlap, "\(range.text) does not lie within one usable range.",
                errno: Errno.invalidArgument.rawValue)
        case .notAllocated(let address):
            self.init(.notAllocated, Self.notAllocated(address))
        case .notFreeable(let range, let kind):
            self.init(.rangeInUse, "\(range.text) is held by \(kind.phrase), which cannot be freed directly.")
        case .attachRefused(let errno, let because):
            self.init(.attachRefused, because, errno: errno.rawValue)
        case .refused(let errno, let because):
            self.init(.refusedByLinux, because, errno: errno.rawValue)
        case .notForConsumer(let consumer):
            self.init(
                .invalidRequest, "A domain of consumer \(consumer.rawValue) does not support this operation.",
                errors: [
                    JSONProblem(
                        pointer: pointer, code: "not-for-consumer",
                        detail: "VFIO and iommufd reserve only what attached devices require.")
                ])
            return
        case .notTranslated(let because):
            self.init(
                .invalidRequest, "The domain allocates nothing: it does not translate.",
                errors: [JSONProblem(pointer: pointer, code: "not-translated", detail: because)])
            return
        }
        if !pointer.isEmpty {
            errors = [JSONProblem(pointer: pointer, code: kind.rawValue, detail: detail)]
        }
    }

    private static func groupAttached(
        _ domain: String, _ device: String, _ mate: String, _ group: UInt64
    ) -> String {
        "\(Excerpt.of(device)) is in the IOMMU group \(group) of \(Excerpt.of(mate)), which is attached to "
            + "\(domain): Linux has one domain for a group. Attach it there, or detach the others first."
    }

    /// Contradictions of exported state.
    init(_ fault: SessionSnapshot.Fault) {
        let (pointer, code, detail) = fault.place
        self.init(
            .invalidRequest, "The state contradicts itself in 1 place, which is named under errors.",
            errors: [JSONProblem(pointer: pointer, code: code, detail: detail)])
    }
}

extension Holding.Kind {
    var phrase: String {
        switch self {
        case .allocation: "an allocation"
        case .parked: "a freed range that a cache keeps"
        case .reserved: "a reserved region"
        case .doorbell: "a doorbell page"
        case .mapping: "a mapping"
        }
    }
}

extension SessionSnapshot.Fault {
    fileprivate var place: (pointer: String, code: String, detail: String) {
        switch self {
        case .allocator(let index, let fault):
            ("/domains/\(index)/allocator", "inconsistent-allocator", fault.sentence)
        case .domain(let index, let member, let what):
            ("/domains/\(index)/\(Self.path(of: member))", "inconsistent-state", what + ".")
        case .context(let what): ("/doorbell_context", "inconsistent-state", "There are \(what).")
        case .refused(let index, let refusal):
            ("/domains/\(index)", "impossible-state", Problem(refusal).detail)
        }
    }

    private static func path(of member: String) -> String {
        let outside = ["devices", "doorbells", "mappings", "interrupts", "granule", "kernel"]
        return outside.contains(member) ? member : "allocator/\(member)"
    }
}

extension IOVASnapshot.Fault {
    fileprivate var sentence: String {
        switch self {
        case .reversedRange(let index, let range): "Range \(index), \(range.text), ends before it starts."
        case .unorderedRange(let index, let range):
            "Range \(index), \(range.text), does not lie above the one before it."
        case .rangeTooHigh(let index, let range): "Range \(index), \(range.text), reaches the sentinel."
        case .danglingHint(let name, let hi):
            "\(name.rawValue) names \(HexLiteral.text(hi)), where no range ends."
        case .sizeClassCount(let count, let expected): "\(count) size classes; send \(expected)."
        case .magazineTooLong(let order, let count, let capacity):
            "A magazine of class \(order) has \(count) entries; at most \(capacity) fit."
        case .partialMagazine(let order, let count, let capacity):
            "A magazine in the depot of class \(order) has \(count) entries; it is full with \(capacity)."
        case .depotTooLong(let order, let count, let capacity):
            "The depot of class \(order) has \(count) magazines; at most \(capacity) fit."
        case .parkedNotHeld(let order, let pfn):
            "Page \(HexLiteral.text(pfn)) is cached in class \(order) but not allocated."
        case .parkedTwice(let order, let pfn):
            "The range of page \(HexLiteral.text(pfn)) is cached twice, last in class \(order)."
        case .parkedTooSmall(let order, let pfn):
            "The range of page \(HexLiteral.text(pfn)) is smaller than its class \(order)."
        }
    }
}

extension PageFrameRange {
    fileprivate var text: String { "\(HexLiteral.text(lo))...\(HexLiteral.text(hi))" }
}

extension Service {
    static var everythingIsFull: Problem {
        Problem(
            .sessionFull,
            "All sessions together hold \(Limits.sessionItemsTotalMax) items, which is the limit.",
            retryAfterSeconds: 60)
    }

    static func problem(_ refusal: SessionStore.Refusal, _ id: String) -> Problem {
        let shown = Excerpt.of(id)
        switch refusal {
        case .absent: return Problem(.notFound, "No session \"\(shown)\"; GET /v1/sessions lists them.")
        case .expired:
            return Problem(
                .sessionExpired, "Session \"\(shown)\" has expired or is being removed; make a new one.")
        case .exists:
            return Problem(.sessionExists, "Session \"\(shown)\" already exists; choose another id.")
        case .tooMany(let seconds):
            return Problem(
                .tooManySessions,
                "The server keeps at most \(Limits.sessionsMax) sessions; the next one expires in \(seconds) s.",
                retryAfterSeconds: min(max(seconds, 1), 3_600))
        case .tooManyOfClient(let seconds):
            return Problem(
                .tooManySessions,
                "A client may have \(Limits.sessionsPerClientMax) sessions; the next of all expires in \(seconds) s.",
                retryAfterSeconds: min(max(seconds, 1), 3_600))
        case .full: return everythingIsFull
        }
    }
}

extension Problem {
    /// Of an address that nobody holds.
    static func notAllocated(_ address: IOVA) -> String { "\(address.hex) is not allocated." }
}
