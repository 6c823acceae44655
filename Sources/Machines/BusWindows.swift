// The windows of a PCI host bridge: outbound ones, which the bridge claims on the bus for its devices'
// registers, so that a DMA to them never reaches the SMMU; and inbound ones, the bus addresses that reach
// memory.

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
    /// The last bus address, in the kernel's wrapping arithmetic.
    package var busLast: UInt64 { busStart &+ (size &- 1) }
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

/// One entry of a `dma-ranges` property.
public struct InboundWindow: Hashable, Sendable {
    public var busStart: UInt64
    public var cpuStart: UInt64
    /// Bytes, at least 1. `busStart + size` may be 2^64 exactly.
    public var size: UInt64
    /// The last bus address, in the kernel's wrapping arithmetic.
    package var busLast: UInt64 { busStart &+ (size &- 1) }

    public init(busStart: UInt64, cpuStart: UInt64, size: UInt64) {
        self.busStart = busStart
        self.cpuStart = cpuStart
        self.size = size
    }
}
