// 64-bit addresses that know which space they live in, and inclusive ranges of them. An IOVA and a physical
// address are both numbers, and mixing them up is the classic mistake of this field, so they are different
// types that no operator joins. A range is never empty and may cover the whole 64-bit space, which a
// half-open range or a 64-bit size cannot express. Mirrors `dma_addr_t` and `phys_addr_t` of
// include/linux/types.h, Linux 7.2.

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

/// `start ... last`, both inclusive, `start <= last`. The full space is `0 ... 2^64-1`.
@frozen
public struct AddressRange<Space: Address>: Hashable, Sendable {
    public let start: Space
    public let last: Space

    /// The range `start ... last`; nil when `last < start`.
    @inlinable
    public init?(start: Space, last: Space) {
        guard start <= last else { return nil }
        self.start = start
        self.last = last
    }

    /// The `size` bytes from `start` on; nil when `size` is 0 or the range would pass 2^64-1.
    @inlinable
    public init?(start: Space, size: UInt64) {
        guard size > 0 else { return nil }
        let (last, overflow) = start.value.addingReportingOverflow(size - 1)
        guard !overflow else { return nil }
        self.start = start
        self.last = Space(last)
    }

    /// `start ... last` where the caller has proved `start <= last`; traps with the values otherwise.
    @inlinable
    public init(proven start: UInt64, _ last: UInt64) {
        precondition(start <= last, "range runs backwards: \(start) ... \(last)")
        self.start = Space(start)
        self.last = Space(last)
    }

    /// The whole space, `0 ... 2^64-1`.
    @inlinable
    public static var full: Self { Self(proven: 0, .max) }

    /// Bytes in the range less one, so that the full space is expressible: 0 ... 2^64-1.
    @inlinable
    public var sizeMinusOne: UInt64 { last.value - start.value }

    /// Bytes in the range, 1 ... 2^64-1; nil for the full space, whose size is 2^64.
    @inlinable
    public var size: UInt64? {
        let (size, overflow) = sizeMinusOne.addingReportingOverflow(1)
        return overflow ? nil : size
    }
}

/// A range of I/O virtual addresses, inclusive.
public typealias IOVARange = AddressRange<IOVA>

extension IOVARange {
    /// What 32 bits address: where 32-bit MSIs and constants lie, and where the DMA layer looks first.
    @inlinable
    public static var below4GiB: Self { Self(proven: 0, 0xffff_ffff) }

    /// `0 ... 2^bits - 1`, for 1 to 64 bits: the aperture of an IOMMU with so many bits of input address.
    public static func ofBits(_ bits: Int) -> Self {
        precondition((1...64).contains(bits), "an aperture of \(bits) bits")
        return Self(proven: 0, bits == 64 ? .max : (1 << UInt64(bits)) - 1)
    }
}

/// A range of physical addresses, inclusive.
public typealias PhysicalRange = AddressRange<PhysicalAddress>

extension AddressRange {
    @inlinable
    public func contains(_ address: Space) -> Bool { start <= address && address <= last }

    /// Whether every address of `other` is in this range.
    @inlinable
    public func contains(_ other: Self) -> Bool { start <= other.start && other.last <= last }

    /// Whether at least one address is in both.
    @inlinable
    public func overlaps(_ other: Self) -> Bool { start <= other.last && other.start <= last }

    /// Whether the ranges do not overlap but no address lies between them.
    @inlinable
    public func touches(_ other: Self) -> Bool {
        (last < other.start && other.start.value - last.value == 1)
            || (other.last < start && start.value - other.last.value == 1)
    }

    /// The addresses in both, nil when there are none.
    @inlinable
    public func intersection(_ other: Self) -> Self? {
        Self(start: max(start, other.start), last: min(last, other.last))
    }

    /// The smallest range that holds both, gap included.
    @inlinable
    public func hull(_ other: Self) -> Self {
        Self(proven: min(start.value, other.start.value), max(last.value, other.last.value))
    }
}
