// A 64-bit address that knows which space it lives in. An IOVA and a physical address are both
// numbers, and mixing them up is the classic mistake of this field, so they are different types that
// no operator joins. Mirrors `dma_addr_t` and `phys_addr_t` of include/linux/types.h, Linux 7.2.

/// An address in one 64-bit space. Arithmetic is not offered here: ranges and granules do it, with
/// every overflow decided in one place.
public protocol Address: Hashable, Comparable, Sendable {
    /// The address as a number, 0 ... 2^64-1.
    var value: UInt64 { get }
    /// Makes an address of any number: every 64-bit value is an address.
    init(_ value: UInt64)
}

extension Address {
    @inlinable
    public static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

/// An address as a device behind an IOMMU puts it on the bus.
@frozen
public struct IOVA: Address {
    public let value: UInt64
    @inlinable
    public init(_ value: UInt64) { self.value = value }
}

/// An address as the CPUs and the memory system see it.
@frozen
public struct PhysicalAddress: Address {
    public let value: UInt64
    @inlinable
    public init(_ value: UInt64) { self.value = value }
}
