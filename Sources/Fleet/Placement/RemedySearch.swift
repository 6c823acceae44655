// Finds the changes that make Linux's own window work for a placement, and pairs of them where no single
// one does. Each is tried by the one deciding path: a remedy is what turns its verdict. The pool's ranges
// are those of the placement, so that a thousand hosts are walked once.

import AddressSpaces
import MSIWindows

struct RemedySearch {
    var question: PlacementQuestion
    let pool: PoolView
    /// Whether the page for KVM's steal time is switched off already.
    var isStealTimeOff = false

    private var isForced: Bool { pool.isForcedToDefault }

    /// The remedies of a placement, smallest change first; empty where the default works.
    static func remedies(
        of placement: Placement, _ question: PlacementQuestion, _ pool: PoolView
    ) -> [Remedy] {
        let search = RemedySearch(question: question, pool: pool)
        if Placement.windowless(question) != nil { return search.ofWindowless(placement) }
        if placement.verdict == .worksWithStealTimeOff, placement.verdictWithStealTimeOff == .defaultWorks,
            placement.window.size <= WindowSource.mainlineSize, Placement.nestingHindrance(question) == nil
        {
            return [.stealTimeOff]
        }
        guard !placement.worksToday else { return [] }
        let single = search.single(
            without: question.hosts.indices.filter { search.fails(placement.hosts[$0], at: $0) })
        return single.isEmpty ? search.pairs() : single
    }

    /// Whether Linux's own window works as things are.
    static func worksToday(
        _ placement: Placement, _ question: PlacementQuestion, _ pool: PoolView
    ) -> Bool {
        guard Placement.nestingHindrance(question) == nil else { return false }
        guard placement.verdict == .defaultWorks, placement.window.size < WindowSource.mainlineSize else {
            return placement.verdict == .defaultWorks && placement.window.size == WindowSource.mainlineSize
        }
        return RemedySearch(question: question, pool: pool).works(question.guest)
    }

    /// Single changes that help.
    ///
    /// - Parameter failing: places of hosts on which the window does not work.
    func single(without failing: [Int]) -> [Remedy] {
        let ofGuest = question.guest.vmm == nil ? ofOwnMap() : ofVM()
        let ofNesting = works(withoutNesting) ? [Remedy.withoutNesting] : []
        return ofGuest + ofWindow() + ofNesting + ofDevices() + ofHosts(failing)
    }

    /// Whether Linux's own window works for such a guest and window on these hosts. Linux takes all of it,
    /// however little is asked for.
    private func works(_ guest: GuestDemand, _ asked: WindowDemand) -> Bool {
        let demand =
            asked.size < WindowSource.mainlineSize
            ? asked.ofMainlineSize(doorbells: asked.doorbells) : asked
        guard demand.size <= WindowSource.mainlineSize else { return false }
        var changed = question
        changed.guest = guest
        changed.window = demand
        guard Placement.nestingHindrance(changed) == nil else { return false }
        let view = PoolView(
            mappable: pool.mappable, unmapped: pool.unmapped, windowable: pool.windowable,
            unwindowable: pool.unwindowable, isRefused: pool.isRefused, isForcedToDefault: isForced, demand,
            GuestSets(guest))
        let verdict = Placement.verdict(changed, [view], view, .init(guest), isForced: isForced)
        return (isStealTimeOff ? verdict : Placement.withAddedMemory(verdict, view)) == .defaultWorks
    }

    func works(_ guest: GuestDemand?) -> Bool {
        guard let guest else { return false }
        return works(guest, question.window)
    }

    // MARK: The VM

    /// What the guest's memory may lie in when the default is to be free.
    private var roomForRAM: IOVASet {
        pool.mappable.subtracting(IOVASet([WindowSource.mainlineWindow]))
    }

    private func ofVM() -> [Remedy] {
        var found: [Remedy] = works(withoutPeerToPeer) ? [.peerToPeerOff] : []
        if let base = ramBase { found.append(.ramBase(base)) }
        let most = mostRAM.map { [Remedy.ramAtMost($0)] } ?? []
        // A VM of less than half its RAM is another VM: its mode is the smaller change.
        let isHalf = mostRAM.map { $0 >= (question.guest.shape?.ram ?? 0) / 2 } ?? false
        return found + (isHalf ? most + otherModes : otherModes + most)
    }

    /// Of a map that the caller gave: its BARs, or what of it lies in one range.
    private func ofOwnMap() -> [Remedy] {
        let off: [Remedy] = works(withoutPeerToPeer) ? [.peerToPeerOff] : []
        return off + rangesInTheWay.filter { works(question.guest.leaving($0)) }.map(Remedy.leaveFree)
    }

    private var otherModes: [Remedy] {
        (question.guest.vmm?.otherModes ?? []).filter { works(question.guest.after(.otherMode($0))) }
            .map(Remedy.otherMode)
    }

    /// The lowest base above the present one at which the RAM lies as a whole where it may.
    private var ramBase: UInt64? {
        guard let vmm = question.guest.vmm, let shape = question.guest.shape,
            let lowest = vmm.lowestRAMBase
        else { return nil }
        let places = roomForRAM.places(
            size: shape.ram, alignment: question.window.pageSize,
            within: IOVARange(proven: lowest, .max))
        guard let base = places.first?.value, works(question.guest.changed { $0.ramBase = base }) else {
            return nil
        }
        return base
    }

    /// In whole pages.
    private var mostRAM: UInt64? {
        guard let shape = question.guest.shape else { return nil }
        let most =
            question.guest.refusal.map { $0.ramLimit ?? 0 }
            ?? question.guest.banks?.largestFit(in: roomForRAM, target: shape.ram) ?? 0
        let pages = question.window.pageSize.alignDown(most)
        guard pages > 0, pages < shape.ram, works(question.guest.changed { $0.ram = pages }) else {
            return nil
        }
        return pages
    }

    // MARK: The window

    private func ofWindow() -> [Remedy] {
        guard let (change, window) = smallerWindow, works(question.guest, window) else { return [] }
        return [change]
    }

    /// Where doorbells keep their addresses, a guest that does not nest needs no window.
    private func ofWindowless(_ placement: Placement) -> [Remedy] {
        guard question.guest.viommu == .nestedSMMUv3,
            placement.mechanism(question, .init(question.guest)).kind == .none
        else { return [] }
        var changed = question
        changed.guest = question.guest.changed(viommu: .none)
        let verdict = Placement.verdict(changed, [pool], pool, .invisible, isForced: isForced)
        let doesStart = Placement.withAddedMemory(verdict, pool) == verdict
        let isServed = verdict == .defaultWorks || verdict == .movable || verdict == .none
        let isRefused = pool.isRefused || question.guest.refusal != nil
        return isServed && doesStart && !isRefused ? [.withoutNesting] : []
    }

    // MARK: Hosts

    private func ofDevices() -> [Remedy] {
        guard let (change, search) = withoutDevices, search.works(search.question.guest) else { return [] }
        return [change]
    }

    /// Whether it works as it is on other hosts.
    private func ofHosts(_ failing: [Int]) -> [Remedy] {
        guard let (change, search) = without(hosts: failing), search.works(search.question.guest) else {
            return []
        }
        return [change]
    }

    private func fails(_ answer: Placement.HostAnswer, at place: Int) -> Bool {
        let host = question.hosts[place]
        let window = host.pageSize.map { question.window.on(pagesOf: $0) } ?? question.window
        return answer.verdict != .defaultWorks || window.size > WindowSource.mainlineSize
            || Placement.hindersNesting(host, question)
    }
}

// MARK: Changes

extension RemedySearch {
    /// More are no small choice.
    private static let pairsMax = 8
    /// Kinds of hosts that are walked again for each of two changes.
    private static let kindsMax = 64

    /// Two changes of which neither is enough: each change that helps a little, and what helps besides it.
    private func pairs() -> [Remedy] {
        var found: [Remedy] = []
        var seen: Set<Set<Remedy>> = []
        for (change, search) in changes {
            for other in search.single(without: search.failing) {
                guard seen.insert([change.withoutAmount, other.withoutAmount]).inserted else { continue }
                found.append(.pair(change, other))
            }
        }
        let sorted = found.enumerated().sorted { one, other in
            func order(_ pair: Remedy) -> Int { pair.parts.map(\.order).max() ?? 0 }
            return (order(one.element), one.offset) < (order(other.element), other.offset)
        }
        return sorted.prefix(Self.pairsMax).map(\.element)
    }

    /// Single changes with what is then asked. Those with an amount are last: beside another change they may
    /// be smaller.
    private var changes: [(Remedy, RemedySearch)] {
        let ofGuest: [(Remedy, GuestDemand?)] =
            [(.peerToPeerOff, withoutPeerToPeer), (.withoutNesting, withoutNesting)]
            + (question.guest.vmm?.otherModes ?? []).map {
                (.otherMode($0), question.guest.after(.otherMode($0)))
            } + rangesInTheWay.map { (.leaveFree($0), question.guest.leaving($0)) }
        var found = ofGuest.compactMap { change, guest in
            guest.map { guest in
                var search = self
                search.question.guest = guest
                return (change, search)
            }
        }
        if !isStealTimeOff, !pool.unmappableAdded.isEmpty {
            var search = self
            search.isStealTimeOff = true
            found.insert((.stealTimeOff, search), at: 0)
        }
        if question.facts.count <= Self.kindsMax {
            found += [withoutDevices, without(hosts: question.hosts.indices.filter(isInTheWay))]
                .compactMap { $0 }
        }
        if let (change, window) = smallerWindow {
            var search = self
            search.question.window = window
            found.append((change, search))
        }
        return found
    }

    /// nil where there is nothing to switch off: of a VMM that maps BARs unasked no option keeps them out.
    private var withoutPeerToPeer: GuestDemand? {
        let guest = question.guest
        guard guest.peerToPeer, guest.vmm?.has(.mapsBARsUnasked) != true else { return nil }
        return guest.withoutPeerToPeer()
    }

    private var withoutNesting: GuestDemand? {
        question.guest.viommu == .nestedSMMUv3 ? question.guest.changed(viommu: .none) : nil
    }

    /// What a map of the caller's own should not have: the window, and memory that the hosts do not map.
    private var rangesInTheWay: [IOVARange] {
        guard question.guest.vmm == nil else { return [] }
        let window = WindowSource.mainlineWindow
        let isTaken = question.guest.occupied.contains { $0.range.overlaps(window) }
        let unmappable = IOVASet(question.guest.ram).intersection(pool.unmapped).ranges
        return (isTaken ? [window] : []) + unmappable.prefix(2)
    }

    /// A window no larger than Linux's own, or one with fewer doorbells; nil where it is small enough.
    private var smallerWindow: (Remedy, WindowDemand)? {
        let window = question.window
        let isNested = question.guest.viommu == .nestedSMMUv3
        let fitting = min(
            Int(WindowSource.mainlineSize / window.pageSize.bytes),
            isNested ? Placement.iommufdPages(question) : .max)
        let hasTooManyDoorbells = window.doorbells > fitting
        guard fitting > 0, hasTooManyDoorbells || window.size > WindowSource.mainlineSize else { return nil }
        return (
            hasTooManyDoorbells ? .doorbells(fitting) : .windowSize(WindowSource.mainlineSize),
            window.ofMainlineSize(doorbells: min(fitting, window.doorbells))
        )
    }

    /// Without the devices in the way of the window, of every host that has such; nil where there are none,
    /// or too many.
    private var withoutDevices: (Remedy, RemedySearch)? {
        guard question.facts.contains(where: { $0.reaching != nil }) else { return nil }
        var devices: [Remedy.HostDevice] = []
        var changed = question
        for host in question.hosts {
            guard let reaching = question.facts[host.facts].reaching else { continue }
            changed.facts[host.facts] = reaching.facts
            devices += reaching.without.map { Remedy.HostDevice(host: host.name, device: $0) }
            guard devices.count <= Remedy.namesMax else { return nil }
        }
        return devices.isEmpty ? nil : (.withoutDevices(devices), asking(changed))
    }

    /// On the other hosts; nil where there are none, and where too many are left out.
    private func without(hosts places: [Int]) -> (Remedy, RemedySearch)? {
        guard !places.isEmpty, places.count < question.hosts.count, places.count <= Remedy.namesMax else {
            return nil
        }
        var changed = question
        let without = Set(places)
        changed.hosts = question.hosts.indices.filter { !without.contains($0) }.map { question.hosts[$0] }
        changed.fitWindow()
        return (.withoutHosts(places.map { question.hosts[$0].name }), asking(changed))
    }

    /// The same search on other hosts.
    private func asking(_ changed: PlacementQuestion) -> RemedySearch {
        let sets = GuestSets(changed.guest)
        let views = Set(changed.hosts.map(\.facts)).sorted().map {
            PoolView(changed.facts[$0], changed.window, sets)
        }
        return RemedySearch(
            question: changed, pool: PoolView(of: views, changed.window, sets),
            isStealTimeOff: isStealTimeOff)
    }

    /// Whether a host is in the way of every guest like this one, however it is laid out.
    private func isInTheWay(_ place: Int) -> Bool {
        let host = question.hosts[place]
        let facts = question.facts[host.facts]
        return facts.isRefused || !facts.windowable.contains(WindowSource.mainlineWindow)
            || Placement.hindersNesting(host, question)
    }

    /// Hosts on which the window does not work, each asked by itself; none where there are too many kinds.
    private var failing: [Int] {
        guard question.hosts.count > 1, question.facts.count <= Self.kindsMax else { return [] }
        let sets = GuestSets(question.guest)
        var known: [HostKey: Bool] = [:]
        return question.hosts.indices.filter { place in
            let key = HostKey(question.hosts[place])
            if let fails = known[key] { return fails }
            var alone = question
            alone.hosts = [question.hosts[place]]
            alone.fitWindow()
            let view = PoolView(question.facts[key.facts], alone.window, sets)
            let search = RemedySearch(question: alone, pool: view, isStealTimeOff: isStealTimeOff)
            let fails = !search.works(alone.guest)
            known[key] = fails
            return fails
        }
    }

    /// What decides about a host but its name.
    private struct HostKey: Hashable {
        let facts: Int
        let pageSize: Granule?
        let iommufd: IOMMUFDSupport

        init(_ host: PlacementQuestion.Host) {
            facts = host.facts
            pageSize = host.pageSize
            iommufd = host.iommufd
        }
    }
}

extension Remedy {
    /// Tells changes apart, however much of each.
    fileprivate var withoutAmount: Remedy {
        switch self {
        case .windowSize: .windowSize(0)
        case .doorbells: .doorbells(0)
        case .ramBase: .ramBase(0)
        case .ramAtMost: .ramAtMost(0)
        case .stealTimeOff, .peerToPeerOff, .leaveFree, .otherMode, .withoutNesting, .withoutDevices,
            .withoutHosts, .both:
            self
        }
    }
}
