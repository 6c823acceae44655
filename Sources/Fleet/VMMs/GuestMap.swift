// A guest's physical address space as its VMM lays it out: what lies where, and what of it the VMM maps for
// an assigned device. Without a vIOMMU the IOVA is the guest-physical address, so ranges are IOVAs here. How
// a VMM lays a guest out is in the VMM's own file.

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

extension GuestMap {
    /// The next multiple of `alignment`, as VMMs round what they place.
    ///
    /// - Precondition: the result is below 2^64, and `alignment` is not 0.
    static func alignUp(_ value: UInt64, _ alignment: UInt64) -> UInt64 {
        (value + (alignment - 1)) / alignment * alignment
    }
}

/// One named range of a guest's memory map.
public struct GuestRegion: Hashable, Sendable {
    /// What the guest finds there.
    public enum Kind: String, CaseIterable, Sendable {
        case ram, flash, gic, its, mmio, ecam, other
        case pcieMMIO32 = "pcie_mmio32"
        case pcieMMIO64 = "pcie_mmio64"

        /// Whether BARs are placed in it.
        public var isBARWindow: Bool { self == .pcieMMIO32 || self == .pcieMMIO64 }
    }

    /// Whether the VMM maps the range for DMA.
    public enum Mapping: Hashable, Sendable {
        /// Emulated devices: nothing maps them.
        case never
        case always
        /// Memory that may be plugged in, or that an option adds.
        case onDemand
        /// BARs and other device memory, as the guest programs them.
        case device
    }

    /// Rules that several VMMs have.
    static let barsAreNotMapped = "BARs are not mapped"
    static let platformDevicesAreMapped = "what vfio-platform maps is mapped for DMA"

    /// The VMM's own name for it.
    public var name: String
    public var range: IOVARange
    public var kind: Kind
    public var mapping: Mapping
    /// Why it lies there or when it is mapped; empty where the name says it.
    public var rule: String

    public init(
        _ name: String, _ range: IOVARange, _ kind: Kind, _ mapping: Mapping = .never, rule: String = ""
    ) {
        self.name = name
        self.range = range
        self.kind = kind
        self.mapping = mapping
        self.rule = rule
    }

    /// `size` bytes from `base`, which the layout has proved not to pass 2^64.
    init(
        _ name: String, _ base: UInt64, size: UInt64, _ kind: Kind, _ mapping: Mapping = .never,
        rule: String = ""
    ) {
        self.init(name, IOVARange(proven: base, base + (size - 1)), kind, mapping, rule: rule)
    }

    /// Memory that the VMM hands to the device.
    public var isMapped: Bool { mapping == .always || mapping == .onDemand }
    /// Only under some condition.
    public var isConditional: Bool { mapping == .onDemand || mapping == .device }
}
