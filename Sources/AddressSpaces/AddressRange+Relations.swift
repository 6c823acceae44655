// How two ranges of one space lie to each other, and what they share.

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
