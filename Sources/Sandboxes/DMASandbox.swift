// A DMA domain with the bookkeeping of who holds what. Linux's allocator cannot tell an allocation from a
// reservation and does not know which ranges its caches keep; a sandbox has to, so that a second free is
// refused. Plain allocations take no bookkeeping at all: whatever is held and not noted is one.

import AddressSpaces
import IOVAAllocation
import MSIWindows
import Machines

/// One domain of the kernel's DMA layer inside a session.
struct DMASandbox: Sendable {
    /// Why a held range is no plain allocation; packed, since there is one a cached allocation.
    struct Note: Hashable, Sendable {
        enum Kind: UInt64, CaseIterable, Sendable {
            case reserved
            case doorbell
            /// Allocated at the cached level or by the DMA layer, so it is freed there.
            case cached
            case parked
        }

        private let bits: UInt64
        /// What the bits beside the kind can count.
        static let pagesMax = UInt64.max >> 3

        /// - Parameter pages: as handed out. A range that grew later still goes by what was handed out.
        init(_ kind: Kind, pages: UInt64) {
            precondition(pages <= Self.pagesMax, "a note of \(pages) pages")
            bits = pages << 3 | kind.rawValue
        }

        var kind: Kind {
            guard let kind = Kind(rawValue: bits & 7) else { preconditionFailure("a note of no kind") }
            return kind
        }
        var pages: UInt64 { bits >> 3 }
    }

    struct Doorbell: Hashable, Sendable {
        /// The doorbell that made the page, and the page's IOVA.
        var physical: UInt64
        var iova: UInt64
    }

    var domain: DMADomain
    /// In group order.
    var devices: [SessionDevice] = []
    /// As they were made, firmware's and the caller's.
    var regions: [SessionRegion] = []
    /// Doorbell pages as they were mapped.
    var doorbells: [Doorbell] = []
    /// By last page frame, which names a held range for life.
    private(set) var notes: [UInt64: Note] = [:]
    /// Ranges of the cached level that are as they were handed out, by last page frame: most of them are, and
    /// need no note of their size.
    private(set) var cachedEnds: Set<UInt64> = []
    /// What is remembered of a range.
    enum Memory {
        case nothing
        case cachedWhole
        case noted(Note)
    }
    /// What was remembered before, newest last.
    private var undo: [(hi: UInt64, memory: Memory)] = []
    private var isJournaling = false

    init(under conditions: Conditions) {
        domain = DMADomain(under: conditions)
    }

    init(domain: DMADomain, notes: [UInt64: Note]) {
        self.domain = domain
        for held in domain.iova.heldRanges {
            guard let note = notes[held.hi] else { continue }
            let isWhole = note.kind == .cached && note.pages - 1 == held.hi - held.lo
            put(held.hi, isWhole ? .cachedWhole : .noted(note))
        }
    }

    var granule: Granule { domain.granule }
    /// Why nothing is allocated here; nil where the DMA layer translates.
    var untranslatedBecause: String? { domain.conditions.defaultDomain.untranslatedBecause }

    /// Ranges that are allocations and live.
    var liveCount: Int { domain.iova.heldCount - notes.count + cachedCount }
    /// Notes that are of live allocations.
    private var cachedCount = 0

    /// Remembers something else of a range.
    mutating func remember(_ hi: UInt64, _ memory: Memory) {
        if isJournaling { undo.append((hi, self.memory(of: hi))) }
        put(hi, memory)
    }

    func memory(of hi: UInt64) -> Memory {
        if let note = notes[hi] { return .noted(note) }
        return cachedEnds.contains(hi) ? .cachedWhole : .nothing
    }

    private mutating func put(_ hi: UInt64, _ memory: Memory) {
        if notes[hi]?.kind == .cached { cachedCount -= 1 }
        switch memory {
        case .nothing:
            notes[hi] = nil
            cachedEnds.remove(hi)
        case .cachedWhole:
            notes[hi] = nil
            cachedEnds.insert(hi)
        case .noted(let note):
            notes[hi] = note
            cachedEnds.remove(hi)
            if note.kind == .cached { cachedCount += 1 }
        }
    }

    /// What holds a range.
    func kind(of range: PageFrameRange) -> Holding.Kind {
        switch notes[range.hi]?.kind {
        case nil, .cached: .allocation
        case .reserved: .reserved
        case .doorbell: .doorbell
        case .parked: .parked
        }
    }

    func addresses(_ range: PageFrameRange) -> IOVARange {
        IOVARange(
            proven: granule.address(ofFrame: range.lo),
            granule.lastOfPage(granule.address(ofFrame: range.hi)))
    }

    func holding(_ range: PageFrameRange) -> Holding {
        Holding(range: addresses(range), kind: kind(of: range), pages: range.hi - range.lo + 1)
    }

    /// After ranges left the caches: their notes go, before anything new is noted in their place.
    mutating func forgetFlushed() {
        let parked = Set(domain.iova.parkedPFNs)
        let gone = notes.filter { hi, note in
            note.kind == .parked && !parked.contains(hi - (note.pages - 1))
        }
        for hi in gone.keys { remember(hi, .nothing) }
    }
}

/// What undoes a batch or a preview.
extension DMASandbox {
    struct Savepoint {
        let domain: DMADomain.Savepoint
        let regions: Int
        let doorbells: Int
    }

    mutating func begin() -> Savepoint {
        isJournaling = true
        return Savepoint(domain: domain.begin(), regions: regions.count, doorbells: doorbells.count)
    }

    mutating func commit() {
        domain.commit()
        endJournal()
    }

    mutating func rollBack(to savepoint: Savepoint) {
        domain.rollBack(to: savepoint.domain)
        regions.removeLast(regions.count - savepoint.regions)
        doorbells.removeLast(doorbells.count - savepoint.doorbells)
        for change in undo.reversed() { put(change.hi, change.memory) }
        endJournal()
    }

    private mutating func endJournal() {
        isJournaling = false
        undo.removeAll(keepingCapacity: undo.count <= 64)
    }
}
