// The page of an IOVA domain: the smallest unit that an IOMMU maps and that the allocator counts in.
// Mirrors `struct iova_domain.granule` and the iova_shift / iova_mask / iova_align helpers of
// include/linux/iova.h, Linux 7.2. It is not the CPU page size, though it often equals it.

/// A power of two in bytes, 1 ... 2^63.
@frozen
public struct Granule: Hashable, Sendable {
    /// log2 of the size in bytes, 0 ... 63.
    public let shift: UInt8

    /// A granule of `bytes`; nil unless `bytes` is a power of two.
    @inlinable
    public init?(bytes: UInt64) {
        guard bytes != 0, bytes & (bytes - 1) == 0 else { return nil }
        shift = UInt8(bytes.trailingZeroBitCount)
    }

    /// Bytes in one page of the domain.
    @inlinable
    public var bytes: UInt64 { 1 << UInt64(shift) }

    /// `bytes - 1`: the bits of an address below the page number.
    @inlinable
    public var mask: UInt64 { bytes - 1 }

    /// The page frame number that holds `address`.
    @inlinable
    public func frame(of address: UInt64) -> UInt64 { address >> UInt64(shift) }

    /// The first address of a page by its frame number.
    @inlinable
    public func address(ofFrame frame: UInt64) -> UInt64 { frame << UInt64(shift) }

    /// The whole pages that `bytes` need; none for no bytes.
    @inlinable
    public func pageCount(of bytes: UInt64) -> UInt64 { frame(of: bytes) + (isAligned(bytes) ? 0 : 1) }

    /// The first address of the page that holds `address`.
    @inlinable
    public func alignDown(_ address: UInt64) -> UInt64 { address & ~mask }

    /// The last address of the page that holds `address`.
    @inlinable
    public func lastOfPage(_ address: UInt64) -> UInt64 { address | mask }

    /// Whole pages, from the one that holds `first` to the one that holds `last`; nil where these are in the
    /// wrong order.
    @inlinable
    public func pages<Space: Address>(from first: UInt64, through last: UInt64) -> AddressRange<Space>? {
        AddressRange(start: Space(alignDown(first)), last: Space(lastOfPage(last)))
    }

    /// The whole pages that hold an address of `range`.
    @inlinable
    public func pages<Space>(around range: AddressRange<Space>) -> AddressRange<Space> {
        AddressRange(proven: alignDown(range.start.value), lastOfPage(range.last.value))
    }

    /// The page that holds `address`.
    @inlinable
    public func page<Space: Address>(of address: Space) -> AddressRange<Space> {
        AddressRange(proven: alignDown(address.value), lastOfPage(address.value))
    }

    /// The first page boundary at or above `address`; nil when that is 2^64.
    @inlinable
    public func alignUp(_ address: UInt64) -> UInt64? {
        let (sum, overflow) = address.addingReportingOverflow(mask)
        return overflow ? nil : sum & ~mask
    }

    @inlinable
    public func isAligned(_ address: UInt64) -> Bool { address & mask == 0 }

    /// Whether a range consists of whole pages.
    @inlinable
    public func isWhole<Space>(_ range: AddressRange<Space>) -> Bool { pages(around: range) == range }

    public static let kib4 = Granule(bytes: 0x1000)!
    /// No alignment at all.
    public static let byte = Granule(bytes: 1)!
    public static let kib16 = Granule(bytes: 0x4000)!
    public static let kib64 = Granule(bytes: 0x10000)!
    /// What windows are aligned to: the constants are, and the posted options count in it.
    public static let mib1 = Granule(bytes: 0x10_0000)!
}
