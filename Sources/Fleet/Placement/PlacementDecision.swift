// The algorithm: check the VM, intersect the hosts, take the guest's ranges out, pick. It goes once through
// the hosts by facts and once through the pool; the only switch over verdicts is `verdict` below. Mirrors
// what a VMM would do with IOMMU_IOAS_IOVA_RANGES and the options proposed in "iommufd: SW_MSI", v2,
// 14 Oct 2025.

import AddressSpaces
import MSIWindows

/// The guest's ranges as sets, made once for all hosts.
struct GuestSets {
    /// Memory that the VMM adds.
    let otherMemory: [GuestRegion]
    /// Whether the VMM takes every line of reserved_regions for forbidden, relaxable ones too.
    let takesAllLines: Bool
    let ram: IOVASet
    /// Everything but what the guest occupies.
    let free: IOVASet

    init(_ guest: GuestDemand) {
        otherMemory = guest.otherMemory
        takesAllLines = guest.vmm?.has(.readsReservedRegions) == true
        ram = IOVASet(guest.ram)
        free = IOVASet(guest.occupied.map(\.range)).complement()
    }
}

/// A pool of hosts under one guest and one window: the sets that everything else reads. A host by itself is a
/// pool of one. A class: each answer passes it on several times, and a copy would count ten references.
final class PoolView {
    let mappable: IOVASet
    let windowable: IOVASet
    /// Everything but these, by which hosts are joined.
    let unmapped, unwindowable: IOVASet
    /// Boot memory that is not mappable.
    let unmappable: [IOVARange]
    /// Memory that the VMM adds, and always maps, and that is not mappable.
    let unmappableAdded: [GuestRegion]
    let candidates: Candidates
    /// Whether the window fits at the default base.
    let defaultWorks: Bool
    /// Linux refuses a device of this host outright.
    let isRefused: Bool
    /// The window cannot be moved here, whatever the kernel supports.
    let isForcedToDefault: Bool

    init(
        mappable: IOVASet, unmapped: IOVASet, windowable: IOVASet, unwindowable: IOVASet, isRefused: Bool,
        isForcedToDefault: Bool = false, _ demand: WindowDemand, _ sets: GuestSets
    ) {
        self.mappable = mappable
        self.windowable = windowable
        self.unmapped = unmapped
        self.unwindowable = unwindowable
        self.isRefused = isRefused
        self.isForcedToDefault = isForcedToDefault
        unmappable = sets.ram.intersection(unmapped).ranges
        unmappableAdded = sets.otherMemory.filter {
            $0.mapping == .always && !mappable.contains($0.range)
        }
        candidates = Candidates(in: windowable.intersection(sets.free), demand)
        defaultWorks = !isRefused && candidates.contains(base: WindowSource.mainlineBase)
    }

    /// The union of what any host withholds, so that a thousand hosts cost one walk.
    convenience init(of views: [PoolView], _ demand: WindowDemand, _ sets: GuestSets) {
        let unmapped = IOVASet.union(views.map(\.unmapped))
        let unwindowable = IOVASet.union(views.map(\.unwindowable))
        self.init(
            mappable: unmapped.complement(), unmapped: unmapped, windowable: unwindowable.complement(),
            unwindowable: unwindowable, isRefused: views.contains(where: \.isRefused),
            isForcedToDefault: views.contains(where: \.isForcedToDefault), demand, sets)
    }

    convenience init(_ facts: HostFacts, _ demand: WindowDemand, _ sets: GuestSets) {
        let takesAll = sets.takesAllLines && !facts.relaxable.isEmpty
        let unmapped =
            takesAll ? facts.unmappable.union(IOVASet(facts.relaxable.map(\.range))) : facts.unmappable
        self.init(
            mappable: takesAll ? unmapped.complement() : facts.mappable, unmapped: unmapped,
            windowable: facts.windowable, unwindowable: facts.unwindowable, isRefused: facts.isRefused,
            isForcedToDefault: facts.isType1Only, demand, sets)
    }
}

extension Placement {
    /// Decides. O(n log n) in the ranges of all hosts. `checkpoint` is called for each kind of host, and what
    /// it throws ends the decision.
    public static func decide<Stop: Error>(
        _ question: PlacementQuestion, checkpoint: () throws(Stop) -> Void
    ) throws(Stop) -> Placement {
        var placement = try answer(question, checkpoint)
        try placement.addIfReported(question, checkpoint)
        return placement
    }

    /// The answer as if nothing depended on what virtio-iommus report.
    static func answer<Stop: Error>(
        _ question: PlacementQuestion, _ checkpoint: () throws(Stop) -> Void
    ) throws(Stop) -> Placement {
        let guest = question.guest
        let demand = question.window
        let sets = GuestSets(guest)
        var views: [PoolView] = []
        views.reserveCapacity(question.facts.count)
        for facts in question.facts {
            try checkpoint()
            views.append(PoolView(facts, demand, sets))
        }
        var isUsed = Array(repeating: false, count: views.count)
        for host in question.hosts { isUsed[host.facts] = true }
        let used = views.indices.filter { isUsed[$0] }.map { views[$0] }
        let pool = PoolView(of: used, demand, sets)
        let isForced = pool.isForcedToDefault
        let contract = Contract(guest)
        let verdict = Self.verdict(question, used, pool, contract, isForced: isForced)
        let whole = Self.withAddedMemory(verdict, pool)
        let candidates = Self.candidates(verdict, pool, contract, question)
        var placement = Placement(
            verdict: whole, verdictWithStealTimeOff: whole == verdict ? nil : verdict,
            defaultWorks: pool.defaultWorks && question.guest.refusal == nil,
            defaultReachability: .yes, defaultBlockers: [],
            requestedWorks: demand.requested.map {
                candidates.contains(base: $0) && Self.isReached($0, isForced: isForced)
            }, requestedReachability: .yes, requestedBlockers: [],
            candidates: candidates, picks: Picks(candidates), chosen: nil, window: demand,
            unmappable: pool.unmappable, maxRAM: Self.maxRAM(verdict, guest, pool),
            needsCommonWindow: contract != .invisible, hosts: [], warnings: [], because: "")
        let hits = Hits(demand.defaultWindow, question)
        placement.defaultReachability = hits.reachability(question)
        placement.defaultBlockers = Self.blockers(hits, question)
        placement.chosen = Self.choose(demand, candidates, verdict, isForced: isForced)
        placement.hosts = Self.answers(views, hits, question, placement)
        if let base = demand.requested {
            let hits = Hits(demand.window(at: base), question)
            placement.requestedReachability = hits.reachability(question)
            if placement.requestedWorks == false {
                placement.requestedBlockers = Self.blockers(hits, question)
            }
        }
        placement.worksToday = RemedySearch.worksToday(placement, question, pool)
        placement.remedies = RemedySearch.remedies(of: placement, question, pool)
        placement.mechanism = placement.mechanism(question, contract)
        if placement.defaultReachability != .yes {
            placement.missingDescriptions = MissingDescription.among(question)
        }
        placement.warn(question, pool, contract)
        placement.because = placement.sentence(question, pool)
        placement.renderings = Rendering.formats(
            of: placement, guest: question.guest, window: question.window)
        return placement
    }

    /// Reasons that one answer lists at most.
    public static let blockersMax = 256
    /// Reasons of one host.
    public static let hostBlockersMax = 8
    /// Unmappable ranges that all hosts together list at most; each may list its share, and eight at least.
    public static let hostsUnmappableMax = 65_536

    /// How the guest is bound to the window.
    enum Contract: Hashable {
        case invisible
        /// The guest sees the union of what the pool reserves.
        case reservedRanges
        case fixedRMR
        case followsWindow
        case unsupported

        init(_ guest: GuestDemand) {
            self =
                switch (guest.viommu, guest.nestedContract) {
                case (.none, _): .invisible
                case (.virtioIOMMU, _): .reservedRanges
                case (.nestedSMMUv3, .fixedRMR): .fixedRMR
                case (.nestedSMMUv3, .followsWindow): .followsWindow
                case (.nestedSMMUv3, .unsupported): .unsupported
                }
        }
    }

    /// Of a pool, or of one host as a pool of itself.
    static func verdict(
        _ question: PlacementQuestion, _ views: [PoolView], _ pool: PoolView, _ contract: Contract,
        isForced: Bool
    ) -> Verdict {
        if question.guest.refusal != nil || views.contains(where: \.isRefused) { return .none }
        if !pool.unmappable.isEmpty { return .ramUnmappable }
        switch contract {
        case .unsupported: return .guestContractViolation
        case .fixedRMR where !pool.defaultWorks || question.window.size > WindowSource.mainlineSize:
            return .guestContractViolation
        case .followsWindow where pool.candidates.isEmpty && views.allSatisfy { !$0.candidates.isEmpty }:
            return .guestContractViolation
        case .invisible, .reservedRanges, .fixedRMR, .followsWindow: break
        }
        if views.contains(where: { Self.isFatal($0, question.guest) }) { return .barUnmappable }
        if pool.defaultWorks { return .defaultWorks }
        guard question.window.isMovable, !isForced else { return .none }
        if !pool.candidates.isEmpty { return .movable }
        // Without a vIOMMU nobody sees the window, so hosts need not agree.
        let isEachServed = views.allSatisfy { !$0.candidates.isEmpty }
        return contract == .invisible && isEachServed ? .movable : .none
    }

    /// A window that works does not help a VM that does not start: memory which the VMM adds must be mapped,
    /// or be switched off.
    static func withAddedMemory(_ verdict: Verdict, _ view: PoolView) -> Verdict {
        switch verdict {
        case .defaultWorks, .movable: view.unmappableAdded.isEmpty ? verdict : .worksWithStealTimeOff
        case .none, .ramUnmappable, .barUnmappable, .guestContractViolation, .worksWithStealTimeOff: verdict
        }
    }

    /// BARs are handed out from the top of a window down, so an end beyond the host's reach is certain to
    /// be hit.
    static func isFatal(_ view: PoolView, _ guest: GuestDemand) -> Bool {
        // The ends first, which nearly every host maps: what the VMM then does is a profile to be copied.
        guest.barWindows.contains { !view.mappable.contains($0.range.last) }
            && guest.vmm?.onBARFailure == .fatal
    }

    static func candidates(
        _ verdict: Verdict, _ pool: PoolView, _ contract: Contract, _ question: PlacementQuestion
    ) -> Candidates {
        let demand = question.window
        switch verdict {
        case .ramUnmappable, .guestContractViolation: return Candidates(in: .empty, demand)
        case .none where pool.isRefused || question.guest.refusal != nil:
            return Candidates(in: .empty, demand)
        case .none, .defaultWorks, .movable, .barUnmappable, .worksWithStealTimeOff: break
        }
        guard demand.isMovable, contract != .fixedRMR else {
            let own = pool.defaultWorks ? demand.defaultWindow.map { [$0] } ?? [] : []
            return Candidates(in: IOVASet(own), demand)
        }
        return pool.candidates
    }

    private static func maxRAM(_ verdict: Verdict, _ guest: GuestDemand, _ pool: PoolView) -> UInt64? {
        if let refusal = guest.refusal { return refusal.ramLimit }
        guard verdict == .ramUnmappable, let banks = guest.banks, let size = guest.ramSize else { return nil }
        return banks.largestFit(in: pool.mappable, target: size)
    }

    /// Where the window cannot be moved only the default is there to be asked for.
    private static func isReached(_ base: UInt64, isForced: Bool) -> Bool {
        !isForced || base == WindowSource.mainlineBase
    }

    /// The base that is to be set; nil when nothing that could be set helps.
    static func choose(
        _ demand: WindowDemand, _ candidates: Candidates, _ verdict: Verdict, isForced: Bool
    ) -> UInt64? {
        guard verdict != .none else { return nil }
        if let requested = demand.requested, candidates.contains(base: requested),
            isReached(requested, isForced: isForced)
        {
            return requested
        }
        if candidates.contains(base: WindowSource.mainlineBase) { return WindowSource.mainlineBase }
        return candidates.nearestDefault
    }
}

extension Placement.Picks {
    public init(_ candidates: Candidates) {
        self.init(
            nearestDefault: candidates.nearestDefault, lowest: candidates.lowest,
            highestBelow4G: candidates.highestBelow4G)
    }
}
