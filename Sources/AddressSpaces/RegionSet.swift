// A set of addresses as normalised ranges: sorted, disjoint, and with at least one address between any two,
// so that equal sets have equal representations. It covers the full 64-bit space. Here are membership and
// algebra; where a window fits into a set is in RegionSet+Placement.

/// Addresses of one space, stored as the fewest inclusive ranges.
///
/// Complexity: membership O(log n); algebra O(n + m); building from k unsorted ranges O(k log k).
@frozen
public struct RegionSet<Space: Address>: Hashable, Sendable {
    public typealias Range = AddressRange<Space>

    /// The ranges, ascending; no two overlap or touch.
    public let ranges: [Range]

    /// The set of all addresses in `ranges`, in any order, overlapping or not.
    @inlinable
    public init(_ ranges: some Sequence<Range>) {
        let sorted = ranges.sorted { $0.start < $1.start }
        var merged: [Range] = []
        merged.reserveCapacity(sorted.count)
        for range in sorted { Self.append(range, to: &merged) }
        self.ranges = merged
    }

    /// Adds a range that starts at or above the last one.
    @inlinable
    static func append(_ range: Range, to merged: inout [Range]) {
        if let top = merged.last, top.overlaps(range) || top.touches(range) {
            merged[merged.count - 1] = top.hull(range)
        } else {
            merged.append(range)
        }
    }

    /// Ranges that are known to be normalised.
    @inlinable
    init(normalised ranges: [Range]) {
        self.ranges = ranges
        assertInvariants()
    }

    @inlinable
    public static var empty: Self { Self(normalised: []) }
    @inlinable
    public static var full: Self { Self(normalised: [.full]) }

    @inlinable
    public var isEmpty: Bool { ranges.isEmpty }
    /// Lowest address of the set.
    @inlinable
    public var first: Space? { ranges.first?.start }
    /// Highest address of the set.
    @inlinable
    public var last: Space? { ranges.last?.last }

    @inlinable
    public func contains(_ address: Space) -> Bool { range(containing: address) != nil }

    /// Whether every address of `range` is in the set.
    @inlinable
    public func contains(_ range: Range) -> Bool {
        self.range(containing: range.start)?.contains(range) == true
    }

    /// The maximal range of the set that holds `address`.
    @inlinable
    public func range(containing address: Space) -> Range? {
        let index = firstIndex(endingAtOrAfter: address)
        guard index < ranges.count, ranges[index].contains(address) else { return nil }
        return ranges[index]
    }

    /// The lowest run of addresses of `range` that are not in the set, as far as `range` goes; nil when the
    /// set holds all of it. O(log n).
    @inlinable
    public func firstGap(in range: Range) -> Range? {
        var index = firstIndex(endingAtOrAfter: range.start)
        var start = range.start.value
        if index < ranges.count, ranges[index].contains(range.start) {
            guard ranges[index].last < range.last else { return nil }
            start = ranges[index].last.value + 1
            index += 1
        }
        guard index < ranges.count, ranges[index].start <= range.last else {
            return Range(proven: start, range.last.value)
        }
        return Range(proven: start, ranges[index].start.value - 1)
    }

    /// The ranges that share an address with `range`, whole, ascending.
    @inlinable
    public func ranges(overlapping range: Range) -> ArraySlice<Range> {
        let rest = ranges[firstIndex(endingAtOrAfter: range.start)...]
        return rest[..<rest.partitioningIndex { $0.start > range.last }]
    }

    /// Index of the first range whose last address is `address` or above; `ranges.count` when none is.
    @inlinable
    func firstIndex(endingAtOrAfter address: Space) -> Int {
        ranges.partitioningIndex { $0.last >= address }
    }
}

/// A set of I/O virtual addresses.
public typealias IOVASet = RegionSet<IOVA>

// The algebra of address sets. Every result is normalised because every operation is built on three that
// keep the form: complement, and union and intersection by a linear merge.

extension RegionSet {
    /// The addresses in either set.
    @inlinable
    public func union(_ other: Self) -> Self {
        if other.isEmpty { return self }
        if isEmpty { return other }
        var merged: [Range] = []
        merged.reserveCapacity(ranges.count + other.ranges.count)
        var (i, j) = (0, 0)
        while i < ranges.count || j < other.ranges.count {
            if j == other.ranges.count || i < ranges.count && ranges[i].start <= other.ranges[j].start {
                Self.append(ranges[i], to: &merged)
                i += 1
            } else {
                Self.append(other.ranges[j], to: &merged)
                j += 1
            }
        }
        return Self(normalised: merged)
    }

    /// Ranges of a set that counts as short.
    @usableFromInline
    static var shortCount: Int { 8 }

    /// The addresses in any of the sets: pairs, pairs of pairs, and so on, so that what many of them hold is
    /// joined early. O(n log k) for n ranges in k sets.
    @inlinable
    public static func union(_ sets: [Self]) -> Self {
        var sets = sets
        var count = sets.count
        while count > 1 {
            let pairs = count / 2
            for pair in 0..<pairs { sets[pair] = sets[2 * pair].union(sets[2 * pair + 1]) }
            if count > 2 * pairs { sets[pairs] = sets[count - 1] }
            count -= pairs
        }
        return sets.first ?? .empty
    }

    /// The addresses in both sets.
    @inlinable
    public func intersection(_ other: Self) -> Self {
        var shared: [Range] = []
        var i = 0
        var j = 0
        while i < ranges.count, j < other.ranges.count {
            if let both = ranges[i].intersection(other.ranges[j]) {
                // Many have nothing in common, and take no memory. Most sets are short, and growing step by
                // step costs more than the merge. Long ones grow, so that a set which is kept does not keep
                // room that it never fills.
                if shared.isEmpty {
                    shared.reserveCapacity(Swift.min(ranges.count + other.ranges.count, Self.shortCount))
                }
                shared.append(both)
            }
            if ranges[i].last < other.ranges[j].last { i += 1 } else { j += 1 }
        }
        return Self(normalised: shared)
    }

    /// The addresses of the space that are not in the set.
    @inlinable
    public func complement() -> Self {
        var gaps: [Range] = []
        gaps.reserveCapacity(ranges.count + 1)
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
    @inlinable
    public func complement(within bounds: Range) -> Self {
        complement().intersection(Self(normalised: [bounds]))
    }

    /// The addresses that are in this set and not in `other`.
    @inlinable
    public func subtracting(_ other: Self) -> Self { intersection(other.complement()) }

    /// The addresses of the set that lie in `bounds`.
    @inlinable
    public func clipped(to bounds: Range) -> Self { intersection(Self(normalised: [bounds])) }
}

// What makes a RegionSet a RegionSet. Checked in debug builds wherever a set is made without sorting.

extension RegionSet {
    /// Traps, with the offending ranges, unless the set is normalised.
    @inlinable
    public func checkInvariants() {
        for (low, high) in zip(ranges, ranges.dropFirst()) {
            precondition(
                low.last < high.start && high.start.value - low.last.value > 1,
                "not normalised: \(low) before \(high)")
        }
    }

    @inlinable
    func assertInvariants() {
        assert(
            {
                checkInvariants()
                return true
            }())
    }
}

// The one binary search: where a sorted collection turns from elements that do not fulfil a predicate to
// elements that all do.

extension RandomAccessCollection {
    /// Index of the first element that fulfils the predicate; `endIndex` when none does. Once an element
    /// fulfils it, all after it do. O(log n).
    @inlinable
    public func partitioningIndex(where isInSecondPart: (Element) -> Bool) -> Index {
        var low = startIndex
        var length = count
        while length > 0 {
            let half = length / 2
            let middle = index(low, offsetBy: half)
            if isInSecondPart(self[middle]) {
                length = half
            } else {
                low = index(after: middle)
                length -= half + 1
            }
        }
        return low
    }
}
