// What a call of a trace returned.

/// The visible result of one operation.
public enum TraceResult: Hashable, Sendable {
    /// A failed allocation or reservation, and every operation that returns nothing.
    case none
    /// First pfn of an allocation.
    case pfn(UInt64)
    /// The range object that a reservation returned, after growth.
    case range(PageFrameRange)
}
