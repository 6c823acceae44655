// Allocate, free, reserve, map: the allocator's and the DMA layer's verbs, with the bookkeeping that each
// needs, and the listener that keeps the reasons. One path serves POST, GET previews and batches. Mirrors
// drivers/iommu/iova.c and drivers/iommu/dma-iommu.c, Linux 7.2, through the models of both.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines

extension DMASandbox {
    /// Never an input that Linux cannot take: sizes and addresses are bounded by the granule.
    private static func sound<T>(_ body: () throws(IOVAInputError) -> T) -> T {
        do { return try body() } catch { preconditionFailure("the sandbox asked for \(error)") }
    }

    /// nil when nothing fits; the reason is the listener's.
    mutating func allocate(_ order: AllocationOrder, _ listener: inout SandboxListener) throws(SessionRefusal)
        -> Holding?
    {
        let pages = granule.pageCount(of: order.bytes)
        let limit = granule.frame(of: min(order.limit, domain.conditions.aperture.last.value))
        let pfn: UInt64?
        switch order.level {
        case .tree:
            pfn = Self.sound { () throws(IOVAInputError) in
                try domain.iova.allocate(
                    size: pages, limit: limit, isAligned: order.isAligned, recorder: &listener)
            }
        case .cached:
            pfn = Self.sound { () throws(IOVAInputError) in
                try domain.iova.allocateFast(size: pages, limit: limit, flushes: true, recorder: &listener)
            }
        case .dmaLayer:
            let address = domain.allocate(
                bytes: order.bytes, mask: order.limit, for: try requester(order.asker),
                recorder: &listener)
            pfn = address.map { granule.frame(of: $0.value) }
        }
        if listener.hasFlushed { forgetFlushed() }
        guard let pfn else { return nil }
        guard let held = domain.iova.held(containing: pfn) else {
            preconditionFailure("page \(pfn) was handed out and is not held")
        }
        if order.level != .tree {
            // One that was parked may have grown: it goes by the pages that were asked for all the same.
            let handedOut = IOVADomain.cachedPages(for: pages)
            remember(held.hi, pfn == held.lo ? .cachedWhole : .noted(Note(.cached, pages: handedOut)))
        }
        return holding(PageFrameRange(lo: pfn, hi: held.hi))
    }

    /// The requester of a DMA-layer call.
    func requester(_ asker: Asker) throws(SessionRefusal) -> DMADomain.Member {
        switch asker {
        case .anonymous(let isPCI): return DMADomain.Member(isPCI: isPCI, busLimit: .max, index: -1)
        case .device(let id):
            guard let member = devices.firstIndex(where: { $0.id == id }) else { throw .noDevice(id) }
            return DMADomain.Member(devices[member].device, index: member)
        }
    }

    /// Frees the allocation that contains the address, at the level at which it was made.
    mutating func free(_ address: IOVA, _ listener: inout SandboxListener) throws(SessionRefusal) -> Holding {
        guard let held = domain.iova.held(containing: granule.frame(of: address.value)) else {
            throw .notAllocated(address)
        }
        switch memory(of: held.hi) {
        case .nothing:
            Self.sound { () throws(IOVAInputError) in
                _ = try domain.iova.free(held.hi, recorder: &listener)
            }
        case .cachedWhole: freeCached(held, pages: held.hi - held.lo + 1, &listener)
        case .noted(let note):
            switch note.kind {
            case .reserved: throw .notFreeable(addresses(held), .reserved)
            case .doorbell: throw .notFreeable(addresses(held), .doorbell)
            case .parked: throw .notAllocated(address)
            case .cached: freeCached(held, pages: note.pages, &listener)
            }
        }
        return Holding(range: addresses(held), kind: .allocation, pages: held.hi - held.lo + 1)
    }

    private mutating func freeCached(
        _ held: PageFrameRange, pages: UInt64, _ listener: inout SandboxListener
    ) {
        Self.sound { () throws(IOVAInputError) in
            try domain.iova.freeFast(held.hi - (pages - 1), size: pages, recorder: &listener)
        }
        if listener.hasFlushed { forgetFlushed() }
        let isParked = domain.iova.held(containing: held.hi) != nil
        remember(held.hi, isParked ? .noted(Note(.parked, pages: pages)) : .nothing)
    }

    /// Withholds whole pages. What is allocated is in the way unless `grows`: Linux's
    /// reserve_iova then makes held ranges grow down, and freeing one later frees what it grew by.
    mutating func reserve(
        _ range: IOVARange, as kind: ReservedRegion.Kind, _ provenance: String, grows: Bool,
        _ listener: inout SandboxListener
    ) throws(SessionRefusal) {
        let lo = granule.frame(of: range.start.value)
        let hi = granule.frame(of: range.last.value)
        if kind != .softwareMSI, !grows {
            for held in domain.iova.heldRanges(endingAtOrAbove: lo) {
                guard held.lo <= hi else { break }
                let kind = self.kind(of: held)
                if kind != .reserved { throw .inUse(addresses(held), kind) }
            }
        }
        domain.withhold(range, as: kind, recorder: &listener)
        noteGrowth(of: listener)
        noteReservations(of: listener)
        regions.append(SessionRegion(range: range, kind: kind, origin: nil, provenance: provenance))
    }

    /// What a reservation made grow goes on by the pages that were handed out.
    private mutating func noteGrowth(of listener: SandboxListener) {
        for range in listener.grown {
            guard case .cachedWhole = memory(of: range.hi) else { continue }
            remember(range.hi, .noted(Note(.cached, pages: range.hi - range.lo + 1)))
        }
    }

    private mutating func noteReservations(of listener: SandboxListener) {
        for range in listener.reserved {
            remember(range.hi, .noted(Note(.reserved, pages: range.hi - range.lo + 1)))
        }
    }

    /// Whether a page for the doorbell is there already, mapped or untranslated.
    func hasPage(for doorbell: PhysicalAddress) -> Bool {
        let page = granule.alignDown(doorbell.value)
        return domain.doorbellPages[page] != nil
            || domain.hardwareRanges.contains { $0.contains(IOVA(page)) }
    }

    /// iommu_dma_get_msi_page; nil when no IOVA is left.
    mutating func map(
        _ doorbell: PhysicalAddress, mask: UInt64, for asker: Asker, _ listener: inout SandboxListener
    ) throws(SessionRefusal) -> MappedDoorbell? {
        let member = try requester(asker)
        if let because = domain.conditions.defaultDomain.exclusion { throw .notTranslated(because: because) }
        if let because = untranslatedBecause {
            return MappedDoorbell(
                physical: doorbell, iova: IOVA(doorbell.value),
                page: IOVA(granule.alignDown(doorbell.value)), isNew: false,
                reason: AllocationReason(sentence: because))
        }
        let isNew = !hasPage(for: doorbell)
        let page = domain.page(for: doorbell, mask: mask, member: member, recorder: &listener)
        if listener.hasFlushed { forgetFlushed() }
        guard let page else { return nil }
        if isNew {
            guard let held = domain.iova.held(containing: granule.frame(of: page.iova)) else {
                preconditionFailure("doorbell page \(page.iova) is not held")
            }
            remember(held.hi, .noted(Note(.doorbell, pages: 1)))
            doorbells.append(Doorbell(physical: page.physical, iova: page.iova))
        }
        return MappedDoorbell(
            physical: doorbell, iova: IOVA(page.iova | (doorbell.value & granule.mask)),
            page: IOVA(page.iova), isNew: isNew, reason: listener.reason)
    }

    /// The trimmer of the caches fires once.
    mutating func tick(_ listener: inout SandboxListener) {
        domain.iova.tick(recorder: &listener)
        if listener.hasFlushed { forgetFlushed() }
    }

    /// The first device sets the domain up; the others join and reserve nothing.
    ///
    /// - Returns: what Linux's set-up fails with while the device stays attached.
    mutating func attach(
        _ device: SessionDevice, _ prepared: PreparedDevice, _ listener: inout SandboxListener
    ) throws(SessionRefusal) -> Errno? {
        var errno: Errno?
        if devices.isEmpty, untranslatedBecause == nil {
            let before = Set(domain.iova.heldRanges.map(\.hi))
            errno = domain.setUp(firstDevice: prepared, recorder: &listener)
            if errno == .badAddress {
                throw .attachRefused(.badAddress, because: listener.reason.sentence ?? "")
            }
            noteGrowth(of: listener)
            for held in domain.iova.heldRanges where !before.contains(held.hi) {
                remember(held.hi, .noted(Note(.reserved, pages: held.hi - held.lo + 1)))
            }
            regions += domain.reservations.calls.compactMap { call in
                call.range(granule).map {
                    SessionRegion(range: $0, kind: call.type, origin: call.kind, provenance: call.provenance)
                }
            }
        }
        devices.append(device)
        return errno
    }
}

extension DMASandbox {
    /// The reservations stay: they are the group's.
    mutating func detach(_ member: Int) {
        devices.remove(at: member)
        domain.forget(member: member)
    }
}

struct SandboxListener: Recorder, AllocationRecorder {
    /// Whether reasons are wanted: they cost strings.
    let keepsReason: Bool
    private(set) var reason = AllocationReason()
    /// Ranges left the caches for the tree.
    private(set) var hasFlushed = false
    /// New ranges of reservations.
    private(set) var reserved: [PageFrameRange] = []
    /// Ranges that a reservation made grow, as they were before.
    private(set) var grown: [PageFrameRange] = []

    private static let stepsMax = 8

    init(keepsReason: Bool) { self.keepsReason = keepsReason }

    mutating func record(_ step: @autoclosure () -> AllocationStep) {
        let step = step()
        switch step {
        case .flushed(let ranges): if ranges > 0 { hasFlushed = true }
        case .magazineFreed: hasFlushed = true
        case .reserved(let range): reserved.append(range)
        case .grew(let range, _):
            grown.append(range)
            return
        case .took, .cacheHit, .memoRefused, .memoSet, .limitWraps: break
        case .sizeRounded, .cacheEmpty, .cacheNoneLowEnough, .cacheZero, .startedAt, .searched, .noSecondPass,
            .hintMoved, .freed, .notHeld, .memoReset, .parked, .reservationRefused, .covered:
            return
        }
        if keepsReason, reason.steps.count < Self.stepsMax { reason.steps.append(step) }
    }

    mutating func record(allocation step: @autoclosure () -> AllocationStep) { record(step()) }

    mutating func record(
        _ rule: Rule, _ verdict: Step.Verdict, candidate: IOVARange?, blocker: WithheldItem?,
        _ text: @autoclosure () -> String
    ) {
        if keepsReason, verdict != .noted || rule == .domainPageReused { reason.sentence = text() }
    }
}
