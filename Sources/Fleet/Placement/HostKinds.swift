// The answers of all kinds of hosts of a question: of facts and of pages, for hosts with smaller pages than
// others need a smaller window of their own. Where the guest sees the window, it is one for all of them.

import AddressSpaces
import MSIWindows

/// Each kind's answer, made once however many hosts are of the kind.
struct HostKinds {
    /// Pages that hosts have, the window's own first.
    private let pages: [Granule]
    /// By place of `pages`: what touches the default window there.
    private let hits: [Hits]
    /// By facts, and for each by pages.
    let drafts: [Placement.HostAnswer]

    /// - Parameters:
    ///   - hits: of the window for all hosts.
    ///   - views: likewise, by index of the facts.
    init(_ question: PlacementQuestion, _ hits: Hits, _ views: [PoolView], _ pool: Placement) {
        var pages = [question.window.pageSize]
        // By place: a walk over the hosts themselves copies each.
        for place in question.hosts.indices {
            if let own = question.hosts[place].pageSize, !pages.contains(own) { pages.append(own) }
        }
        self.pages = pages
        let demands = pages.map { size in
            pool.needsCommonWindow ? question.window : question.window.on(pagesOf: size)
        }
        self.hits = demands.map { demand in
            demand == question.window ? hits : Hits(demand.defaultWindow, question)
        }
        let sets = pages.count > 1 ? GuestSets(question.guest) : nil
        let kinds = pages.indices.map { HostDraft(question, pool, demands[$0], pagesOf: pages[$0]) }
        drafts = views.indices.flatMap { facts in
            kinds.map { kind in
                let view =
                    kind.demand == question.window
                    ? nil : sets.map { PoolView(question.facts[facts], kind.demand, $0) }
                return kind.answer(view ?? views[facts], question.facts[facts])
            }
        }
    }

    func index(of host: PlacementQuestion.Host) -> Int { host.facts * pages.count + place(of: host) }

    func hits(of host: PlacementQuestion.Host) -> Hits { hits[place(of: host)] }

    private func place(of host: PlacementQuestion.Host) -> Int {
        guard pages.count > 1, let own = host.pageSize else { return 0 }
        return pages.firstIndex(of: own) ?? 0
    }
}

/// What the answers of hosts with pages of one size have in common.
private struct HostDraft {
    private let question: PlacementQuestion
    private let contract: Placement.Contract
    private let pool: Placement
    private let pageSize: Granule
    private let unmappableMax: Int
    private let doorbellsMax: Int

    var demand: WindowDemand { question.window }

    init(
        _ question: PlacementQuestion, _ pool: Placement, _ demand: WindowDemand, pagesOf pageSize: Granule
    ) {
        var own = question
        own.window = demand
        self.question = own
        self.pool = pool
        self.pageSize = pageSize
        contract = Placement.Contract(question.guest)
        unmappableMax = max(Placement.hostsUnmappableMax / question.hosts.count, 8)
        doorbellsMax = Placement.doorbellsListed(hosts: question.hosts.count)
    }

    /// Without what is said of a host by its name.
    func answer(_ view: PoolView, _ facts: HostFacts) -> Placement.HostAnswer {
        let isForced = view.isForcedToDefault
        let verdict = Placement.verdict(question, [view], view, contract, isForced: isForced)
        let whole = Placement.withAddedMemory(verdict, view)
        let own = Placement.candidates(verdict, view, contract, question)
        let chosen =
            pool.needsCommonWindow
            ? pool.chosen : Placement.choose(demand, own, verdict, isForced: isForced)
        let usesNone = facts.hasHardwareMSIOnly || question.guest.vmm?.has(.ownsSMMU) == true
        let window = usesNone ? nil : chosen.flatMap { demand.taken(at: $0) }
        return Placement.HostAnswer(
            host: "", kind: 0, verdict: whole, verdictWithStealTimeOff: whole == verdict ? nil : verdict,
            defaultWorks: view.defaultWorks && question.guest.refusal == nil, defaultReachability: .yes,
            blockers: [], picks: Placement.Picks(own), chosen: chosen, window: window,
            doorbells: window.map { demand.doorbells(in: $0, pagesOf: pageSize, most: doorbellsMax) } ?? [],
            unmappable: Array(view.unmappable.prefix(unmappableMax)),
            unmappableDropped: max(view.unmappable.count - unmappableMax, 0))
    }
}

extension WindowDemand {
    /// Pages that Linux hands out in a window, in the order in which doorbells are used first; at most
    /// `most`.
    func doorbells(in window: IOVARange, pagesOf pageSize: Granule, most: Int) -> [IOVA] {
        (0..<min(doorbells, most)).map { IOVA(window.start.value + UInt64($0) * pageSize.bytes) }
    }
}
