// Removal, which joins two holes and raises the summaries, and the merges that keep leaves and nodes from
// staying nearly empty.

extension RangeTree {
    /// Removes the range at `position`, which is not the sentinel and to which the trail leads; the next
    /// higher one is at `above`. O(log n), O(1) when no summary has to know.
    @inline(__always)
    mutating func remove(at position: Position, below above: Position) {
        let leaf = position.leaf
        precondition(leaf == trail.leaf, "a removal from leaf \(leaf), a trail to leaf \(trail.leaf)")
        let bottom = holeBottom(below: position)
        let top = self[above].lo
        count &-= 1
        if position.slot &+ 1 < Int(leaves[leaf].count) {
            leaves[leaf].vacant &+= 1
            vacate(position, bottom)
        } else {
            dropLast(position)
        }
        if above.leaf == leaf {
            raise(hole: bottom, top)
        } else {
            // The joined hole belongs to the leaf above.
            raiseAbove(hole: bottom, top)
        }
        if leaves[leaf].held <= Self.sparse, height > 0 { thin(leaf, trail.path) }
    }

    /// Leaves the slot vacant, at the bottom of the hole, and with it the vacant slots above.
    @inline(__always)
    private mutating func vacate(_ position: Position, _ bottom: UInt64) {
        let base = position.leaf &<< Self.leafShift
        let last = base &+ position.slot
        var index = last
        while index > base, ranges[index &- 1].isVacant { index &-= 1 }
        while index <= last {
            ranges[index] = PageFrameRange(lo: bottom, hi: bottom &- 1)
            index &+= 1
        }
    }

    /// Takes the last slot out of use, and with it the vacant slots above.
    @inline(__always)
    private mutating func dropLast(_ position: Position) {
        let base = position.leaf &<< Self.leafShift
        var slot = position.slot
        while slot > 0, ranges[base &+ slot &- 1].isVacant {
            slot &-= 1
            leaves[position.leaf].vacant &-= 1
        }
        leaves[position.leaf].count = UInt8(truncatingIfNeeded: slot)
    }

    /// Closes the vacant slots of a leaf.
    mutating func closeVacant(_ leaf: Int) {
        guard leaves[leaf].vacant > 0 else { return }
        let base = leaf << Self.leafShift
        var left = base
        for index in base..<(base + Int(leaves[leaf].count)) where !ranges[index].isVacant {
            ranges[left] = ranges[index]
            left += 1
        }
        leaves[leaf].count = UInt8(left - base)
        leaves[leaf].vacant = 0
    }

    /// Closes the vacant slots of the leaf at the end of `path`.
    mutating func squeeze(_ leaf: Int, _ path: Path) {
        let isFirstVacant = ranges[leaf << Self.leafShift].isVacant
        closeVacant(leaf)
        if isFirstVacant { setKey(ranges[leaf << Self.leafShift].hi, path, level: height - 1) }
    }

    /// A new highest `hi` below the entry `path[level]`, stored at every level that has it as a key.
    mutating func setKey(_ key: UInt64, _ path: Path, level: Int) {
        var level = level
        while level >= 0 {
            keys[Int(path[level])] = key
            guard Int(path[level]) & (Self.nodeCapacity - 1) == 0 else { return }
            level -= 1
        }
    }

    /// Tells every level about a hole that has grown in the leaf before that at the end of the trail.
    @inline(never)
    private mutating func raiseAbove(hole bottom: UInt64, _ top: UInt64) {
        raise(pathAbove(trail.path), HoleSummary(Hole(bottom: bottom, top: top)))
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
    @inline(never)
    private mutating func thin(_ leaf: Int, _ path: Path) {
        let index = Int(path[height - 1])
        if leaves[leaf].count == 0 {
            dropLeaf(leaf)
            removeChild(path, level: height - 1)
            return
        }
        guard let (kept, dropped) = siblings(of: index, held: { leaves[$0].held }) else { return }
        let target = Int(children[kept])
        let source = Int(children[dropped])
        var path = path
        path[height - 1] = UInt32(kept)
        squeeze(target, path)
        closeVacant(source)
        let count = Int(leaves[target].count)
        for offset in 0..<Int(leaves[source].count) {
            ranges[(target << Self.leafShift) + count + offset] =
                ranges[
                    (source << Self.leafShift) + offset]
        }
        leaves[target].count += leaves[source].count
        joinSummaries(kept, dropped)
        dropLeaf(source)
        path[height - 1] = UInt32(dropped)
        removeChild(path, level: height - 1)
    }

    /// The entries of two neighbours in one node, one of them at `index`, that fit into one child.
    private func siblings(of index: Int, held: (Int) -> Int) -> (kept: Int, dropped: Int)? {
        let node = index >> Self.nodeShift
        let slot = index & (Self.nodeCapacity - 1)
        func fits(_ kept: Int) -> Bool {
            held(Int(children[kept])) + held(Int(children[kept + 1])) <= Self.mergedMax
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
        let next = leaves[leaf].lower
        let previous = leaves[leaf].higher
        leaves[leaf].count = 0
        leaves[Int(previous)].lower = next
        if next != Self.none { leaves[Int(next)].higher = previous }
        freeLeaves.append(UInt32(leaf))
    }

    /// Takes the entry `path[level]` out of its node, and thins the node in turn.
    private mutating func removeChild(_ path: Path, level: Int) {
        trail.leaf = -1
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
        guard let (kept, dropped) = siblings(of: Int(path[level - 1]), held: { Int(nodeCounts[$0]) }) else {
            return
        }
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
