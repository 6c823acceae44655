// A range of a guest's physical address space as its VMM lays it out, and whether the VMM gives it to an
// assigned device. Without a vIOMMU the IOVA is the guest-physical address, so ranges are IOVAs here.

public import AddressSpaces

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
