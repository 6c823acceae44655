// A closed range of page frame numbers, as the IOVA allocator keeps it. Mirrors `struct iova` of
// include/linux/iova.h, Linux 7.2: an allocation and a reservation are the same kind of thing.

/// Page frames `lo ... hi`, both inclusive, counted in granules. The full 64-bit space is expressible.
@frozen
public struct PageFrameRange: Hashable, Sendable {
    /// First page frame.
    public var lo: UInt64
    /// Last page frame. In a domain it never changes while the range lives, so it names the range.
    public var hi: UInt64

    @inlinable
    public init(lo: UInt64, hi: UInt64) {
        self.lo = lo
        self.hi = hi
    }
}
