// An inbound window: bus addresses that reach memory. Mirrors an entry of `bridge->dma_ranges`.

/// One entry of a `dma-ranges` property.
public struct InboundWindow: Hashable, Sendable {
    public var busStart: UInt64
    public var cpuStart: UInt64
    /// Bytes, at least 1. `busStart + size` may be 2^64 exactly.
    public var size: UInt64

    public init(busStart: UInt64, cpuStart: UInt64, size: UInt64) {
        self.busStart = busStart
        self.cpuStart = cpuStart
        self.size = size
    }
}
