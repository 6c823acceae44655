// An outbound window of a PCI host bridge: addresses that the bridge claims on the bus for its own
// devices' registers, so that a DMA to them would never reach the SMMU.

/// One entry of a host bridge's `ranges` or `_CRS`.
public struct PCIWindow: Hashable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
        case memory, io, configuration
    }

    public var kind: Kind
    /// First address on the PCI bus.
    public var busStart: UInt64
    /// First address as the CPU sees it.
    public var cpuStart: UInt64
    /// Bytes, at least 1; neither start passes 2^64-1 with it.
    public var size: UInt64
    public var is64Bit: Bool
    public var isPrefetchable: Bool

    public init(
        kind: Kind, busStart: UInt64, cpuStart: UInt64, size: UInt64, is64Bit: Bool, isPrefetchable: Bool
    ) {
        self.kind = kind
        self.busStart = busStart
        self.cpuStart = cpuStart
        self.size = size
        self.is64Bit = is64Bit
        self.isPrefetchable = isPrefetchable
    }
}
