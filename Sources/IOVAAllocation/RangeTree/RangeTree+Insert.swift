// Insertion into the hole below a range, and the splits that follow from a full leaf.

extension RangeTree {
    /// Inserts `range` as the next below `position`; where it stands afterwards. The range must lie in the
    /// hole below. O(log n), O(1) while the leaf has room.
    @inline(__always)
    mutating func insert(_ range: PageFrameRange, below position: Position) -> Position {
        count &+= 1
        let slot = position.slot &+ 1
        let index = (position.leaf &<< Self.leafShift) &+ slot
        let leaf = leaves[position.leaf]
        if slot < Int(leaf.count) {
            guard ranges[index].isVacant else { return insertShifting(range, in: position.leaf, at: slot) }
            ranges[index] = range
            leaves[position.leaf].vacant &-= 1
            return Position(leaf: position.leaf, slot: slot)
        }
        if leaf.lower != Self.none, ranges[Int(leaf.lower) &<< Self.leafShift].isVacant {
            return insertFirst(range, in: Int(leaf.lower))
        }
        guard slot < Self.leafCapacity else { return splitLeaf(position.leaf, inserting: range, at: slot) }
        ranges[index] = range
        leaves[position.leaf].count &+= 1
        return Position(leaf: position.leaf, slot: slot)
    }

    /// Into the vacant first slot of a leaf, whose key becomes the end of the range.
    @inline(never)
    private mutating func insertFirst(_ range: PageFrameRange, in leaf: Int) -> Position {
        let index = leaf &<< Self.leafShift
        let bottom = ranges[index].lo
        // The end of the next lower range, which stands in the same leaf.
        if trail.leaf != leaf { _ = track(bottom &- 1) }
        ranges[index] = range
        leaves[leaf].vacant &-= 1
        if keys[Int(trail.path[height &- 1])] != range.hi { setKey(range.hi, trail.path, level: height - 1) }
        // What is left of the hole belonged to the leaf above.
        if bottom < range.lo { raise(hole: bottom, range.lo) }
        return Position(leaf: leaf, slot: 0)
    }

    @inline(never)
    private mutating func insertShifting(_ range: PageFrameRange, in leaf: Int, at slot: Int) -> Position {
        guard Int(leaves[leaf].count) < Self.leafCapacity else {
            return splitLeaf(leaf, inserting: range, at: slot)
        }
        place(range, in: leaf, at: slot)
        return Position(leaf: leaf, slot: slot)
    }

    /// Moves the ranges from `slot` to the next vacant one by one and puts `range` there. By index: inlined,
    /// swiftc 6.3.1 -O drops the uniqueness check of `Array.mutableSpan`, and the shift would happen in
    /// storage that copies share.
    private mutating func place(_ range: PageFrameRange, in leaf: Int, at slot: Int) {
        var index = (leaf &<< Self.leafShift) &+ slot
        let end = (leaf &<< Self.leafShift) &+ Int(leaves[leaf].count)
        var moved = range
        while index < end {
            let next = ranges[index]
            ranges[index] = moved
            if next.isVacant {
                leaves[leaf].vacant &-= 1
                return
            }
            moved = next
            index &+= 1
        }
        ranges[end] = moved
        leaves[leaf].count &+= 1
    }

    /// A full leaf closes its vacant slots, for then it has room.
    @inline(never)
    private mutating func splitLeaf(
        _ leaf: Int, inserting range: PageFrameRange, at slot: Int
    ) -> Position {
        let base = leaf << Self.leafShift
        // By a range that it holds: what its first slot names may be gone.
        _ = track(ranges[base + Int(leaves[leaf].count) - 1].hi)
        guard leaves[leaf].vacant > 0 else { return splitHeldLeaf(leaf, inserting: range, at: slot) }
        let slot = slot - (0..<slot).count { ranges[base + $0].isVacant }
        squeeze(leaf, trail.path)
        place(range, in: leaf, at: slot)
        return Position(leaf: leaf, slot: slot)
    }

    /// A full leaf gives its lower half to the next one when that has room, otherwise to a new one. When the
    /// range goes below all of it, only a few move, so that addresses handed out downwards leave nearly full
    /// leaves behind; the first rule does the same for ranges that come upwards. Those few keep a leaf from
    /// coming and going with the last range alone.
    private mutating func splitHeldLeaf(
        _ leaf: Int, inserting range: PageFrameRange, at slot: Int
    ) -> Position {
        let path = trail.path
        let isLowest = slot == Self.leafCapacity
        let kept = isLowest ? slot - Self.sparse / 2 : Self.leafCapacity / 2
        let moved = Self.leafCapacity - kept
        let sibling = isLowest ? nil : lowerSibling(path, roomFor: slot > kept ? moved + 1 : moved)
        if let sibling { closeVacant(sibling) }
        let target = sibling ?? takeLeaf()
        if sibling == nil { link(target, below: leaf) }
        moveLower(of: leaf, from: kept, to: target)
        let result =
            slot <= kept && !isLowest
            ? Position(leaf: leaf, slot: slot) : Position(leaf: target, slot: slot - kept)
        place(range, in: result.leaf, at: result.slot)
        let key = ranges[target << Self.leafShift].hi
        if height > 0 { store(summary(ofLeaf: leaf), at: Int(path[height - 1])) }
        if sibling != nil {
            // The two share a node, whose own bound covers the same holes as before.
            keys[Int(path[height - 1]) + 1] = key
            store(summary(ofLeaf: target), at: Int(path[height - 1]) + 1)
        } else {
            insertChild(
                UInt32(target), key: key, summary(ofLeaf: target), path, level: height - 1)
        }
        return result
    }

    /// The next lower leaf, when it hangs from the same node and has room.
    private func lowerSibling(_ path: Path, roomFor more: Int) -> Int? {
        guard height > 0 else { return nil }
        let index = Int(path[height - 1])
        let slot = index & (Self.nodeCapacity - 1)
        guard slot + 1 < Int(nodeCounts[index >> Self.nodeShift]) else { return nil }
        let leaf = Int(children[index + 1])
        return leaves[leaf].held + more <= Self.leafCapacity ? leaf : nil
    }

    /// Moves the ranges of `leaf` from slot `first` on to the front of `target`, which is the next lower
    /// leaf.
    private mutating func moveLower(of leaf: Int, from first: Int, to target: Int) {
        let more = Int(leaves[leaf].count) - first
        let there = target << Self.leafShift
        for offset in (0..<Int(leaves[target].count)).reversed() {
            ranges[there + offset + more] = ranges[there + offset]
        }
        for offset in 0..<more {
            ranges[there + offset] = ranges[(leaf << Self.leafShift) + first + offset]
        }
        leaves[leaf].count = UInt8(first)
        leaves[target].count += UInt8(more)
    }

    /// Puts a child after the entry `path[level]`; level -1 is a new root above the old one.
    private mutating func insertChild(
        _ child: UInt32, key: UInt64, _ summary: HoleSummary, _ path: Path, level: Int
    ) {
        trail.leaf = -1
        guard level >= 0 else {
            let old = root
            let oldSummary =
                height == 0 ? self.summary(ofLeaf: Int(old)) : self.summary(ofNode: Int(old))
            let node = takeNode()
            let base = node << Self.nodeShift
            nodeCounts[node] = 2
            setEntry(base, child: old, key: .max, oldSummary)
            setEntry(base + 1, child: child, key: key, summary)
            root = UInt32(node)
            height += 1
            precondition(height <= path.count, "range tree of \(height) levels")
            return
        }
        let node = Int(path[level]) >> Self.nodeShift
        let slot = (Int(path[level]) & (Self.nodeCapacity - 1)) + 1
        guard Int(nodeCounts[node]) == Self.nodeCapacity else {
            placeChild(child, key: key, summary, in: node, at: slot)
            return
        }
        let new = takeNode()
        let kept = slot == Self.nodeCapacity ? slot : Self.nodeCapacity / 2
        for (offset, source) in (kept..<Self.nodeCapacity).enumerated() {
            moveEntry(from: (node << Self.nodeShift) + source, to: (new << Self.nodeShift) + offset)
        }
        nodeCounts[node] = UInt8(kept)
        nodeCounts[new] = UInt8(Self.nodeCapacity - kept)
        if slot <= kept && kept < Self.nodeCapacity {
            placeChild(child, key: key, summary, in: node, at: slot)
        } else {
            placeChild(child, key: key, summary, in: new, at: slot - kept)
        }
        if level > 0 { store(self.summary(ofNode: node), at: Int(path[level - 1])) }
        insertChild(
            UInt32(new), key: keys[new << Self.nodeShift], self.summary(ofNode: new), path,
            level: level - 1)
    }

    private mutating func placeChild(
        _ child: UInt32, key: UInt64, _ summary: HoleSummary, in node: Int, at slot: Int
    ) {
        let base = node << Self.nodeShift
        var index = base + Int(nodeCounts[node])
        while index > base + slot {
            moveEntry(from: index - 1, to: index)
            index -= 1
        }
        setEntry(index, child: child, key: key, summary)
        nodeCounts[node] += 1
    }

    private mutating func setEntry(_ index: Int, child: UInt32, key: UInt64, _ summary: HoleSummary) {
        children[index] = child
        keys[index] = key
        store(summary, at: index)
    }

    mutating func moveEntry(from source: Int, to target: Int) {
        children[target] = children[source]
        keys[target] = keys[source]
        longest[target] = longest[source]
        blockOrders[target] = blockOrders[source]
        capacities[target] = capacities[source]
    }

    private mutating func link(_ new: Int, below leaf: Int) {
        let next = leaves[leaf].lower
        leaves[new].lower = next
        leaves[new].higher = UInt32(leaf)
        if next != Self.none { leaves[Int(next)].higher = UInt32(new) }
        leaves[leaf].lower = UInt32(new)
    }

    private mutating func takeLeaf() -> Int {
        if let leaf = freeLeaves.popLast() { return Int(leaf) }
        Self.makeRoom(in: &ranges, for: Self.leafCapacity)
        ranges.append(contentsOf: repeatElement(Self.sentinel, count: Self.leafCapacity))
        leaves.append(Leaf(count: 0))
        return leaves.count - 1
    }

    private mutating func takeNode() -> Int {
        if let node = freeNodes.popLast() { return Int(node) }
        keys.append(contentsOf: repeatElement(0, count: Self.nodeCapacity))
        children.append(contentsOf: repeatElement(Self.none, count: Self.nodeCapacity))
        longest.append(contentsOf: repeatElement(0, count: Self.nodeCapacity))
        blockOrders.append(contentsOf: repeatElement(0, count: Self.nodeCapacity))
        capacities.append(contentsOf: repeatElement(0, count: Self.nodeCapacity))
        nodeCounts.append(0)
        return nodeCounts.count - 1
    }

    /// Grows by a quarter instead of doubling: the ranges are nearly all of the memory.
    private static func makeRoom(in ranges: inout [PageFrameRange], for more: Int) {
        let wanted = ranges.count + more
        if wanted > ranges.capacity { ranges.reserveCapacity(wanted + ranges.count / 4) }
    }
}
