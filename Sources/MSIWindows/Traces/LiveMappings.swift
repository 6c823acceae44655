// What is mapped in one traced domain, by address.

import AddressSpaces

/// Mappings that do not overlap, ascending. Finding O(log n); changes O(n) moves of memory.
struct LiveMappings {
    private(set) var mappings: [TracedDomain.Mapping] = []

    /// Index of the first mapping that ends at `iova` or above.
    private func index(endingAtOrAfter iova: UInt64) -> Int {
        var low = 0
        var high = mappings.count
        while low < high {
            let middle = (low + high) / 2
            let last = mappings[middle].iova.value + (mappings[middle].size - 1)
            if last < iova { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Whether nothing is mapped in `iova ..< iova + size`.
    func isFree(_ iova: UInt64, _ size: UInt64) -> Bool {
        let at = index(endingAtOrAfter: iova)
        return at == mappings.count || mappings[at].iova.value > iova + (size - 1)
    }

    /// Whether a mapping begins here.
    func begins(at iova: UInt64) -> Bool {
        let at = index(endingAtOrAfter: iova)
        return at < mappings.count && mappings[at].iova.value == iova
    }

    mutating func insert(_ mapping: TracedDomain.Mapping) {
        mappings.insert(mapping, at: index(endingAtOrAfter: mapping.iova.value))
    }

    /// Takes out what begins in `iova ..< iova + size`.
    mutating func remove(_ iova: UInt64, _ size: UInt64) -> [TracedDomain.Mapping] {
        var from = index(endingAtOrAfter: iova)
        if from < mappings.count, mappings[from].iova.value < iova { from += 1 }
        var to = from
        while to < mappings.count, mappings[to].iova.value <= iova + (size - 1) { to += 1 }
        let removed = Array(mappings[from..<to])
        mappings.removeSubrange(from..<to)
        return removed
    }
}
