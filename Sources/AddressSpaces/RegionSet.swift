// A set of addresses as normalised ranges: sorted, disjoint, and with at least one address between any
// two, so that equal sets have equal representations. Covers the full 64-bit space.

/// Addresses of one space, stored as the fewest inclusive ranges.
///
/// Complexity: membership O(log n); algebra O(n + m); building from k unsorted ranges O(k log k).
public struct RegionSet<Space: Address>: Hashable, Sendable {
    public typealias Range = AddressRange<Space>

    /// The ranges, ascending; no two overlap or touch.
    public let ranges: [Range]

    /// The set of all addresses in `ranges`, in any order, overlapping or not.
    public init(_ ranges: some Sequence<Range>) {
        let sorted = ranges.sorted { $0.start < $1.start }
        var merged: [Range] = []
        merged.reserveCapacity(sorted.count)
        for range in sorted {
            if let top = merged.last, top.overlaps(range) || top.touches(range) {
                merged[merged.count - 1] = top.hull(range)
            } else {
                merged.append(range)
            }
        }
        self.ranges = merged
    }

    /// Ranges that are known to be normalised.
    init(normalised ranges: [Range]) {
        self.ranges = ranges
        assertInvariants()
    }

    public static var empty: Self { Self(normalised: []) }
    public static var full: Self { Self(normalised: [.full]) }

    public var isEmpty: Bool { ranges.isEmpty }
    /// Lowest address of the set.
    public var first: Space? { ranges.first?.start }
    /// Highest address of the set.
    public var last: Space? { ranges.last?.last }

    public func contains(_ address: Space) -> Bool { range(containing: address) != nil }

    /// Whether every address of `range` is in the set.
    public func contains(_ range: Range) -> Bool {
        self.range(containing: range.start)?.contains(range) == true
    }

    /// The maximal range of the set that holds `address`.
    public func range(containing address: Space) -> Range? {
        let index = firstIndex(endingAtOrAfter: address)
        guard index < ranges.count, ranges[index].contains(address) else { return nil }
        return ranges[index]
    }

    /// The lowest run of addresses of `range` that are not in the set, as far as `range` goes; nil when the
    /// set holds all of it. O(log n).
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
    public func ranges(overlapping range: Range) -> ArraySlice<Range> {
        let rest = ranges[firstIndex(endingAtOrAfter: range.start)...]
        return rest[..<rest.partitioningIndex { $0.start > range.last }]
    }

    /// Index of the first range whose last address is `address` or above; `ranges.count` when none is.
    func firstIndex(endingAtOrAfter address: Space) -> Int {
        ranges.partitioningIndex { $0.last >= address }
    }
}

/// A set of I/O virtual addresses.
public typealias IOVASet = RegionSet<IOVA>
