// A traced domain beside the allocator that would have served it, and what is mapped in it by address. The
// allocator is asked for every mapping before the trace is believed; where the two differ, the trace is right
// and the allocator follows it.

import AddressSpaces
import IOVAAllocation
import Machines

struct DomainModel {
    var facts = TracedDomain()
    var live = LiveMappings()
    /// The task that mapped last, and what.
    private(set) var lastTask = ""
    private(set) var last: TracedDomain.Mapping?
    private var allocator: IOVADomain
    private var predictions: [UInt64: UInt64] = [:]
    private let granule: Granule
    private let limit: UInt64
    private var asking = ""
    private var attempts: DMAAttempts
    /// Of a device that the trace does not name.
    private let isPCIUnnamed: Bool
    /// Nothing was unmapped yet, so that nothing can be parked on a CPU that the trace does not show.
    private var isPristine = true
    /// Whether the allocator knows the domain's beginning and its limit, so that it can say what comes next.
    private(set) var isModelled = true

    init(_ allocator: IOVADomain, limit: UInt64, _ attempts: DMAAttempts) {
        self.allocator = allocator
        self.attempts = attempts
        isPCIUnnamed = attempts.isPCI
        granule = allocator.granule
        self.limit = limit
    }

    /// Who asks next, as the trace names it: a name that is no PCI address is a platform device's.
    mutating func ask(for device: String) {
        guard device != asking else { return }
        asking = device
        predictions.removeAll(keepingCapacity: true)
        attempts.isPCI = device.isEmpty ? isPCIUnnamed : Platform.requester(device) != nil
    }

    /// Where the DMA layer would put `size` bytes now; nil when it has no room.
    mutating func predicted(_ size: UInt64) -> UInt64? {
        guard isModelled else { return nil }
        let pages = granule.pageCount(of: size)
        if let known = predictions[pages] { return known }
        let (limit, granule) = (limit, granule)
        var attempts = attempts
        let pfn = try? allocator.preview { domain throws(IOVAInputError) -> UInt64? in
            try Self.allocate(pages, limit, granule, &attempts, &domain)
        }
        guard let pfn = pfn ?? nil else { return nil }
        let address = granule.address(ofFrame: pfn)
        predictions[pages] = address
        return address
    }

    private static func allocate(
        _ pages: UInt64, _ limit: UInt64, _ granule: Granule, _ attempts: inout DMAAttempts,
        _ domain: inout IOVADomain
    ) throws(IOVAInputError) -> UInt64? {
        if attempts.beginsBelow4G(limit: limit) {
            let below = granule.frame(of: DMAAttempts.below4G)
            if let low = try domain.allocateFast(size: pages, limit: below, flushes: false) { return low }
            attempts.giveUp()
        }
        return try domain.allocateFast(size: pages, limit: granule.frame(of: limit), flushes: true)
    }

    /// Whether the mapping continues where the last one of the same task ended: another piece of one buffer.
    func isContinued(by mapping: TracedDomain.Mapping, _ task: String) -> Bool {
        guard let last, lastTask == task else { return false }
        return last.iova.value &+ last.size == mapping.iova.value
    }

    /// Adds a mapping of `bytes` in all, of which this is the first piece; 0 for a later piece.
    mutating func map(_ mapping: TracedDomain.Mapping, run bytes: UInt64, _ task: String) {
        if bytes > 0 { allocate(mapping, bytes) }
        facts.maps += 1
        live.insert(mapping)
        let range = mapping.range
        facts.span = facts.span.map { $0.hull(range) } ?? range
        (last, lastTask) = (mapping, task)
    }

    private mutating func allocate(_ mapping: TracedDomain.Mapping, _ bytes: UInt64) {
        let expected = predicted(bytes)
        let isFirst = facts.maps == 0
        predictions.removeAll(keepingCapacity: true)
        if expected == mapping.iova.value, facts.kind == .dmaLayer {
            _ = try? Self.allocate(
                granule.pageCount(of: bytes), limit, granule, &attempts, &allocator)
            return
        }
        if isFirst {
            if mapping.iova.value == mapping.physical.value {
                facts.kind = .direct
            } else if DoorbellPlace.isNearTop(mapping.iova.value) || !facts.device.isEmpty {
                // Below another mask, or a trace that began later, or of a device that the kernel names, as
                // it does not for user space: the DMA layer's, but not from the start.
                (isPristine, isModelled) = (false, false)
            } else {
                facts.kind = .userSpace
            }
        }
        if facts.kind == .dmaLayer, isPristine, mapping.iova.value != mapping.physical.value {
            facts.add(
                .init(
                    line: mapping.line, iova: mapping.iova, size: bytes, reason: .notPredicted,
                    detail: expected.map { "the allocator's model gives \(HexLiteral.text($0))" }
                        ?? "the allocator's model has no room"))
        }
        let first = granule.frame(of: mapping.iova.value)
        let (end, wraps) = mapping.iova.value.addingReportingOverflow(bytes - 1)
        let last = granule.frame(of: wraps ? .max : end)
        // The last frame of all is the allocator's own mark.
        if last < allocator.lastAddressablePFN { _ = try? allocator.reserve(first, last) }
    }

    mutating func unmap(_ iova: UInt64, _ size: UInt64) {
        facts.unmaps += 1
        isPristine = false
        predictions.removeAll(keepingCapacity: true)
        let (pieces, isCut) = live.remove(iova, size)
        // Of a mapping that stays in part the addresses stay taken.
        guard !isCut, let first = pieces.first, let last = pieces.last else { return }
        let bytes = last.iova.value - first.iova.value + last.size
        _ = try? allocator.freeFast(
            granule.frame(of: first.iova.value), size: granule.pageCount(of: bytes))
    }

    mutating func finish() -> TracedDomain {
        facts.live = live.mappings.count
        return facts
    }
}

/// Mappings that do not overlap, ascending. Finding O(log n); changes O(n) moves of memory.
struct LiveMappings {
    private(set) var mappings: [TracedDomain.Mapping] = []

    /// Index of the first mapping that ends at `iova` or above.
    private func index(endingAtOrAfter iova: UInt64) -> Int {
        mappings.partitioningIndex { $0.range.last.value >= iova }
    }

    /// Whether nothing is mapped in `iova ..< iova + size`.
    func isFree(_ iova: UInt64, _ size: UInt64) -> Bool {
        let at = index(endingAtOrAfter: iova)
        return at == mappings.count || mappings[at].iova.value > iova + (size - 1)
    }

    /// Whether a mapping begins here.
    func begins(at iova: UInt64) -> Bool {
        let at = index(endingAtOrAfter: iova)
        return at < mappings.count && mappings[at].iova.value == iova
    }

    mutating func insert(_ mapping: TracedDomain.Mapping) {
        mappings.insert(mapping, at: index(endingAtOrAfter: mapping.iova.value))
    }

    /// Takes `iova ..< iova + size` out, also from mappings that reach over its ends: what of them lies
    /// outside stays. The pieces that went, ascending, and whether any mapping was cut.
    mutating func remove(_ iova: UInt64, _ size: UInt64) -> (pieces: [TracedDomain.Mapping], isCut: Bool) {
        let last = iova + (size - 1)
        let from = index(endingAtOrAfter: iova)
        var to = from
        while to < mappings.count, mappings[to].iova.value <= last { to += 1 }
        var pieces: [TracedDomain.Mapping] = []
        var rests: [TracedDomain.Mapping] = []
        for mapping in mappings[from..<to] {
            let end = mapping.range.last.value
            if mapping.iova.value < iova { rests.append(mapping.part(mapping.iova.value, iova - 1)) }
            pieces.append(mapping.part(max(mapping.iova.value, iova), min(end, last)))
            if end > last { rests.append(mapping.part(last + 1, end)) }
        }
        mappings.replaceSubrange(from..<to, with: rests)
        return (pieces, !rests.isEmpty)
    }
}

extension TracedDomain.Mapping {
    /// The part from `first` to `last`, inclusive, which lie in it.
    fileprivate func part(_ first: UInt64, _ last: UInt64) -> TracedDomain.Mapping {
        TracedDomain.Mapping(
            line: line, iova: IOVA(first), physical: PhysicalAddress(physical.value &+ (first - iova.value)),
            size: last - first + 1)
    }
}
