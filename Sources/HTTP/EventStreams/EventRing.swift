// The last events of one log, oldest first, addressed by a running number that no two events share. Older
// ones fall out, those of one id together. A value without locks and clocks.

/// A bounded log. Nothing is allocated before the first event.
struct EventRing<Payload: Sendable>: Sendable {
    struct Entry: Sendable {
        let id: UInt64
        let payload: Payload
        /// Whether more events of the same id follow this one. Last, where it fits into the payload's
        /// padding.
        let isContinued: Bool

        init(id: UInt64, isContinued: Bool, payload: Payload) {
            self.id = id
            self.payload = payload
            self.isContinued = isContinued
        }
    }

    let capacity: Int
    /// Grows up to `capacity`, then is a circle that begins at `head`.
    private var entries: [Entry] = []
    private var head = 0
    private(set) var count = 0
    /// The number of the oldest event that is kept.
    private(set) var firstNumber: UInt64 = 0
    /// The id of the newest event ever added.
    private(set) var lastID: UInt64
    /// The id of the newest event that has fallen out, or was never here.
    private(set) var lostID: UInt64

    init(capacity: Int, lastID: UInt64) {
        precondition(capacity > 0, "an event ring of \(capacity) events")
        self.capacity = capacity
        self.lastID = lastID
        lostID = lastID
    }

    /// The number that the next event will get.
    var nextNumber: UInt64 { firstNumber + UInt64(count) }

    /// Adds the events of an id, which is above all before. More of them than the ring holds are lost at
    /// once.
    mutating func append(_ payloads: [Payload], id: UInt64) {
        precondition(id > lastID, "event id \(id) is not above \(lastID)")
        lastID = id
        guard payloads.count <= capacity else {
            (lostID, firstNumber, count) = (id, nextNumber + UInt64(payloads.count), 0)
            return
        }
        while count + payloads.count > capacity { dropOldestID() }
        for (index, payload) in payloads.enumerated() {
            let entry = Entry(id: id, isContinued: index + 1 < payloads.count, payload: payload)
            let slot = (head + count) % capacity
            if slot == entries.count { grow(by: entry) } else { entries[slot] = entry }
            count += 1
        }
    }

    /// By a quarter instead of doubling: of ten thousand logs most are short.
    private mutating func grow(by entry: Entry) {
        if entries.count == entries.capacity {
            entries.reserveCapacity(min(capacity, entries.count + entries.count / 4 + 4))
        }
        entries.append(entry)
    }

    private mutating func dropOldestID() {
        var isContinued = true
        while isContinued {
            let entry = self[firstNumber]
            (lostID, isContinued) = (entry.id, entry.isContinued)
            head = (head + 1) % capacity
            firstNumber += 1
            count -= 1
        }
    }

    /// The event of a number that is kept.
    subscript(number: UInt64) -> Entry {
        precondition(
            number >= firstNumber && number < nextNumber, "event \(number) of \(firstNumber)..<\(nextNumber)")
        return entries[(head + Int(number - firstNumber)) % capacity]
    }

    /// The number of the first event that is kept and whose id is above `id`. O(log n).
    func firstNumber(after id: UInt64) -> UInt64 {
        var low = firstNumber
        var high = nextNumber
        while low < high {
            let middle = low + (high - low) / 2
            if self[middle].id > id { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
