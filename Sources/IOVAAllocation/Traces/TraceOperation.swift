// One call of a trace. Allocations that are freed later are told apart by small numbers in place of the
// ids of the wire: whoever reads a trace counts them.

/// A call of the allocator, as in `allocator-vectors`. Pages are granules, limits inclusive.
public enum TraceOperation: Hashable, Sendable {
    /// Which allocation a free means; from 0 on, below `AllocatorTrace.nameCount`.
    public typealias Name = Int32

    case reserve(lo: UInt64, hi: UInt64)
    /// Tree level. Without a name nothing but `freePFN` frees it.
    case allocate(size: UInt64, limit: UInt64, isAligned: Bool, name: Name?)
    case free(Name)
    /// Frees whatever range holds the pfn, if any.
    case freePFN(UInt64)
    /// Cached level.
    case allocateFast(size: UInt64, limit: UInt64, flushes: Bool, name: Name?)
    /// With the size that the allocation asked for.
    case freeFast(Name)
    /// The depot trimmer fires once.
    case tick
}
