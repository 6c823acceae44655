// Removal, which joins two holes and raises the summaries, and the merges that keep leaves and nodes from
// staying nearly empty.

extension RangeTree {
    /// Removes the range at `position`, which is not the sentinel, given the way there. O(log n).
    @inline(__always)
    mutating func remove(at position: Position, _ path: Path) {
        let leaf = position.leaf
        let base = leaf &<< Self.leafShift
        let bottom = holeBottom(below: position)
        let top = self[above(position)].lo
        let left = Int(leafCounts[leaf]) &- 1
        var index = base &+ position.slot
        while index < base &+ left {
            ranges[index] = ranges[index &+ 1]
            index &+= 1
        }
        leafCounts[leaf] = UInt8(truncatingIfNeeded: left)
        count &-= 1
        if position.slot > 0 {
            raise(path, hole: bottom, top)
        } else {
            // The joined hole belongs to the leaf above.
            raise(pathAbove(path), hole: bottom, top)
            if left > 0 { setKey(ranges[base].hi, path, level: height - 1) }
        }
        if left <= Self.sparse, height > 0 { thin(leaf, path) }
    }

    /// A new highest `hi` below the entry `path[level]`, stored at every level that has it as a key.
    private mutating func setKey(_ key: UInt64, _ path: Path, level: Int) {
        var level = level
        while level >= 0 {
            keys[Int(path[level])] = key
            guard Int(path[level]) & (Self.nodeCapacity - 1) == 0 else { return }
            level -= 1
        }
    }

    /// The way to the leaf before, which exists.
    private func pathAbove(_ path: Path) -> Path {
        var path = path
        var level = height - 1
        while Int(path[level]) & (Self.nodeCapacity - 1) == 0 { level -= 1 }
        path[level] -= 1
        while level + 1 < height {
            let child = Int(children[Int(path[level])])
            level += 1
            path[level] = UInt32((child << Self.nodeShift) + Int(nodeCounts[child]) - 1)
        }
        return path
    }

    /// Drops an empty leaf, or joins a sparse one with a sibling when both fit into one with room to spare.
    private mutating func thin(_ leaf: Int, _ path: Path) {
        let index = Int(path[height - 1])
        if leafCounts[leaf] == 0 {
            dropLeaf(leaf)
            removeChild(path, level: height - 1)
            return
        }
        guard let (kept, dropped) = siblings(of: index, counts: leafCounts) else { return }
        let target = Int(children[kept])
        let source = Int(children[dropped])
        let count = Int(leafCounts[target])
        for offset in 0..<Int(leafCounts[source]) {
            ranges[(target << Self.leafShift) + count + offset] =
                ranges[
                    (source << Self.leafShift) + offset]
        }
        leafCounts[target] += leafCounts[source]
        joinSummaries(kept, dropped)
        dropLeaf(source)
        var path = path
        path[height - 1] = UInt32(dropped)
        removeChild(path, level: height - 1)
    }

    /// The entries of two neighbours in one node, one of them at `index`, that fit into one child.
    private func siblings(of index: Int, counts: [UInt8]) -> (kept: Int, dropped: Int)? {
        let node = index >> Self.nodeShift
        let slot = index & (Self.nodeCapacity - 1)
        func fits(_ kept: Int) -> Bool {
            Int(counts[Int(children[kept])]) + Int(counts[Int(children[kept + 1])]) <= Self.mergedMax
        }
        if slot + 1 < Int(nodeCounts[node]), fits(index) { return (index, index + 1) }
        if slot > 0, fits(index - 1) { return (index - 1, index) }
        return nil
    }

    private mutating func joinSummaries(_ kept: Int, _ dropped: Int) {
        var bound = summary(at: kept)
        bound.include(summary(at: dropped))
        store(bound, at: kept)
    }

    private mutating func dropLeaf(_ leaf: Int) {
        leafCounts[leaf] = 0
        let next = lower[leaf]
        let previous = higher[leaf]
        lower[Int(previous)] = next
        if next != Self.none { higher[Int(next)] = previous }
        freeLeaves.append(UInt32(leaf))
    }

    /// Takes the entry `path[level]` out of its node, and thins the node in turn.
    private mutating func removeChild(_ path: Path, level: Int) {
        let node = Int(path[level]) >> Self.nodeShift
        let slot = Int(path[level]) & (Self.nodeCapacity - 1)
        let base = node << Self.nodeShift
        let left = Int(nodeCounts[node]) - 1
        for index in (base + slot)..<(base + left) { moveEntry(from: index + 1, to: index) }
        nodeCounts[node] = UInt8(left)
        if level == 0 {
            collapseRoot()
        } else if left == 0 {
            freeNodes.append(UInt32(node))
            removeChild(path, level: level - 1)
        } else {
            if slot == 0 { setKey(keys[base], path, level: level - 1) }
            if left <= Self.sparse { thinNode(path, level: level) }
        }
    }

    private mutating func thinNode(_ path: Path, level: Int) {
        guard let (kept, dropped) = siblings(of: Int(path[level - 1]), counts: nodeCounts) else { return }
        let target = Int(children[kept])
        let source = Int(children[dropped])
        let count = Int(nodeCounts[target])
        for offset in 0..<Int(nodeCounts[source]) {
            moveEntry(
                from: (source << Self.nodeShift) + offset,
                to: (target << Self.nodeShift) + count + offset)
        }
        nodeCounts[target] += nodeCounts[source]
        nodeCounts[source] = 0
        joinSummaries(kept, dropped)
        freeNodes.append(UInt32(source))
        var path = path
        path[level - 1] = UInt32(dropped)
        removeChild(path, level: level - 1)
    }

    private mutating func collapseRoot() {
        while height > 0, nodeCounts[Int(root)] == 1 {
            let only = children[Int(root) << Self.nodeShift]
            nodeCounts[Int(root)] = 0
            freeNodes.append(root)
            root = only
            height -= 1
        }
    }
}
