// The highest hole in a window that takes a request. Mirrors the walk in drivers/iommu/iova.c:
// __alloc_and_insert_iova_range, Linux 7.2, with the same result and without the walk: a few holes below
// the start are looked at one by one, as the kernel does and where it nearly always ends; then the
// summaries lead.

extension RangeTree {
    /// The result of a scan of some holes.
    enum Outcome {
        /// The request goes to `pfn`, below the range at `above`.
        case found(pfn: UInt64, above: Position)
        /// Nothing, and every further hole lies below the window.
        case windowEnded
        /// Nothing here; further holes may do.
        case exhausted
    }

    /// The highest place in `low ..< bound` for the request, among the holes below `start`, which is the
    /// lowest range that ends at or above `bound`. O(log n) amortised; O(1) when the hole just below does.
    @inline(__always)
    mutating func highestFit(
        _ request: HoleRequest, below bound: UInt64, from low: UInt64, start: Position
    ) -> (pfn: UInt64, above: Position)? {
        let top = min(self[start].lo, bound)
        let bottom = holeBottom(below: start)
        if let pfn = request.highestFit(bottom: max(bottom, low), top: top) { return (pfn, start) }
        if bottom <= low { return nil }
        return search(request, from: low, after: start)
    }

    @inline(never)
    private mutating func search(
        _ request: HoleRequest, from low: UInt64, after start: Position
    ) -> (pfn: UInt64, above: Position)? {
        switch scan(start.leaf, from: start.slot + 1, request, low) {
        case .found(let pfn, let above): return (pfn, above)
        case .windowEnded: return nil
        case .exhausted: break
        }
        _ = track(self[start].hi)
        var level = height - 1
        while level >= 0 {
            let index = Int(trail.path[level])
            let node = index >> Self.nodeShift
            let first = (index & (Self.nodeCapacity - 1)) + 1
            switch search(node, from: first, childLevel: level + 1, request, low) {
            case .found(let pfn, let above): return (pfn, above)
            case .windowEnded: return nil
            case .exhausted: level -= 1
            }
        }
        return nil
    }

    /// The children of `node` from `first` on.
    private mutating func search(
        _ node: Int, from first: Int, childLevel: Int, _ request: HoleRequest, _ low: UInt64
    ) -> Outcome {
        let base = node << Self.nodeShift
        var index = base + first
        let end = base + Int(nodeCounts[node])
        while index < end {
            // Every hole below this child's first range ends at or below its key.
            if keys[index] < low { return .windowEnded }
            if admits(index, request) {
                let child = Int(children[index])
                let outcome =
                    childLevel == height
                    ? scan(child, from: 0, request, low)
                    : search(child, from: 0, childLevel: childLevel + 1, request, low)
                guard case .exhausted = outcome else { return outcome }
                // The bound was too high: the window cut nothing off, so the true value is lower.
                store(childLevel == height ? summary(ofLeaf: child) : summary(ofNode: child), at: index)
            }
            index += 1
        }
        return .exhausted
    }

    /// Whether the holes below this entry may take the request.
    @inline(__always)
    private func admits(_ index: Int, _ request: HoleRequest) -> Bool {
        request.mayFit(
            longest: longest[index], blockOrder: blockOrders[index], capacity: capacities[index])
    }

    private func scan(
        _ leaf: Int, from first: Int, _ request: HoleRequest, _ low: UInt64
    ) -> Outcome {
        let base = leaf &<< Self.leafShift
        let count = Int(leaves[leaf].count)
        var slot = first
        while slot < count {
            let bottom = holeBottom(below: Position(leaf: leaf, slot: slot))
            let top = ranges[base &+ slot].lo
            if let pfn = request.highestFit(bottom: max(bottom, low), top: top) {
                return .found(pfn: pfn, above: Position(leaf: leaf, slot: slot))
            }
            if bottom <= low { return .windowEnded }
            slot &+= 1
        }
        return .exhausted
    }
}

// Upwards over ranges that touch each other, for reservations: what lies under one is passed by in one step
// instead of range by range, however often it is reserved again.

extension RangeTree {
    /// The lowest range from `start` upwards that has a hole below it or ends at `hi` or later. O(log n)
    /// amortised; O(1) when it is `start` or near.
    mutating func firstAboveGap(from start: Position, orEndingAt hi: UInt64) -> Position {
        if let found = scanUp(start.leaf, from: start.slot, hi) { return found }
        _ = track(self[start].hi)
        var level = height - 1
        while level >= 0 {
            let node = Int(trail.path[level]) >> Self.nodeShift
            let last = (Int(trail.path[level]) & (Self.nodeCapacity - 1)) - 1
            if let found = searchUp(node, from: last, childLevel: level + 1, hi) { return found }
            level -= 1
        }
        preconditionFailure("nothing ends at \(hi) or later, the sentinel included")
    }

    private mutating func searchUp(
        _ node: Int, from last: Int, childLevel: Int, _ hi: UInt64
    ) -> Position? {
        var slot = last
        while slot >= 0 {
            let index = (node << Self.nodeShift) + slot
            if longest[index] > 0 || keys[index] >= hi {
                let child = Int(children[index])
                let isLeaf = childLevel == height
                let count = isLeaf ? Int(leaves[child].count) : Int(nodeCounts[child])
                let found =
                    isLeaf
                    ? scanUp(child, from: count - 1, hi)
                    : searchUp(child, from: count - 1, childLevel: childLevel + 1, hi)
                if let found { return found }
                // No hole in there: the bound was too high.
                store(HoleSummary(), at: index)
            }
            slot -= 1
        }
        return nil
    }

    private func scanUp(_ leaf: Int, from first: Int, _ hi: UInt64) -> Position? {
        var slot = first
        while slot >= 0 {
            let position = Position(leaf: leaf, slot: slot)
            let range = self[position]
            if range.hi >= hi || holeBottom(below: position) < range.lo { return position }
            slot -= 1
        }
        return nil
    }
}
