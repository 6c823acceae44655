// The ranges of the reference, ordered by address, in a treap: a binary tree that grows as the kernel's
// red-black tree does. Search, insertion and removal are O(log n) expected; a step to a neighbour is
// O(1) amortised, and a walk touches one node a range. It knows nothing of holes: walking is the point.

import IOVAAllocation

/// Disjoint ranges in ascending order. A node keeps its number as long as its range lives.
struct RangeTree: Sendable {
    typealias Node = Int32
    static let none: Node = -1

    private struct Entry: Sendable {
        var range: PageFrameRange
        var left = RangeTree.none
        var right = RangeTree.none
        var parent = RangeTree.none
        /// A parent's is at least as high as its children's.
        var priority: UInt32
    }

    private var entries: [Entry] = []
    private var vacant: [Node] = []
    private var root = none
    /// Priorities come from a counter, so that equal traces build equal trees.
    private var counter: UInt64 = 0

    /// Ranges in the tree.
    var count: Int { entries.count - vacant.count }

    subscript(node: Node) -> PageFrameRange { entries[Int(node)].range }

    /// Moves the first pfn of a range; it must stay above its lower neighbour.
    mutating func setLow(of node: Node, to lo: UInt64) { entries[Int(node)].range.lo = lo }

    /// The first range whose last pfn is at or above `pfn`.
    func first(reaching pfn: UInt64) -> Node {
        var at = root
        var found = Self.none
        while at != Self.none {
            if entries[Int(at)].range.hi >= pfn {
                found = at
                at = entries[Int(at)].left
            } else {
                at = entries[Int(at)].right
            }
        }
        return found
    }

    /// The next lower range.
    func previous(_ node: Node) -> Node {
        var at = entries[Int(node)].left
        if at != Self.none {
            while entries[Int(at)].right != Self.none { at = entries[Int(at)].right }
            return at
        }
        at = node
        while entries[Int(at)].parent != Self.none {
            let parent = entries[Int(at)].parent
            if entries[Int(parent)].right == at { return parent }
            at = parent
        }
        return Self.none
    }

    /// The next higher range.
    func next(_ node: Node) -> Node {
        var at = entries[Int(node)].right
        if at != Self.none {
            while entries[Int(at)].left != Self.none { at = entries[Int(at)].left }
            return at
        }
        at = node
        while entries[Int(at)].parent != Self.none {
            let parent = entries[Int(at)].parent
            if entries[Int(parent)].left == at { return parent }
            at = parent
        }
        return Self.none
    }

    /// Adds a range that overlaps none of the others.
    mutating func insert(_ range: PageFrameRange) -> Node {
        let node = newNode(range)
        var at = root
        var parent = Self.none
        while at != Self.none {
            parent = at
            at = range.lo < entries[Int(at)].range.lo ? entries[Int(at)].left : entries[Int(at)].right
        }
        entries[Int(node)].parent = parent
        if parent == Self.none {
            root = node
        } else if range.lo < entries[Int(parent)].range.lo {
            entries[Int(parent)].left = node
        } else {
            entries[Int(parent)].right = node
        }
        while entries[Int(node)].parent != Self.none,
            entries[Int(entries[Int(node)].parent)].priority < entries[Int(node)].priority
        {
            rotateUp(node)
        }
        return node
    }

    mutating func remove(_ node: Node) {
        while true {
            let (left, right) = (entries[Int(node)].left, entries[Int(node)].right)
            if left == Self.none || right == Self.none {
                replace(node, by: left == Self.none ? right : left)
                break
            }
            rotateUp(entries[Int(left)].priority > entries[Int(right)].priority ? left : right)
        }
        vacant.append(node)
    }

    private mutating func newNode(_ range: PageFrameRange) -> Node {
        counter &+= 0x9E37_79B9_7F4A_7C15
        let mixed = (counter ^ (counter >> 30)) &* 0xBF58_476D_1CE4_E5B9
        let entry = Entry(range: range, priority: UInt32(truncatingIfNeeded: mixed >> 32))
        if let node = vacant.popLast() {
            entries[Int(node)] = entry
            return node
        }
        entries.append(entry)
        return Node(entries.count - 1)
    }

    /// `node` takes its parent's place, the parent becomes its child.
    private mutating func rotateUp(_ node: Node) {
        let parent = entries[Int(node)].parent
        let inner: Node
        if entries[Int(parent)].left == node {
            inner = entries[Int(node)].right
            entries[Int(parent)].left = inner
            entries[Int(node)].right = parent
        } else {
            inner = entries[Int(node)].left
            entries[Int(parent)].right = inner
            entries[Int(node)].left = parent
        }
        if inner != Self.none { entries[Int(inner)].parent = parent }
        let above = entries[Int(parent)].parent
        entries[Int(parent)].parent = node
        entries[Int(node)].parent = above
        link(above, parent, node)
    }

    private mutating func replace(_ node: Node, by child: Node) {
        let above = entries[Int(node)].parent
        if child != Self.none { entries[Int(child)].parent = above }
        link(above, node, child)
    }

    /// What pointed down to `old` points to `new`.
    private mutating func link(_ above: Node, _ old: Node, _ new: Node) {
        if above == Self.none {
            root = new
        } else if entries[Int(above)].left == old {
            entries[Int(above)].left = new
        } else {
            entries[Int(above)].right = new
        }
    }
}
