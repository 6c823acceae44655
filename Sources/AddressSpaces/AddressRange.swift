// An inclusive range start...last of one address space. It is never empty and may cover the whole
// 64-bit space, which a half-open range or a 64-bit size cannot express.

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
}

/// A range of physical addresses, inclusive.
public typealias PhysicalRange = AddressRange<PhysicalAddress>
