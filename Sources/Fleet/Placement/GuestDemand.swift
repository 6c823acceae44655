// What a guest needs of the IOVA space: its memory must map, its windows and pinned BARs must stay clear.
// Made from a VMM's layout, or from a map that the caller gives.

public import AddressSpaces

/// One VM as a placement sees it.
public struct GuestDemand: Sendable {
    /// How the guest sees the host's window.
    public enum VIOMMU: String, CaseIterable, Sendable {
        case none
        case virtioIOMMU = "virtio_iommu"
        case nestedSMMUv3 = "nested_smmuv3"
    }

    /// A range that the caller says is in use.
    public struct MapEntry: Hashable, Sendable {
        public enum Kind: String, CaseIterable, Sendable {
            case ram
            case barWindow = "bar_window"
            case pinnedBAR = "pinned_bar"
        }
        public var range: IOVARange
        public var kind: Kind

        public init(range: IOVARange, kind: Kind) {
            self.range = range
            self.kind = kind
        }
    }

    /// For blockers: the VMM's id, or "memory_map".
    public let name: String
    public let vmm: VMM?
    /// What the VMM lays out; nil when the caller gave the map.
    let shape: VMShape?
    /// The caller's map; empty for a guest of a known VMM.
    private let map: [MapEntry]
    /// Bytes of boot memory that were asked for; nil when the caller gave the map.
    public let ramSize: UInt64?
    public let ram: [IOVARange]
    public let banks: RAMBanks?
    /// By start: what no window may touch.
    public let occupied: [GuestRegion]
    public let barWindows: [GuestRegion]
    public let pinnedBARs: [IOVARange]
    public let peerToPeer: Bool
    public let viommu: VIOMMU
    public let notes: [String]
    /// The VMM does not start such a guest.
    public let refusal: VMRefusal?

    /// A guest of a known VMM.
    public init(_ vmm: VMM, _ shape: VMShape, viommu: VIOMMU = .none, pinnedBARs: [IOVARange] = []) {
        var map: GuestMap?
        var refused: VMRefusal?
        do { map = try vmm.map(shape) } catch { refused = error }
        name = vmm.rawValue
        self.vmm = vmm
        self.shape = shape
        self.map = []
        ramSize = shape.ram
        ram = map?.ram ?? []
        banks = map?.banks
        let pinned = pinnedBARs.map { GuestRegion("pinned BAR", $0, .mmio, .always) }
        occupied = ((map?.occupied(peerToPeer: shape.peerToPeer) ?? []) + pinned)
            .sorted { $0.range.start < $1.range.start }
        barWindows = shape.peerToPeer ? map?.barWindows ?? [] : []
        self.pinnedBARs = pinnedBARs
        peerToPeer = shape.peerToPeer
        self.viommu = viommu
        notes = map?.notes ?? []
        refusal = refused
    }

    /// A guest whose map the caller knows.
    public init(map: [MapEntry], peerToPeer: Bool = true, viommu: VIOMMU = .none) {
        name = "memory_map"
        vmm = nil
        shape = nil
        self.map = map
        ramSize = nil
        ram = IOVASet(map.filter { $0.kind == .ram }.map(\.range)).ranges
        banks = nil
        let regions = map.compactMap { entry -> GuestRegion? in
            switch entry.kind {
            case .ram: GuestRegion("RAM", entry.range, .ram, .always)
            case .barWindow:
                peerToPeer ? GuestRegion("BAR window", entry.range, .pcieMMIO64, .device) : nil
            case .pinnedBAR: GuestRegion("pinned BAR", entry.range, .mmio, .always)
            }
        }
        occupied = regions.sorted { $0.range.start < $1.range.start }
        barWindows = occupied.filter { $0.mapping == .device }
        pinnedBARs = map.filter { $0.kind == .pinnedBAR }.map(\.range)
        self.peerToPeer = peerToPeer
        self.viommu = viommu
        notes = []
        refusal = nil
    }

    /// The guest with nothing of its map in `window`; nil where the map is a VMM's.
    func leaving(_ window: IOVARange) -> GuestDemand? {
        guard vmm == nil else { return nil }
        let rest = IOVASet([window]).complement()
        let kept = map.flatMap { entry in
            rest.clipped(to: entry.range).ranges.map { MapEntry(range: $0, kind: entry.kind) }
        }
        return GuestDemand(map: kept, peerToPeer: peerToPeer, viommu: viommu)
    }

    /// The same guest with another view of the host's window.
    func changed(viommu: VIOMMU) -> GuestDemand {
        guard let vmm, let shape else {
            return GuestDemand(map: map, peerToPeer: peerToPeer, viommu: viommu)
        }
        return GuestDemand(vmm, shape, viommu: viommu, pinnedBARs: pinnedBARs)
    }

    /// The same guest without its BARs mapped.
    func withoutPeerToPeer() -> GuestDemand {
        changed { $0.peerToPeer = false } ?? GuestDemand(map: map, peerToPeer: false, viommu: viommu)
    }

    /// Ranges that every host is held against: a measure of the work.
    public var rangeCount: Int { ram.count + occupied.count }

    /// Memory that the VMM adds to boot memory, such as KVM's steal time or DIMMs.
    var otherMemory: [GuestRegion] {
        occupied.filter { region in
            region.kind == .ram && !ram.contains { $0.contains(region.range) }
        }
    }

    /// The contract with a guest that has a nested SMMUv3; with a map of the caller's own the window is
    /// told to the guest by whoever wrote the map.
    var nestedContract: VMM.NestedContract { vmm?.nestedContract ?? .followsWindow }
}
