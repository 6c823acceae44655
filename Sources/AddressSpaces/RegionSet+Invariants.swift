// What makes a RegionSet a RegionSet. Checked in debug builds wherever a set is made without sorting.

extension RegionSet {
    /// Traps, with the offending ranges, unless the set is normalised.
    public func checkInvariants() {
        for (low, high) in zip(ranges, ranges.dropFirst()) {
            precondition(
                low.last < high.start && high.start.value - low.last.value > 1,
                "not normalised: \(low) before \(high)")
        }
    }

    func assertInvariants() {
        assert(
            {
                checkInvariants()
                return true
            }())
    }
}
