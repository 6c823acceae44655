// The held ranges of a domain for reading, lowest first.

/// A sequence of the ranges that a domain holds, ascending, without the sentinel. O(1) a step.
public struct HeldRanges: Sequence, Sendable {
    let tree: RangeTree
    /// The first range of the sequence, or the sentinel.
    let start: RangeTree.Position

    public struct Iterator: IteratorProtocol {
        let tree: RangeTree
        var position: RangeTree.Position

        public mutating func next() -> PageFrameRange? {
            guard position.leaf != 0 || position.slot != 0 else { return nil }
            let range = tree[position]
            position = tree.above(position)
            return range
        }
    }

    public func makeIterator() -> Iterator { Iterator(tree: tree, position: start) }
}
