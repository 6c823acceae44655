// A guest's memory map, laid out: what lies where, and what of it a device may get mapped.

public import AddressSpaces

/// The map of one VM.
public struct GuestMap: Hashable, Sendable {
    /// By start.
    public let regions: [GuestRegion]
    /// Boot memory, ascending.
    public let ram: [IOVARange]
    /// Where boot memory would lie for other sizes.
    public let banks: RAMBanks?
    /// What the VMM does silently or with a warning.
    public var notes: [String]
    /// The highest guest address that the VMM asks KVM for. Gaps count that are left for what is off.
    public let highestAddress: IOVA?

    init(
        _ regions: [GuestRegion], ram: [GuestRegion], banks: RAMBanks?, notes: [String] = [],
        gapsTo end: UInt64 = 0
    ) {
        self.regions = (regions + ram).sorted { $0.range.start < $1.range.start }
        self.ram = ram.map(\.range)
        self.banks = banks
        self.notes = notes
        let top = self.regions.map(\.range.last).max()
        highestAddress = end > 0 ? max(top ?? IOVA(0), IOVA(end - 1)) : top
    }

    /// Everything that is or may get mapped, so that no window may lie there. BAR windows count only with
    /// peer-to-peer DMA.
    public func occupied(peerToPeer: Bool) -> [GuestRegion] {
        regions.filter { region in
            switch region.mapping {
            case .never: false
            case .always, .onDemand: true
            case .device: peerToPeer || !region.kind.isBARWindow
            }
        }
    }

    /// What is mapped whatever happens.
    public var alwaysOccupied: [GuestRegion] { regions.filter { $0.mapping == .always } }

    /// Windows in which BARs get mapped.
    public var barWindows: [GuestRegion] {
        regions.filter { $0.mapping == .device && $0.kind.isBARWindow }
    }

    public var topOfRAM: IOVA? { ram.last?.last }
    public var topOfMap: IOVA? { regions.map(\.range.last).max() }
}
