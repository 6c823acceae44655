// What is withheld from a device where a window may lie: what its DMA domain reserves, what firmware
// reserves without this kernel noticing, page zero, what lies beyond the limits, and what a running host
// leaves out of the ranges that it offers; sorted for reading.

public import AddressSpaces
public import LinuxReleases
import Machines

/// Everything withheld from one device under given conditions.
public struct Withheld: Hashable, Sendable {
    /// By start; at equal starts in the kernel's order.
    public let items: [WithheldItem]
    /// By position in `items`: the highest address of that item and of all before it.
    private let reach: [UInt64]
    /// What setting up the DMA domain fails with; gaps after the failure are not known.
    public let errno: Errno?
    /// Highest DMA address of the bus, inclusive.
    public let dmaLimit: UInt64

    /// Whether any item is relaxable.
    let hasRelaxableItems: Bool

    /// What the DMA layer may use: the aperture up to the DMA limit, without the items. For its pages only.
    package let free: IOVASet
    /// Where a window may lie. A window serves devices that are handed to user space, for which nothing keeps
    /// relaxable regions, so these stay free.
    public let freeForWindow: IOVASet

    /// - Parameters:
    ///   - device: with its regions rounded to pages.
    ///   - usable: ranges that the running host offered; nil when nothing is known.
    init(
        from device: Device, _ reservations: DMAReservations, under conditions: Conditions,
        usable: UsableRanges?
    ) {
        let granule = conditions.granule
        var items = [
            WithheldItem(
                range: granule.page(of: IOVA(0)), kind: .pageZero, isAdvertised: false,
                provenance: "IOVA 0 is never allocated")
        ]
        let calls = reservations.calls
        items.reserveCapacity(1 + calls.count)
        for place in calls.indices where calls[place].type == nil {
            if let item = WithheldItem(calls[place], granule) { items.append(item) }
        }
        Self.addRegions(of: device, conditions, to: &items)
        if !device.unappliedRegions.isEmpty { items += Self.unapplied(of: device, conditions) }
        if let usable { items += Self.outside(usable, granule) }
        // Equal starts keep the kernel's order. Most lists are in order as they are.
        let isSorted = items.indices.dropFirst().allSatisfy {
            items[$0 - 1].range.start <= items[$0].range.start
        }
        if !isSorted { items.sort { $0.range.start < $1.range.start } }
        self.items = items
        var highest: UInt64 = 0
        reach = items.indices.map { place in
            highest = max(highest, items[place].range.last.value)
            return highest
        }
        errno = reservations.errno
        dmaLimit = device.dmaLimit
        let reachable = IOVASet([conditions.aperture]).clipped(to: IOVARange(proven: 0, device.dmaLimit))
        free = reachable.subtracting(IOVASet(items.map(\.range)))
        hasRelaxableItems = items.contains(where: \.isRelaxable)
        freeForWindow =
            hasRelaxableItems
            ? reachable.subtracting(IOVASet(items.filter { !$0.isRelaxable }.map(\.range))) : free
    }

    /// Firmware's regions, also those after a failed set-up and those that Linux does not apply, because they
    /// are on a host bridge or because this kernel does not read them: the platform withholds them even so.
    private static func addRegions(
        of device: Device, _ conditions: Conditions, to items: inout [WithheldItem]
    ) {
        for region in device.firmwareRegions
        where region.kind != .softwareMSI && region.isWithheld(under: conditions) {
            guard
                let range: IOVARange = conditions.granule.pages(
                    from: region.start, through: region.wrappingLast)
            else { continue }
            items.append(
                WithheldItem(
                    range: range,
                    exact: IOVARange(start: IOVA(region.start), last: IOVA(region.wrappingLast)),
                    kind: region.withheldKind, type: region.kind,
                    isAdvertised: region.isApplied(under: conditions),
                    provenance: region.provenanceText(under: conditions)))
        }
    }

    /// Memory ranges that firmware asked for and that Linux does not reserve here, because it skips them or
    /// because they are for single functions: DMA goes there even so.
    private static func unapplied(of device: Device, _ conditions: Conditions) -> [WithheldItem] {
        device.unappliedRegions.compactMap { unapplied in
            guard let region = unapplied.region, region.length > 0,
                let range: IOVARange = conditions.granule.pages(
                    from: region.start, through: region.wrappingLast)
            else { return nil }
            return WithheldItem(
                range: range, kind: region.withheldKind, type: region.kind, isAdvertised: false,
                provenance: unapplied.provenanceText(of: region))
        }
    }

    private static func outside(_ usable: UsableRanges, _ granule: Granule) -> [WithheldItem] {
        usable.gaps.map { range in
            WithheldItem(
                range: granule.pages(around: range), kind: .outsideIOVARanges, isAdvertised: false,
                provenance: UsableRanges.provenance)
        }
    }

    /// Regions, not only the allocator's reservations, that stay withheld from user space: what the rest of a
    /// group has to respect.
    func lastingRegions(overlapping range: IOVARange) -> [WithheldItem] {
        items(overlapping: range).filter { $0.type != nil && !$0.isRelaxable }
    }

    /// The items that share an address with `range`.
    public func items(overlapping range: IOVARange) -> [WithheldItem] {
        candidates(for: range).filter { $0.range.overlaps(range) }
    }

    /// Those of them that stay withheld from user space.
    public func hardItems(overlapping range: IOVARange) -> [WithheldItem] {
        candidates(for: range).filter { !$0.isRelaxable && $0.range.overlaps(range) }
    }

    /// The first of them; O(log n).
    public func firstItem(overlapping range: IOVARange) -> WithheldItem? {
        candidates(for: range).first
    }

    /// From the first item that ends in `range` or after it to the last that starts before its end. Empty
    /// when none overlaps; otherwise the first of them does, and any of the others may.
    private func candidates(for range: IOVARange) -> ArraySlice<WithheldItem> {
        let from = reach.partitioningIndex { $0 >= range.start.value }
        let to = items.partitioningIndex { $0.range.start > range.last }
        return from < to ? items[from..<to] : []
    }
}

extension UnappliedRegion.Reason {
    var phrase: String {
        switch self {
        case .rmrWithoutPreservedConfiguration: "the host bridge does not keep the boot configuration"
        case .rmrOfSingleFunctions: "it is for single functions behind the root complex"
        case .crashesKernel: "it does not translate"
        case .notListed: "the kernel's list of the group does not have it"
        }
    }
}

extension WithheldItem {
    /// What a reserve call withholds, in whole pages; nil for an inverted one.
    init?(_ call: DMAReservations.Call, _ granule: Granule) {
        guard let range = call.range(granule) else { return nil }
        self.init(
            range: range, kind: call.kind, type: call.type, isAdvertised: call.type != nil,
            provenance: call.provenance)
    }
}
