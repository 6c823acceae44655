// The bases at which a survey tries a window: every mebibyte below 4 GiB but the first, by their numbers. A
// set of them is a few runs, so that what devices leave free can be compared, counted and written down.

import AddressSpaces

/// Bases that are multiples of 1 MiB, as runs of their numbers; base 0x8000000 is number 128.
package struct WindowBases: Hashable, Comparable, Sendable {
    /// The numbers of all bases: 1 to 4095.
    package static let numbers =
        1...Int(IOVARange.below4GiB.last.value >> Granule.mib1.shift)
    /// A bit for each number, and for 0, which is no base.
    static let words = (numbers.upperBound + 64) / 64

    /// First and last number of each run, ascending; runs neither overlap nor touch.
    package let bounds: [UInt16]

    /// Those at which the places hold a window.
    init(_ places: Candidates) {
        var bounds: [UInt16] = []
        bounds.reserveCapacity(2 * places.ranges.count)
        for range in places.ranges {
            bounds.append(UInt16(truncatingIfNeeded: range.start.value >> Granule.mib1.shift))
            bounds.append(UInt16(truncatingIfNeeded: range.last.value >> Granule.mib1.shift))
        }
        self.bounds = bounds
    }

    /// nil for numbers that do not ascend as those of runs do, or that no base has.
    package init?(bounds: [Int]) {
        guard bounds.count.isMultiple(of: 2), bounds.allSatisfy(Self.numbers.contains) else { return nil }
        for place in bounds.indices.dropFirst() {
            let least = place.isMultiple(of: 2) ? bounds[place - 1] + 2 : bounds[place - 1]
            guard bounds[place] >= least else { return nil }
        }
        self.bounds = bounds.map { UInt16($0) }
    }

    package static func base(_ number: Int) -> UInt64 { UInt64(number) << Granule.mib1.shift }

    /// nil for an address that is no base.
    static func number(of base: UInt64) -> Int? {
        guard Granule.mib1.isAligned(base), base <= IOVARange.below4GiB.last.value, base > 0 else {
            return nil
        }
        return Int(base >> Granule.mib1.shift)
    }

    package static func < (one: Self, other: Self) -> Bool {
        one.bounds.lexicographicallyPrecedes(other.bounds)
    }

    /// The runs between those of the set.
    var gaps: [ClosedRange<Int>] {
        var gaps: [ClosedRange<Int>] = []
        var next = Self.numbers.lowerBound
        for place in stride(from: 0, to: bounds.count, by: 2) {
            let first = Int(bounds[place])
            if next < first { gaps.append(next...first - 1) }
            next = Int(bounds[place + 1]) + 1
        }
        if next <= Self.numbers.upperBound { gaps.append(next...Self.numbers.upperBound) }
        return gaps
    }

    /// Equal for equal sets on every machine; of others by no accident worth the name.
    var digest: UInt64 {
        var value = UInt64(bounds.count)
        for bound in bounds { value = WordDigest.mixed(value, UInt64(bound)) }
        return SplitMix64.mix(value)
    }
}

/// A bit for each number of a base.
struct BaseBits: Sendable {
    private(set) var words = [UInt64](repeating: 0, count: WindowBases.words)

    mutating func insert(_ run: ClosedRange<Int>) {
        let (first, last) = (run.lowerBound / 64, run.upperBound / 64)
        for word in first...last {
            var bits = UInt64.max
            if word == first { bits &= UInt64.max << UInt64(run.lowerBound % 64) }
            if word == last { bits &= UInt64.max >> UInt64(63 - run.upperBound % 64) }
            words[word] |= bits
        }
    }

    func forEach(_ body: (Int) -> Void) {
        for word in words.indices {
            var bits = words[word]
            while bits != 0 {
                body(word * 64 + bits.trailingZeroBitCount)
                bits &= bits - 1
            }
        }
    }
}
