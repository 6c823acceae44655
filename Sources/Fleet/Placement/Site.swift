// One host, or the whole pool, under one guest and one window: the sets that everything else reads.

import AddressSpaces
import MSIWindows

struct Site {
    let mappable: IOVASet
    let windowable: IOVASet
    /// Boot memory that is not mappable.
    let unmappable: [IOVARange]
    let candidates: Candidates
    /// Whether the window fits at the default base.
    let defaultWorks: Bool
    /// Linux refuses a device of this host outright.
    let isRefused: Bool
    /// The window cannot be moved here, whatever the kernel supports.
    let isForcedToDefault: Bool

    init(
        mappable: IOVASet, windowable: IOVASet, isRefused: Bool, isForcedToDefault: Bool = false,
        _ guest: GuestDemand, _ demand: WindowDemand, _ occupied: IOVASet
    ) {
        self.mappable = mappable
        self.windowable = windowable
        self.isRefused = isRefused
        self.isForcedToDefault = isForcedToDefault
        unmappable = IOVASet(guest.ram).subtracting(mappable).ranges
        let free = windowable.subtracting(occupied)
        candidates = Candidates(in: free, demand)
        defaultWorks =
            !isRefused
            && demand.defaultWindow.map { free.contains($0) && demand.bounds.contains($0) } == true
    }

    init(_ facts: HostFacts, _ guest: GuestDemand, _ demand: WindowDemand, _ occupied: IOVASet) {
        // kvmtool takes every line of reserved_regions for forbidden, relaxable ones too.
        let mappable =
            guest.vmm == .kvmtool
            ? facts.mappable.subtracting(IOVASet(facts.relaxable.map(\.range))) : facts.mappable
        self.init(
            mappable: mappable, windowable: facts.windowable, isRefused: facts.refusal != nil,
            isForcedToDefault: facts.isType1Only, guest, demand, occupied)
    }
}
