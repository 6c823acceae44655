// Which session ends next: a binary heap of deadlines that knows where each member stands, so that renewing
// and deleting leave nothing behind. No clock here; the owner says what time it is.

/// Deadlines by slot, a small number that the owner gives out and reuses.
public struct ExpiryHeap: Sendable {
    private struct Entry {
        var deadline: UInt64
        var slot: Int
    }

    private var entries: [Entry] = []
    /// By slot: index in `entries`, -1 when the slot is not in the heap.
    private var places: [Int] = []

    public init() {}

    public var count: Int { entries.count }

    /// The earliest deadline and whose it is. O(1).
    public var first: (deadline: UInt64, slot: Int)? {
        entries.first.map { ($0.deadline, $0.slot) }
    }

    /// Sets or moves a slot's deadline. O(log n).
    public mutating func set(_ slot: Int, deadline: UInt64) {
        precondition(slot >= 0, "slot \(slot)")
        while places.count <= slot { places.append(-1) }
        if places[slot] < 0 {
            places[slot] = entries.count
            entries.append(Entry(deadline: deadline, slot: slot))
            rise(entries.count - 1)
        } else {
            let index = places[slot]
            entries[index].deadline = deadline
            rise(index)
            sink(places[slot])
        }
    }

    /// Takes a slot out, if it is in. O(log n).
    public mutating func remove(_ slot: Int) {
        guard places.indices.contains(slot), places[slot] >= 0 else { return }
        let index = places[slot]
        let last = entries.removeLast()
        places[slot] = -1
        guard index < entries.count else { return }
        entries[index] = last
        places[last.slot] = index
        rise(index)
        sink(places[last.slot])
    }

    private mutating func rise(_ start: Int) {
        var index = start
        while index > 0 {
            let parent = (index - 1) / 2
            guard entries[index].deadline < entries[parent].deadline else { return }
            exchange(index, parent)
            index = parent
        }
    }

    private mutating func sink(_ start: Int) {
        var index = start
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < entries.count && entries[child].deadline < entries[least].deadline {
                least = child
            }
            guard least != index else { return }
            exchange(index, least)
            index = least
        }
    }

    private mutating func exchange(_ a: Int, _ b: Int) {
        entries.swapAt(a, b)
        places[entries[a].slot] = a
        places[entries[b].slot] = b
    }
}
