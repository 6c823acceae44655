// What is mapped in one traced domain, by address.

import AddressSpaces

/// Mappings that do not overlap, ascending. Finding O(log n); changes O(n) moves of memory.
struct LiveMappings {
    private(set) var mappings: [TracedDomain.Mapping] = []

    /// Index of the first mapping that ends at `iova` or above.
    private func index(endingAtOrAfter iova: UInt64) -> Int {
        mappings.partitioningIndex { $0.iova.value + ($0.size - 1) >= iova }
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

    /// Takes `iova ..< iova + size` out, also from mappings that reach over its ends: what of them lies
    /// outside stays. The pieces that went, ascending, and whether any mapping was cut.
    mutating func remove(_ iova: UInt64, _ size: UInt64) -> (pieces: [TracedDomain.Mapping], isCut: Bool) {
        let last = iova + (size - 1)
        let from = index(endingAtOrAfter: iova)
        var to = from
        while to < mappings.count, mappings[to].iova.value <= last { to += 1 }
        var pieces: [TracedDomain.Mapping] = []
        var rests: [TracedDomain.Mapping] = []
        for mapping in mappings[from..<to] {
            let end = mapping.iova.value + (mapping.size - 1)
            if mapping.iova.value < iova { rests.append(mapping.part(mapping.iova.value, iova - 1)) }
            pieces.append(mapping.part(max(mapping.iova.value, iova), min(end, last)))
            if end > last { rests.append(mapping.part(last + 1, end)) }
        }
        mappings.replaceSubrange(from..<to, with: rests)
        return (pieces, !rests.isEmpty)
    }
}

extension TracedDomain.Mapping {
    /// The part from `first` to `last`, inclusive, which lie in it.
    fileprivate func part(_ first: UInt64, _ last: UInt64) -> TracedDomain.Mapping {
        TracedDomain.Mapping(
            line: line, iova: IOVA(first), physical: PhysicalAddress(physical.value &+ (first - iova.value)),
            size: last - first + 1)
    }
}
