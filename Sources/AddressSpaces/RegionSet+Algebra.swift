// The algebra of address sets. Every result is normalised because every operation is built on two that
// keep the form: complement, and intersection by a linear merge.

extension RegionSet {
    /// The addresses in either set.
    public func union(_ other: Self) -> Self { Self(ranges + other.ranges) }

    /// The addresses in both sets.
    public func intersection(_ other: Self) -> Self {
        var shared: [Range] = []
        var i = 0
        var j = 0
        while i < ranges.count, j < other.ranges.count {
            if let both = ranges[i].intersection(other.ranges[j]) { shared.append(both) }
            if ranges[i].last < other.ranges[j].last { i += 1 } else { j += 1 }
        }
        return Self(normalised: shared)
    }

    /// The addresses of the space that are not in the set.
    public func complement() -> Self {
        var gaps: [Range] = []
        var next: UInt64? = 0
        for range in ranges {
            guard let start = next else { break }
            if range.start.value > start { gaps.append(Range(proven: start, range.start.value - 1)) }
            next = range.last.value == .max ? nil : range.last.value + 1
        }
        if let start = next { gaps.append(Range(proven: start, .max)) }
        return Self(normalised: gaps)
    }

    /// The addresses of `bounds` that are not in the set.
    public func complement(within bounds: Range) -> Self {
        complement().intersection(Self(normalised: [bounds]))
    }

    /// The addresses that are in this set and not in `other`.
    public func subtracting(_ other: Self) -> Self { intersection(other.complement()) }

    /// The addresses of the set that lie in `bounds`.
    public func clipped(to bounds: Range) -> Self { intersection(Self(normalised: [bounds])) }
}
