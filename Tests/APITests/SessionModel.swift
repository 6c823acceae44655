// A plain model of one DMA domain of a session: the allocator that walks range by range, and who holds what.
// It knows what a caller of Linux's allocator knows: the pages that it asked for, and nothing of caches. It
// writes down every call, so that POST /v1/replays can be asked the same.

import AddressSpaces
import IOVAAllocation
import LinearWalk
import LinuxReleases

/// A verb, in pages and addresses.
enum ModelVerb {
    case allocate(Order)
    case free(pfn: UInt64)
    case reserve(lo: UInt64, hi: UInt64, grows: Bool)
    case doorbell(physical: UInt64, isPCI: Bool)
    case trim

    enum Level: CaseIterable { case tree, cached, dma }

    struct Order {
        var pages: UInt64
        var level: Level
        /// Last address, or the DMA mask.
        var limit: UInt64
        var isAligned = true
        var isPCI = true
    }
}

/// What comes of a verb.
enum ModelOutcome: Hashable {
    case range(PageFrameRange)
    case doorbell(pfn: UInt64, isNew: Bool)
    case done
    /// A problem's code.
    case refused(String)
}

struct DomainModel {
    private struct Live {
        let name: String
        let pfn: UInt64
        /// As asked for.
        let pages: UInt64
        let level: ModelVerb.Level
    }

    private let kernel: KernelProfile
    private var domain: LinearWalkDomain
    /// Live allocations by last page frame.
    private var live: [UInt64: Live] = [:]
    /// Last page frames of reservations.
    private var reserved: Set<UInt64> = []
    /// IOVA pages of doorbells by physical page.
    private var doorbells: [UInt64: UInt64] = [:]
    private var hasGivenUp = false
    /// Whether a device is attached.
    var isAttached = false
    /// The calls as a trace, and what each returned, both in JSON.
    private(set) var calls: [String] = []
    private(set) var results: [String] = []

    static let last: UInt64 = 0xffff_ffff_ffff

    init(_ kernel: KernelProfile) {
        self.kernel = kernel
        domain = LinearWalkDomain(granule: .kib4, startPFN: 1, release: kernel)
    }

    var held: [PageFrameRange] { domain.heldRanges }

    /// What GET .../iovas lists.
    var listed: [PageFrameRange] {
        held.filter { live[$0.hi] != nil || doorbells.values.contains($0.hi) }
    }

    /// - Returns: what comes of it, and whether the log has it.
    mutating func apply(_ verb: ModelVerb) throws -> (outcome: ModelOutcome, isLogged: Bool) {
        switch verb {
        case .allocate(let order):
            guard let pfn = try allocate(order) else { return (.refused("iova-exhausted"), true) }
            let hi = pfn + Self.handedOut(order) - 1
            live[hi] = Live(name: name(), pfn: pfn, pages: order.pages, level: order.level)
            return (.range(PageFrameRange(lo: pfn, hi: hi)), true)
        case .free(let pfn): return try free(pfn)
        case .reserve(let lo, let hi, let grows):
            let isInTheWay = held.contains { $0.lo <= hi && $0.hi >= lo && !reserved.contains($0.hi) }
            if !grows, isInTheWay { return (.refused("range-in-use"), false) }
            try reserve(lo, hi)
            return (.done, true)
        case .doorbell(let physical, let isPCI):
            if let pfn = doorbells[physical] { return (.doorbell(pfn: pfn, isNew: false), false) }
            let order = ModelVerb.Order(pages: 1, level: .dma, limit: .max, isPCI: isPCI)
            guard let pfn = try allocate(order) else { return (.refused("iova-exhausted"), true) }
            doorbells[physical] = pfn
            return (.doorbell(pfn: pfn, isNew: true), true)
        case .trim:
            domain.tick()
            note(#"{"op":"tick"}"#, "null")
            return (.done, true)
        }
    }

    /// reserve_iova, by hand or for a device.
    mutating func reserve(_ lo: UInt64, _ hi: UInt64) throws {
        let isCovered = held.contains { $0.lo <= hi && $0.hi >= hi }
        let made = try domain.reserve(lo, hi)
        if !isCovered { reserved.insert(hi) }
        note(
            #"{"op":"reserve","lo":"\#(HexLiteral.text(lo))","hi":"\#(HexLiteral.text(hi))"}"#,
            made.map(Self.json) ?? "null")
    }

    private mutating func free(_ pfn: UInt64) throws -> (outcome: ModelOutcome, isLogged: Bool) {
        guard let range = held.first(where: { $0.lo <= pfn && $0.hi >= pfn }) else {
            return (.refused("not-allocated"), false)
        }
        guard let freed = live.removeValue(forKey: range.hi) else {
            let isKept = reserved.contains(range.hi) || doorbells.values.contains(range.hi)
            return (.refused(isKept ? "range-in-use" : "not-allocated"), false)
        }
        if freed.level == .tree {
            try domain.free(freed.pfn)
        } else {
            try domain.freeFast(freed.pfn, size: freed.pages)
        }
        let call = freed.level == .tree ? "free" : "free_fast"
        note(#"{"op":"\#(call)","id":"\#(freed.name)"}"#, "null")
        return (.done, true)
    }

    private mutating func allocate(_ order: ModelVerb.Order) throws -> UInt64? {
        let limit = min(order.limit, Self.last)
        switch order.level {
        case .tree:
            let pfn = try domain.allocate(
                size: order.pages, limit: limit >> 12, isAligned: order.isAligned)
            note(
                #"{"op":"alloc","size":\#(order.pages),"limit":"\#(HexLiteral.text(limit >> 12))","#
                    + #""aligned":\#(order.isAligned),"id":"a\#(calls.count)"}"#,
                Self.json(pfn))
            return pfn
        case .cached: return try allocateFast(order.pages, limit >> 12, flushes: true)
        case .dma:
            if limit > 0xffff_ffff, order.isPCI, !hasGivenUp {
                if let pfn = try allocateFast(order.pages, 0xf_ffff, flushes: false) { return pfn }
                hasGivenUp = kernel.remembersFailureBelow4G
            }
            return try allocateFast(order.pages, limit >> 12, flushes: true)
        }
    }

    private mutating func allocateFast(
        _ pages: UInt64, _ limit: UInt64, flushes: Bool
    ) throws -> UInt64? {
        let pfn = try domain.allocateFast(size: pages, limit: limit, flushes: flushes)
        note(
            #"{"op":"alloc_fast","size":\#(pages),"limit":"\#(HexLiteral.text(limit))","flush":\#(flushes),"#
                + #""id":"a\#(calls.count)"}"#,
            Self.json(pfn))
        return pfn
    }

    private mutating func note(_ call: String, _ result: String) {
        calls.append(call)
        results.append(result)
    }

    /// Of the call that was noted last.
    private func name() -> String { "a\(calls.count - 1)" }

    /// The cached level rounds small sizes up.
    private static func handedOut(_ order: ModelVerb.Order) -> UInt64 {
        guard order.level != .tree, order.pages < 32 else { return order.pages }
        var pages: UInt64 = 1
        while pages < order.pages { pages *= 2 }
        return pages
    }

    private static func json(_ pfn: UInt64?) -> String { pfn.map { "\"\(HexLiteral.text($0))\"" } ?? "null" }
    private static func json(_ range: PageFrameRange) -> String {
        "[\(json(range.lo)),\(json(range.hi))]"
    }

    /// What a replay of all calls answers, up to its model.
    var replayed: String {
        "{\"results\":[\(results.joined(separator: ","))],\"final\":["
            + held.map(Self.json).joined(separator: ",") + "],"
    }
}
