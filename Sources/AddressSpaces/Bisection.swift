// The one binary search: where a sorted collection turns from elements that do not fulfil a predicate to
// elements that all do. It knows nothing of addresses.

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
