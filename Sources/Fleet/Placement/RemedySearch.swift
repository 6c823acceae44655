// Finds the changes that make Linux's own window work for a placement. Each is tried by the one deciding
// path: a remedy is what turns its verdict. The pool's ranges are those of the placement, so that a thousand
// hosts are walked once.

import AddressSpaces
import MSIWindows

struct RemedySearch {
    let question: PlacementQuestion
    let pool: PoolView
    let isForced: Bool

    /// The remedies of a placement, smallest change first; empty where the default works.
    static func remedies(
        of placement: Placement, _ question: PlacementQuestion, _ pool: PoolView, isForced: Bool
    ) -> [Remedy] {
        let search = RemedySearch(question: question, pool: pool, isForced: isForced)
        if Placement.windowless(question) != nil { return search.ofWindowless(placement) }
        if placement.verdict == .worksWithStealTimeOff, placement.verdictWithStealTimeOff == .defaultWorks,
            placement.window.size <= WindowSource.mainlineSize, Placement.nestingHindrance(question) == nil
        {
            return [.stealTimeOff]
        }
        guard !placement.worksToday else { return [] }
        let ofVM = question.guest.vmm == nil ? search.ofOwnMap() : search.ofVM()
        return ofVM + search.ofWindow() + search.ofNesting() + search.ofDevices()
            + search.ofHosts(placement)
    }

    /// Whether Linux's own window works as things are.
    static func worksToday(
        _ placement: Placement, _ question: PlacementQuestion, _ pool: PoolView, isForced: Bool
    ) -> Bool {
        guard Placement.nestingHindrance(question) == nil else { return false }
        guard placement.verdict == .defaultWorks, placement.window.size < WindowSource.mainlineSize else {
            return placement.verdict == .defaultWorks && placement.window.size == WindowSource.mainlineSize
        }
        return RemedySearch(question: question, pool: pool, isForced: isForced).works(question.guest)
    }

    /// Whether Linux's own window works for such a guest and window on these hosts. Linux takes all of it,
    /// however little is asked for.
    private func works(_ guest: GuestDemand, _ asked: WindowDemand) -> Bool {
        let demand =
            asked.size < WindowSource.mainlineSize
            ? asked.ofMainlineSize(doorbells: asked.doorbells) : asked
        let view = PoolView(
            mappable: pool.mappable, unmapped: pool.unmapped, windowable: pool.windowable,
            unwindowable: pool.unwindowable, isRefused: pool.isRefused, isForcedToDefault: isForced, demand,
            GuestSets(guest))
        var changed = question
        changed.guest = guest
        changed.window = demand
        guard Placement.nestingHindrance(changed) == nil else { return false }
        let verdict = Placement.verdict(changed, [view], view, .init(guest), isForced: isForced)
        return Placement.withAddedMemory(verdict, view) == .defaultWorks
            && demand.size <= WindowSource.mainlineSize
    }

    private func works(_ guest: GuestDemand?) -> Bool {
        guard let guest else { return false }
        return works(guest, question.window)
    }

    /// What the guest's memory may lie in when the default is to be free.
    private var roomForRAM: IOVASet {
        pool.mappable.subtracting(IOVASet([WindowSource.mainlineWindow]))
    }

    private func ofVM() -> [Remedy] {
        var found: [Remedy] = []
        // Of a VMM that maps BARs unasked, no option keeps them from being mapped.
        if question.guest.peerToPeer, question.guest.vmm?.has(.mapsBARsUnasked) != true,
            works(question.guest.changed { $0.peerToPeer = false })
        {
            found.append(.peerToPeerOff)
        }
        if let base = ramBase { found.append(.ramBase(base)) }
        let most = mostRAM.map { [Remedy.ramAtMost($0)] } ?? []
        // A VM of less than half its RAM is another VM: its mode is the smaller change.
        let isHalf = mostRAM.map { $0 >= (question.guest.shape?.ram ?? 0) / 2 } ?? false
        return found + (isHalf ? most + otherModes : otherModes + most)
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

    /// Of a map that the caller gave: everything that lies in the window is moved away.
    private func ofOwnMap() -> [Remedy] {
        let window = WindowSource.mainlineWindow
        guard let free = question.guest.leaving(window), works(free) else { return [] }
        return [.leaveFree(window)]
    }

    private func ofWindow() -> [Remedy] {
        let window = question.window
        let isNested = question.guest.viommu == .nestedSMMUv3
        let fitting = min(
            Int(WindowSource.mainlineSize / window.pageSize.bytes),
            isNested ? Placement.iommufdPages(question) : .max)
        let hasTooManyDoorbells = window.doorbells > fitting
        guard fitting > 0, hasTooManyDoorbells || window.size > WindowSource.mainlineSize,
            works(question.guest, window.ofMainlineSize(doorbells: min(fitting, window.doorbells)))
        else { return [] }
        return [hasTooManyDoorbells ? .doorbells(fitting) : .windowSize(WindowSource.mainlineSize)]
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

    private func ofNesting() -> [Remedy] {
        guard question.guest.viommu == .nestedSMMUv3, works(question.guest.changed(viommu: .none)) else {
            return []
        }
        return [.withoutNesting]
    }

    /// Devices in the way of the window, of every host that has such.
    private func ofDevices() -> [Remedy] {
        guard question.facts.contains(where: { $0.reaching != nil }) else { return [] }
        var devices: [Remedy.HostDevice] = []
        var changed = question
        for host in question.hosts {
            guard let reaching = question.facts[host.facts].reaching else { continue }
            changed.facts[host.facts] = reaching.facts
            devices += reaching.without.map { Remedy.HostDevice(host: host.name, device: $0) }
            guard devices.count <= Remedy.namesMax else { return [] }
        }
        guard !devices.isEmpty else { return [] }
        return works(changed) ? [.withoutDevices(devices)] : []
    }

    /// Whether it works as it is on other hosts.
    private func works(_ changed: PlacementQuestion) -> Bool {
        let sets = GuestSets(changed.guest)
        let views = Set(changed.hosts.map(\.facts)).sorted().map {
            PoolView(changed.facts[$0], changed.window, sets)
        }
        let pool = PoolView(of: views, changed.window, sets)
        return RemedySearch(question: changed, pool: pool, isForced: pool.isForcedToDefault)
            .works(changed.guest)
    }

    private func ofHosts(_ placement: Placement) -> [Remedy] {
        let failing = question.hosts.indices.filter {
            placement.hosts[$0].verdict != .defaultWorks
                || Placement.hindersNesting(question.hosts[$0], question)
        }
        guard !failing.isEmpty, failing.count < question.hosts.count, failing.count <= Remedy.namesMax else {
            return []
        }
        var changed = question
        let without = Set(failing)
        changed.hosts = question.hosts.indices.filter { !without.contains($0) }.map { question.hosts[$0] }
        return works(changed) ? [.withoutHosts(failing.map { question.hosts[$0].name })] : []
    }
}
